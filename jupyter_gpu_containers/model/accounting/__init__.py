"""What GPUs were used for: what is measured while they are held, and what is reported of it."""
