"""The commands: one small file each, which computes nothing itself, but calls the floors below and prints."""
