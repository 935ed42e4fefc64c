"""Images worth knowing, as data: read once, never from the network."""

from .curated import curated_entries, nvidia_matrix
from .own import own_entries

__all__ = ["curated_entries", "nvidia_matrix", "own_entries"]
