"""What is competed for."""
