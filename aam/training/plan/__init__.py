"""What a run derives from its options and its data before it begins."""
