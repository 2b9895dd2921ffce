"""From a study to batches."""
