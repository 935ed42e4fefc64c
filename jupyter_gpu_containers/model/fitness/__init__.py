"""Whether an image runs on a machine, from documents alone."""
