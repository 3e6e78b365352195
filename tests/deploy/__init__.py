"""The deployment, for real: `make test-deploy`."""
