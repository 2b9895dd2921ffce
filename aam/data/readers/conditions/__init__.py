"""Conditions of ``--where``: read as one SQL expression, given types, and written anew as SQL that only reads."""
