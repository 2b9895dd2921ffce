"""Counts that may be larger than memory: every step works by blocks of samples."""
