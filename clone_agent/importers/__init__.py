"""The chat exports that can be read, one file a format."""
