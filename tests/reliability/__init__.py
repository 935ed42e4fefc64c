"""What the documentation says of reliability, measured: `python -m tests.reliability`."""
