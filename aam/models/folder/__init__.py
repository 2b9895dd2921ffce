"""The model folder: weights, description, model card."""
