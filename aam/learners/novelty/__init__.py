"""What is known of the training data, and how unlike it a study is."""
