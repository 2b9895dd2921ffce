"""What a trained model says of samples: predictions and vectors."""
