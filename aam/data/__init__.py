"""From files to batches: tables, sample sheets, distances, taxonomy, and the samples made of them."""
