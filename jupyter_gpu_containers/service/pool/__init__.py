"""Containers that wait, with the interpreter up, for kernels to come."""
