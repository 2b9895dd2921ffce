"""Runs that train: one model, a blend, an ensemble, a cross-validation."""
