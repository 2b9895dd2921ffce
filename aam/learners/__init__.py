"""Learners: what predicts a target from samples."""
