"""Finished runs, and tables of predictions, side by side on the samples that all of them predict."""
