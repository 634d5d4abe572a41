"""The participant's fine-tuning recipe."""
