"""Tests of the GPU inventories and of GPUs in containers."""
