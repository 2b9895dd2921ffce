"""Vectors of samples, ASVs and clades; ordinations, tests, and nearest training samples: `aam embed`."""
