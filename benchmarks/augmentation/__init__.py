"""What each augmentation of training samples brings."""
