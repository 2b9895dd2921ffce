"""`aam learning-curve`: whether more samples would help."""
