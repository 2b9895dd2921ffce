"""The training step: losses, metrics, optimiser."""
