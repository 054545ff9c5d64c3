"""The guest page under attack: scripted guests of bad will, what they are told, and whether any of it was not theirs to know."""
