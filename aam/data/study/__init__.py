"""A study: inputs read and aligned, split, rarefied, with covariates."""
