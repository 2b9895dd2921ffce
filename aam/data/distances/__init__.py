"""Distances between samples: one dispatch, computed block by block, written as files."""
