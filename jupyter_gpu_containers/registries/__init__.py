"""Registries of the OCI distribution API, and the logins for them."""
