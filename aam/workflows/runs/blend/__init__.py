"""A run whose model is a blend of learners."""
