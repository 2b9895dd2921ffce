"""Targets: scaling, fitting on the training samples, conformal intervals."""
