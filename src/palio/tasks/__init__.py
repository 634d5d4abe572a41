"""Where samples come from and how answers are judged."""
