"""The small GLM that ships, and the scripts that train it."""
