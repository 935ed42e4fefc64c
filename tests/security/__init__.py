"""The threats of docs/threats.md, each tried."""
