"""Scorecards become a verdict."""
