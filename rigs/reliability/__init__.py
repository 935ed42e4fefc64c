"""What the documentation says of reliability, measured: `python -m rigs.reliability`."""
