"""Tests of what `./run` does before there is a package: finding an engine, making images."""
