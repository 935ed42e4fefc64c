"""Waiting for GPUs: who starts now, who waits, and for what."""
