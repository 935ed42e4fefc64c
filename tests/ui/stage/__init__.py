"""Every state of the interface, brought about in one page: for pictures, axe and narrow panels."""
