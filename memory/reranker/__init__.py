"""The small cross-encoder that ships: its text form, its training."""
