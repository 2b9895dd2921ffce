"""The page of an explanation: what was found, in words with names of taxa, and in figures and tables."""
