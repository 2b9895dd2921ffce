"""Registers them."""

from rachis.plugin import Plugin

from q2_types import feature_data, feature_table, tree

plugin = Plugin("types", "0", "", package="q2_types")
for types, artifact, files in (
    (
        (feature_table.FeatureTable, feature_table.Frequency),
        feature_table.FeatureTable[feature_table.Frequency],
        feature_table.BIOMV210DirFmt,
    ),
    (
        (feature_data.FeatureData, feature_data.Sequence),
        feature_data.FeatureData[feature_data.Sequence],
        feature_data.DNASequencesDirectoryFormat,
    ),
    ((tree.Phylogeny, tree.Rooted), tree.Phylogeny[tree.Rooted], tree.NewickDirectoryFormat),
):
    plugin.register_semantic_types(*types)
    plugin.register_formats(files)
    plugin.register_artifact_class(artifact, directory_format=files)
