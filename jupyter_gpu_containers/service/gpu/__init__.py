"""GPUs: who holds them, and which must not be given out."""
