"""What goes wrong, and what is left then: nothing."""
