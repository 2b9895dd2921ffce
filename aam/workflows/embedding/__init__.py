"""Vectors of samples, ASVs and clades; ordinations, tests, and nearest training samples: `aam embed`."""

RECORD = "embedding.json"
"""What was made, how, and which files are of it."""
