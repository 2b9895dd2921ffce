"""What must hold of whatever a reader gives back: to read damaged bytes without an error, but wrongly, is the worst."""

from __future__ import annotations

import re

import numpy as np
import torch

from aam.config import to_flat
from aam.config.commands.train import TrainConfig
from aam.config.option import from_flat
from aam.data.readers.distance_matrix import TOLERANCE, Distances
from aam.data.readers.metadata import Metadata
from aam.data.readers.table import Table
from aam.data.readers.taxonomy import Taxonomy
from aam.evaluation.run_results import RunRecord
from aam.models.folder.description import ModelDescription
from aam.phylogeny.tree import Tree

DNA = re.compile("[ACGTN]{10,10000}")
DNA_WITH_AMBIGUITY = re.compile("[ACGTRYSWKMBDHVN]+")


def check_table(table: Table) -> None:
    """A sound sparse matrix of whole positive counts, of named samples and different sequences."""
    counts, (num_samples, num_asvs) = table.counts, table.counts.shape
    indptr, indices, data = (np.asarray(part) for part in (counts.indptr, counts.indices, counts.data))
    assert (len(table.sample_ids), len(table.asv_ids)) == (num_samples, num_asvs)
    assert len(table.sequences) == num_asvs
    assert len(table.studies) == num_samples
    assert indptr[0] == 0
    assert indptr[-1] == len(indices) == len(data) > 0
    assert (np.diff(indptr) > 0).all()
    assert 0 <= indices.min() <= indices.max() < num_asvs
    starts = np.zeros(len(indices), dtype=bool)
    starts[indptr[:-1]] = True
    assert (np.diff(indices) > 0)[~starts[1:]].all()
    assert data.dtype == np.int64
    assert data.min() > 0
    check_ids(table.sample_ids.tolist())
    assert all(name.isprintable() for name in table.sample_ids)
    assert list(table.sequences) == sorted(set(table.sequences))
    assert all(DNA.fullmatch(sequence) for sequence in table.sequences)
    assert all(isinstance(note, str) and note.isprintable() for note in table.notes)


def check_ids(ids: list[str]) -> None:
    """Each is a text with characters, and there once."""
    assert all(isinstance(name, str) and name.strip() for name in ids)
    assert len(set(ids)) == len(ids)


def check_metadata(sheet: Metadata) -> None:
    """Rectangular, all text, ids there once."""
    check_ids(sheet.sample_ids.tolist())
    assert len(sheet.sample_ids) > 0
    for name, cells in sheet.columns.items():
        assert name == name.strip() != ""
        assert cells.shape == sheet.sample_ids.shape
        assert all(isinstance(cell, str) and cell == cell.strip() for cell in cells)


def check_distances(distances: Distances) -> None:
    """A finite, symmetric matrix without negative numbers, of samples that are there once."""
    values = np.asarray(distances.values)
    check_ids(distances.sample_ids.tolist())
    assert values.dtype == np.float32
    assert values.shape == (len(distances.sample_ids),) * 2
    assert np.isfinite(values).all()
    tolerance = TOLERANCE * max(1.0, float(values.max()))
    assert float(values.min()) >= -tolerance
    assert float(np.abs(np.diagonal(values)).max()) <= tolerance
    assert float(np.abs(values - values.T).max()) <= tolerance


def check_tree(tree: Tree) -> None:
    """One root, parents after their children, finite lengths, tips with names that are there once."""
    nodes = np.arange(len(tree.parent))
    assert tree.parent[-1] == -1
    assert (tree.parent[:-1] > nodes[:-1]).all()
    assert tree.parent.max() < len(nodes)
    assert len(tree.length) == len(nodes)
    assert np.isfinite(tree.length).all()
    assert tree.length.min() >= 0
    assert tree.length.any()
    assert tree.length[-1] == 0
    assert len(tree.tips) == len(tree.names) == len(set(tree.names)) > 1
    assert all(tree.names)
    assert np.isfinite(tree.root_distances()).all()
    pruned = tree.prune(tree.names[:2])
    assert pruned.names == tree.names[:2]


def check_sequences(sequences: dict[str, str]) -> None:
    """Ids without spaces, DNA in upper case."""
    assert sequences
    for name, sequence in sequences.items():
        assert name.split() == [name]
        assert DNA_WITH_AMBIGUITY.fullmatch(sequence)


def check_taxonomy(taxonomy: Taxonomy) -> None:
    """Ids that are not blank, ranks without spaces around them and none empty at the end."""
    assert taxonomy.lineages
    for name, ranks in taxonomy.lineages.items():
        assert name == name.strip() != ""
        assert all(rank == rank.strip() for rank in ranks)
        assert not ranks or ranks[-1]


def check_config(config: TrainConfig) -> None:
    """It means the same when it is written and read again."""
    assert from_flat(TrainConfig, to_flat(config)) == config


def check_model(found: tuple[list[torch.nn.Module], ModelDescription]) -> None:
    """Finite weights, and a description that can be used and written again."""
    models, description = found
    assert len(models) == description.members >= 1
    assert all(bool(torch.isfinite(tensor).all()) for model in models for tensor in model.state_dict().values())
    assert ModelDescription.from_dict(description.to_dict()) == description
    assert description.sampling.token_limit >= 2
    assert isinstance(description.needed_columns, tuple)
    targets = description.targets
    for spec in () if targets is None else targets.specs:
        assert np.isfinite(spec.decode(np.zeros(3), np.zeros(3, dtype=np.int64))).all()
    for calibration in description.calibrations:
        assert calibration is None or calibration.reach(description.interval_level) >= 0


def check_run(record: RunRecord) -> None:
    """Columns of one length, predictions of samples that are there, numbers where numbers belong."""
    assert len({len(cells) for cells in record.history.values()}) <= 1
    for part in record.predictions.values():
        for column, predictions in part.items():
            assert record.targets is not None
            assert column in record.targets.columns
            assert len(predictions.predicted) == len(predictions.observed) == len(predictions)
            if predictions.probabilities is None:
                assert np.isfinite(predictions.predicted).all()
            else:
                assert predictions.probabilities.shape == (len(predictions), len(predictions.classes))
    if record.blend is not None:
        assert record.targets is not None
        for column in record.targets.columns:
            assert abs(sum(member.weights[column] for member in record.blend.members) - 1) < 0.02
    if record.embeddings is not None:
        assert np.isfinite(record.embeddings.vectors).all()
        assert len(record.embeddings.vectors) == len(record.embeddings.sample_ids)
