"""What the fuzzer reads: for each reader of bytes from outside a sound file, how to damage it, and what must hold."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from aam.cli.info_files import describe_file
from aam.config import TableOptions, TrainConfig, from_flat
from aam.config.yaml_file import read_config_file
from aam.data.readers.distance_matrix import read_distances
from aam.data.readers.metadata import Metadata, read_metadata
from aam.data.readers.sequences import read_sequences
from aam.data.readers.table import read_table
from aam.data.readers.taxonomy import Taxonomy, read_taxonomy
from aam.errors import AamError, CheckpointError, ConfigError, InputError
from aam.phylogeny.tree import read_tree
from aam.text import read_ids
from tests.badinputs import fuzz_checks as checks
from tests.badinputs.fuzz_damage import (
    Damage,
    damage_bytes,
    damage_cells,
    damage_json,
    damage_newick,
    damage_yaml,
)
from tests.badinputs.fuzz_formats import damage_hdf5, damage_npy, damage_zip, pack
from tests.badinputs.sheets import SHEET
from tests.factories import (
    qza_members,
    random_counts,
    random_sequences,
    write_biom,
    write_dense_json,
    write_fasta,
    write_json,
    write_tsv,
)
from tests.foreign_files import graph, write_count_table, write_h5ad, write_sequence_table, write_shared

SAMPLES = [f"s{i}" for i in range(4)]
SEQUENCES = random_sequences(6)
HASHES = [f"{number:032x}" for number in range(6)]
COUNTS = random_counts(4, 6)
TREE = "[&R] ((A_1:0.1,'it''s':2.5e-3)0.95:1,\n(C:3[a [b]],D:0,E:5.25)x:6);\n"
MATRIX = "\ts1\ts2\ts3\ns1\t0\t0.5\t1\ns2\t0.5\t0\t0.25\ns3\t1\t0.25\t0\n"
TAXA = f"Feature ID\tTaxon\tConfidence\n{SEQUENCES[0]}\td__Bacteria; p__Firmicutes\t0.9\n{HASHES[1]}\tUnassigned\t1\n"
CONFIG = """command: train
table: [table.biom]
metadata: 'metadata.tsv'
metadata_column: age
output_dir: run
lr: 1e-3
learners: network
batch_size: 16
where: "site == 'gut'"
rarefy_depth: auto
stratify: yes
tree: null
numeric_columns:
- ph
- depth
"""


@dataclass(frozen=True, kw_only=True)
class Target:
    """One reader.

    Attributes
    ----------
    make
        Writes sound files into an empty folder.
    read
        Reads them.
    check
        Fails where what was read cannot be right; also given what the sound files held.
    damages
        Name of a file (or the ending of its name) -> how it is damaged; one file at a time.
    errors
        What the reader may raise.
    """

    make: Callable[[Path], object]
    read: Callable[[Path], Any]
    check: Callable[[Any, Any], None]
    damages: Mapping[str, tuple[Damage, ...]]
    errors: tuple[type[AamError], ...] = (InputError, ConfigError, CheckpointError)


def of_file(
    name: str,
    make: Callable[[Path], object],
    read: Callable[[Path], Any],
    check: Callable[[Any], None],
    *damages: Damage,
) -> Target:
    """The target of a reader of one file."""
    return Target(
        make=lambda folder: make(folder / name),
        read=lambda folder: read(folder / name),
        check=lambda found, sound: check(found),
        damages={name: (damage_bytes, *damages)},
    )


def text(content: str) -> Callable[[Path], object]:
    """Writes a text."""
    return lambda path: path.write_text(content)


def archive(kind: str, content: bytes) -> Callable[[Path], object]:
    """Writes a QIIME 2 archive, the same at any time."""
    return lambda path: path.write_bytes(pack(list(qza_members(kind, content).items())))


def _table(path: Path) -> Any:
    return read_table(TableOptions(table=(path,)))


def _biom_archive(path: Path) -> None:
    content = write_biom(path.with_suffix(".inner"), COUNTS, SAMPLES, SEQUENCES).read_bytes()
    path.with_suffix(".inner").unlink()
    archive("FeatureTable[Frequency]", content)(path)


def _h5ad(kind: str) -> Callable[[Path], object]:
    """Writes AnnData with columns of each kind, and a tree."""
    site = {"codes": [1, -1, 0, 0], "categories": ["gut", "skin"]}
    obs = {"age": [1.5, 2.0, 3.5, 4.0], "site": site, "who": ["a", "b", "", "d"]}
    halves = {"root": {"n": 0.5, **dict.fromkeys(SEQUENCES[:3], 1.0)}, "n": dict.fromkeys(SEQUENCES[3:], 2.0)}
    return lambda path: write_h5ad(path, COUNTS, SAMPLES, SEQUENCES, kind, obs=obs, trees={"t": graph(halves)})


def _by_sequence(write: Callable[..., Path]) -> Callable[[Path], object]:
    """Writes a table of text whose ASVs are named by their DNA."""
    return lambda path: write(path, COUNTS, SAMPLES, SEQUENCES)


def _packed(content: bytes, rng: random.Random) -> bytes:
    """The content as gzip packs it, sound or not."""
    packed = gzip.compress(content, mtime=0)
    return rng.choice((packed, damage_bytes(packed, rng)))


def _with_fasta(folder: Path) -> None:
    write_biom(folder / "table.biom", COUNTS, SAMPLES, HASHES)
    write_fasta(folder / "sequences.fasta", dict(zip(HASHES, SEQUENCES, strict=True)))


def _hdf5_distances(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["order"] = ["s1", "s2", "s3"]
        file["matrix"] = np.array([[0, 0.5, 1], [0.5, 0, 0.25], [1, 0.25, 0]], dtype="<f4")


def _npy_distances(folder: Path) -> None:
    np.save(folder / "u.npy", np.array([[0, 0.5, 1], [0.5, 0, 0.25], [1, 0.25, 0]], dtype="<f4"))
    (folder / "ids.txt").write_text("s1\ns2\ns3\n")


def _sheet(path: Path) -> Metadata:
    """The sheet, after what is usually done with it; a column that is no number says so."""
    sheet = read_metadata(path)
    for name in sheet.columns:
        assert all(isinstance(label, str) for label in sheet.labels(name))
        try:
            values = sheet.numeric(name)
        except InputError:
            continue
        assert not np.isinf(values).any()
    if "age" in sheet.columns:
        assert sheet.where("age > 1").holds.dtype == bool
    return sheet


def _taxonomy(path: Path) -> Taxonomy:
    found = read_taxonomy(path)
    codes, taxa = found.labels(HASHES, SEQUENCES, 2)
    assert codes.max() == len(taxa) - 1 >= 0
    return found


def _config(path: Path) -> TrainConfig:
    values = read_config_file(path)
    return from_flat(TrainConfig, {name: value for name, value in values.items() if name != "command"})


INPUTS: dict[str, Target] = {
    "table-hdf5": of_file(
        "t.biom",
        lambda path: write_biom(path, COUNTS, SAMPLES, SEQUENCES),
        _table,
        checks.check_table,
        *(damage_hdf5,) * 6,
        _packed,
    ),
    "table-json": of_file(
        "t.json",
        lambda path: write_json(path, COUNTS, SAMPLES, SEQUENCES),
        _table,
        checks.check_table,
        *(damage_json,) * 6,
        _packed,
    ),
    "table-dense-json": of_file(
        "t.json",
        lambda path: write_dense_json(path, COUNTS, SAMPLES, SEQUENCES),
        _table,
        checks.check_table,
        damage_json,
    ),
    "table-tsv": of_file(
        "t.tsv", lambda path: write_tsv(path, COUNTS, SAMPLES, SEQUENCES), _table, checks.check_table, damage_cells
    ),
    "table-qza": of_file(
        "t.qza", _biom_archive, _table, checks.check_table, *(damage_zip(damage_hdf5, "feature-table.biom"),) * 3
    ),
    "table-fasta": Target(
        make=_with_fasta,
        read=lambda folder: read_table(
            TableOptions(table=(folder / "table.biom",), sequences=(folder / "sequences.fasta",), trim_length=15)
        ),
        check=lambda found, sound: checks.check_table(found),
        damages={"table.biom": (damage_hdf5,), "sequences.fasta": (damage_bytes, damage_cells)},
    ),
    "table-h5ad": of_file("t.h5ad", _h5ad("csr"), _table, checks.check_table, damage_hdf5, damage_hdf5),
    "table-h5ad-columns": of_file("t.h5ad", _h5ad("csc"), _table, checks.check_table, damage_hdf5, damage_hdf5),
    "sheet-h5ad": of_file("t.h5ad", _h5ad("dense"), _sheet, checks.check_metadata, damage_hdf5, damage_hdf5),
    "tree-h5td": of_file("t.h5td", _h5ad("csr"), read_tree, checks.check_tree, damage_hdf5, damage_hdf5),
    "table-shared": of_file("t.shared", _by_sequence(write_shared), _table, checks.check_table, damage_cells),
    "table-count": of_file("t.tsv", _by_sequence(write_count_table), _table, checks.check_table, damage_cells),
    "table-dada2": of_file("t.csv", _by_sequence(write_sequence_table), _table, checks.check_table, damage_cells),
    "sheet": of_file("m.tsv", text(SHEET), _sheet, checks.check_metadata, damage_cells),
    "sample-list": of_file("list.txt", text("s1\ns2\n\ns 3\n"), read_ids, checks.check_ids, damage_cells),
    "fasta": of_file(
        "s.fasta",
        lambda path: write_fasta(path, dict(zip("abcdef", SEQUENCES, strict=True))),
        lambda path: read_sequences([path]),
        checks.check_sequences,
        damage_cells,
    ),
    "fasta-qza": of_file(
        "s.qza",
        archive("FeatureData[Sequence]", f">a\n{SEQUENCES[0]}\n>b\n{SEQUENCES[1]}\n".encode()),
        lambda path: read_sequences([path]),
        checks.check_sequences,
        damage_zip(damage_cells, ".fasta"),
    ),
    "distances-tsv": of_file("u.lsmat", text(MATRIX), read_distances, checks.check_distances, damage_cells),
    "distances-csv": of_file(
        "u.csv", text(MATRIX.replace("\t", ",")), read_distances, checks.check_distances, damage_cells
    ),
    "distances-hdf5": of_file(
        "u.h5", _hdf5_distances, read_distances, checks.check_distances, damage_hdf5, damage_hdf5
    ),
    "distances-npy": Target(
        make=_npy_distances,
        read=lambda folder: read_distances(folder / "u.npy", folder / "ids.txt"),
        check=lambda found, sound: checks.check_distances(found),
        damages={"u.npy": (damage_bytes, damage_npy, damage_npy), "ids.txt": (damage_cells,)},
    ),
    "distances-qza": of_file(
        "u.qza",
        archive("DistanceMatrix", MATRIX.encode()),
        read_distances,
        checks.check_distances,
        damage_zip(damage_cells, ".tsv"),
    ),
    "tree": of_file("t.nwk", text(TREE), read_tree, checks.check_tree, damage_newick, damage_newick),
    "tree-midpoint": of_file(
        "t.nwk", text(TREE), lambda path: read_tree(path, "midpoint"), checks.check_tree, damage_newick
    ),
    "tree-qza": of_file(
        "t.qza",
        archive("Phylogeny[Rooted]", TREE.encode()),
        read_tree,
        checks.check_tree,
        damage_zip(damage_newick, ".nwk"),
    ),
    "taxonomy": of_file("taxonomy.tsv", text(TAXA), _taxonomy, checks.check_taxonomy, damage_cells),
    "taxonomy-qza": of_file(
        "taxonomy.qza",
        archive("FeatureData[Taxonomy]", TAXA.encode()),
        _taxonomy,
        checks.check_taxonomy,
        damage_zip(damage_cells, ".tsv"),
    ),
    "config": of_file(
        "run.yaml",
        text(CONFIG),
        _config,
        checks.check_config,
        damage_yaml,
        damage_yaml,
    ),
}


def _make_all(folder: Path) -> None:
    for kind in DESCRIBED:
        (folder / kind).mkdir()
        INPUTS[kind].make(folder / kind)


def _describe_all(folder: Path) -> int:
    """Have ``aam info`` describe each file; the sound ones once."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        if content in _SEEN:
            continue
        title, facts = describe_file(path)
        assert all(isinstance(words, str) for words in (title, *(word for fact in facts for word in fact)))
        if len(_SEEN) < len(DESCRIBED) + 1:
            _SEEN.add(content)
    return len(DESCRIBED)


_SEEN: set[bytes] = set()
DESCRIBED = [kind for kind in INPUTS if kind not in ("sample-list", "config", "distances-npy", "tree-midpoint")]
INPUTS["info"] = Target(
    make=_make_all,
    read=_describe_all,
    check=lambda found, sound: None,
    damages={f"{kind}/{name}": some for kind in DESCRIBED for name, some in INPUTS[kind].damages.items()},
)
