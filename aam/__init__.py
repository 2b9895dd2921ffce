"""AAM (Attention All Microbes): predict what the metadata says from 16S amplicon data."""

__version__ = "0.1.0"
