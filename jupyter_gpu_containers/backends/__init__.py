"""Container engines behind `ports.ContainerBackend`: a Docker-compatible engine, and memory."""
