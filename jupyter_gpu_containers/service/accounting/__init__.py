"""What GPUs are used for: measured while they are held, written down, and reported."""
