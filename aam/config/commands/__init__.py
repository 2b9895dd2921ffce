"""The configuration of each command, in a file of its name."""
