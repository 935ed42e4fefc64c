"""Programs of `rigs/`, tried small."""
