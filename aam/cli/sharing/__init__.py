"""The commands by which models travel."""
