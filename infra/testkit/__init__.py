"""What the tests, chaos and the local system share: fake AWS services, processes, a clock, the Lambda context."""
