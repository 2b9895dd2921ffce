"""Trees."""

from rachis.plugin import SemanticType, SingleFileDirectoryFormat, TextFileFormat

Phylogeny = SemanticType("Phylogeny", field_names="type")
Rooted = SemanticType("Rooted", variant_of=Phylogeny.field["type"])


class NewickFormat(TextFileFormat):
    """A Newick file."""

    def _validate_(self, level):
        with self.open() as file:
            assert file.read().rstrip().endswith(";")


NewickDirectoryFormat = SingleFileDirectoryFormat("NewickDirectoryFormat", "tree.nwk", NewickFormat)
