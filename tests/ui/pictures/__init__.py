"""Pictures of the interface for README and guide: `./run screenshots`."""
