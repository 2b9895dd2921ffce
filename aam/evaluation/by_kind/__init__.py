"""Formulas and judgements that only ordered classes, or counts, have."""
