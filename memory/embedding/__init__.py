"""The small embedding model that ships, and the script that trains it."""
