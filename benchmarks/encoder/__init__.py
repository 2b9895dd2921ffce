"""The encoder that is shipped: how it is made, and what it adds to a study that it never saw."""
