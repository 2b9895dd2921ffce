"""Figures of an explanation: effects, shares, a tree, samples, positions and how methods agree."""
