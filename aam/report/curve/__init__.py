"""The page of `aam learning-curve`."""
