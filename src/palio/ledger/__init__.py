"""The public, ordered, signed record."""
