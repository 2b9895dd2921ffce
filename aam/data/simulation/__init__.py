"""The parts of a simulated study: tree, sequences, community and the writer of its table."""
