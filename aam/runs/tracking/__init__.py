"""Trackers of experiments: each is a file that writes a run's entry for TensorBoard, Weights & Biases or MLflow."""
