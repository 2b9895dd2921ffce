"""Data-dependent initialisation: what is set from the data before the first step."""
