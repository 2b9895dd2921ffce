"""Sequences."""

from rachis.plugin import SemanticType, SingleFileDirectoryFormat, TextFileFormat

FeatureData = SemanticType("FeatureData", field_names="type")
Sequence = SemanticType("Sequence", variant_of=FeatureData.field["type"])


class DNAFASTAFormat(TextFileFormat):
    """A FASTA file."""

    def _validate_(self, level):
        with self.open() as file:
            assert file.read(1) == ">"


DNASequencesDirectoryFormat = SingleFileDirectoryFormat(
    "DNASequencesDirectoryFormat", "dna-sequences.fasta", DNAFASTAFormat
)
