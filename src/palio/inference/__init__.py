"""Exact losses and generations for many requests at once."""
