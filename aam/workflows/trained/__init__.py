"""Trained models in memory."""
