"""Images: names, catalogue and registries, builds, and what became of a container."""
