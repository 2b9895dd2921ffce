"""Readers of users' files: each returns a valid object or raises an InputError."""
