"""The page of `aam compare`."""
