"""Learners of longitudinal studies: what a prediction takes from earlier samples of the same subject."""
