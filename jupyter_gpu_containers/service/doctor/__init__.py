"""What keeps kernels in containers from working, each with what to do about it."""
