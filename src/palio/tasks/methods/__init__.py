"""One module for each way of asking and judging."""
