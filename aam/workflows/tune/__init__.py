"""`aam tune`: search for better options, and tell whether that is worth it."""
