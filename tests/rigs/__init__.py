"""The programs of `rigs/`, each tried small."""
