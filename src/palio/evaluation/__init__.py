"""A model meets the tasks."""
