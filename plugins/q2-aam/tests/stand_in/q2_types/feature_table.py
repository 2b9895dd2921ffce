"""Feature tables."""

import h5py
from rachis.plugin import BinaryFileFormat, SemanticType, SingleFileDirectoryFormat

FeatureTable = SemanticType("FeatureTable", field_names="content")
Frequency = SemanticType("Frequency", variant_of=FeatureTable.field["content"])


class BIOMV210Format(BinaryFileFormat):
    """A BIOM 2.1 table."""

    def _validate_(self, level):
        with h5py.File(str(self), "r") as file:
            assert "observation/ids" in file


BIOMV210DirFmt = SingleFileDirectoryFormat("BIOMV210DirFmt", "feature-table.biom", BIOMV210Format)
