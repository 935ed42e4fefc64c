"""Kernels in containers: environment, launch, labels, and why one ended."""
