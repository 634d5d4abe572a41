"""The embedded library of texts, facts and words."""
