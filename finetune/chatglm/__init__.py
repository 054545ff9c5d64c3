"""Original checkpoints of ChatGLM-6B, 2, 3 and GLM-4-9B: read without the code they came with, and turned into native models."""
