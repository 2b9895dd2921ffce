"""Checkpoints, exact to resume from."""
