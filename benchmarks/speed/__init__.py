"""Seconds, memory and rates: each program measures in processes of its own and writes a table."""
