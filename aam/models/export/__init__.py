"""Networks in a form that other programs can compute: padded, without a branch that depends on data."""
