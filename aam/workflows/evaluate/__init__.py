"""Judging a model by new labelled samples: `aam evaluate`."""
