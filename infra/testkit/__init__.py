"""Shared by the tests, chaos and the benchmark: fake AWS services, processes, a clock, the Lambda context."""
