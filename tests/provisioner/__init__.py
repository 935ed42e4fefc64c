"""Tests of the provisioner: all that a client of jupyter_client does with a kernel."""
