"""Hyper-parameters of the learners, and spaces of options to search."""
