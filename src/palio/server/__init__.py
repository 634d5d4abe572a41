"""The HTTP API and the web board."""
