"""Formats of other programs, one file for each; :mod:`~aam.data.readers.formats.registry` knows them all."""
