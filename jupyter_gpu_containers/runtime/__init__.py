"""What is carried into images, and what is remembered of them: the probe and its findings."""
