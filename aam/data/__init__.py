"""From files to batches: tables, metadata, distances, taxonomy, and the samples made of them."""
