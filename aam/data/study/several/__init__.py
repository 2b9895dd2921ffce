"""Several studies in one run: which samples are of which, leaving one out, and how they differ."""
