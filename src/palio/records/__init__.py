"""What a validator remembers."""
