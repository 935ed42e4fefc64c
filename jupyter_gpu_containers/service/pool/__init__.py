"""Containers that wait, with the kernel's shell built, for kernels to come."""
