"""The training run around the step."""
