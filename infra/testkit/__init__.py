"""Shared by the tests, chaos and the benchmark: fake AWS services, processes, Lambda."""
