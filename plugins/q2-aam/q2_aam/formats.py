"""The files of QIIME 2's own artifacts that the actions read."""

from q2_types.feature_data import DNASequencesDirectoryFormat, FeatureData, Sequence
from q2_types.feature_table import BIOMV210DirFmt, FeatureTable, Frequency
from q2_types.tree import NewickDirectoryFormat, Phylogeny, Rooted

__all__ = [
    "BIOMV210DirFmt",
    "DNASequencesDirectoryFormat",
    "FeatureData",
    "FeatureTable",
    "Frequency",
    "NewickDirectoryFormat",
    "Phylogeny",
    "Rooted",
    "Sequence",
]
