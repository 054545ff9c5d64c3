"""How the clone learns to speak: examples, methods, training, the answering model."""
