"""Ordinations of samples, and permutation tests of distances: NumPy, SciPy and scikit-learn alone."""
