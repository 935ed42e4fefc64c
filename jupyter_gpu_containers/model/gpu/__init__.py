"""GPUs: names, links, slots, health, and which of them a launch gets."""
