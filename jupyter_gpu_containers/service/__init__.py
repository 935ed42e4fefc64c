"""What the product does, in terms of the ports: images, environments, claims, kernels, launches."""
