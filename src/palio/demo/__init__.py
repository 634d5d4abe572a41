"""A complete competition, played on this machine."""
