"""Measurements of AAM: how accurate, and how fast."""
