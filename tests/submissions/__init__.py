"""Tests of submissions: what is admitted, what is refused, and that nothing else happens."""
