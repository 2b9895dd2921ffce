"""Where predictions are wrong: by level of a column, with what errors go along, and which samples are the worst."""
