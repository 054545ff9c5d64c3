"""What the clone remembers: passages, vectors, words, recall."""
