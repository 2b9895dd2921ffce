"""Learners of many decision trees, and the trees as arrays."""
