"""Small studies as real files and as arrays, for the tests of what reads, aligns and draws them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from aam.alphabet import PAD, encode
from aam.config import StudyOptions, TableOptions
from aam.data.readers.metadata import Metadata
from aam.data.readers.table import Table
from aam.data.study.rarefaction import sample_key
from aam.data.study.study import Study

NUM_SAMPLES, NUM_ASVS = 12, 20


@dataclass
class Files:
    """Where the files are, and what is in them."""

    folder: Path
    counts: np.ndarray  # samples x ASVs
    sample_ids: list[str]
    sequences: list[str]

    def table(self, name: str = "table.tsv") -> TableOptions:
        return TableOptions(table=(self.folder / name,))

    def study(self, **options: object) -> StudyOptions:
        return StudyOptions(**{"metadata": self.folder / "metadata.tsv", "tree": self.folder / "tree.nwk", **options})


def write_study(folder: Path, seed: int = 0) -> Files:
    """Write table.tsv, metadata.tsv and tree.nwk: ages, three sites, four subjects with three samples each."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(20, (NUM_SAMPLES, NUM_ASVS)) * (rng.random((NUM_SAMPLES, NUM_ASVS)) < 0.6)
    counts[np.arange(NUM_ASVS) % NUM_SAMPLES, np.arange(NUM_ASVS)] += 5
    lengths = rng.integers(12, 21, NUM_ASVS)
    sequences = ["".join(rng.choice(list("ACGT"), n)) for n in lengths]
    sample_ids = [f"s{i:02d}" for i in range(NUM_SAMPLES)]
    files = Files(folder, counts, sample_ids, sequences)
    write_table(folder / "table.tsv", counts, sample_ids, sequences)
    rows = [
        [sample_id, str(round(3.5 * i, 1)), "abc"[i % 3], f"m{i // 3}", "1.5"] for i, sample_id in enumerate(sample_ids)
    ]
    write_sheet(folder / "metadata.tsv", ["sample-id", "age", "site", "subject", "weight"], rows)
    (folder / "tree.nwk").write_text(caterpillar(sequences, rng))
    return files


def write_table(path: Path, counts: np.ndarray, sample_ids: list[str], sequences: list[str]) -> None:
    lines = ["\t".join(["#OTU ID", *sample_ids])]
    lines += ["\t".join([name, *map(str, column)]) for name, column in zip(sequences, counts.T, strict=True)]
    path.write_text("\n".join(lines) + "\n")


def write_sheet(path: Path, header: list[str], rows: list[list[str]]) -> None:
    path.write_text("\n".join("\t".join(row) for row in [header, *rows]) + "\n")


def caterpillar(names: list[str], rng: np.random.Generator) -> str:
    """A rooted binary tree with random branch lengths."""
    text = f"{names[0]}:{rng.random():.4f}"
    for name in names[1:]:
        text = f"({text},{name}:{rng.random():.4f}):{rng.random():.4f}"
    return text.rsplit(":", 1)[0] + ";\n"


def make_study(
    counts: np.ndarray,
    sample_ids: list[str] | None = None,
    sequences: list[str] | None = None,
    columns: dict[str, list[str]] | None = None,
    **fields: Any,
) -> Study:
    """A study from arrays; ASVs in the order of their sequences, which are made up where none are given."""
    num_samples, num_asvs = counts.shape
    ids = np.array(sample_ids or [f"s{i:03d}" for i in range(num_samples)], dtype=object)
    names = np.array(sequences or _sequences(num_asvs), dtype=object)
    order = np.argsort(names.astype(str))
    table = Table(csr_array(counts[:, order]), ids, names[order], names[order], np.full(num_samples, "t", object), ())
    tokens = encode(list(names[order]))
    sheet = {name: np.array(values, dtype=object) for name, values in (columns or {}).items()}
    values: dict[str, Any] = {
        "table": table,
        "tokens": tokens,
        "lengths": (tokens != PAD).sum(axis=1),
        "keys": np.array([sample_key(i) for i in ids], dtype=np.uint64),
        "metadata": Metadata("m.tsv", ids, sheet, ()) if columns is not None else None,
        "targets": {},
        "taxonomy_classes": (),
        "table_ids": ids,
        "flow": (),
        "notes": (),
    }
    absent = ("weights", "tree", "phylogeny", "distances", "taxonomy_labels", "rarefy_depth")
    return Study(**(dict.fromkeys(absent) | values | fields))


def random_counts(num_samples: int, num_asvs: int, seed: int = 0, share: float = 0.5) -> np.ndarray:
    """Counts with this share of non-zeros, and at least one in each sample."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 60, (num_samples, num_asvs)) * (rng.random((num_samples, num_asvs)) < share)
    counts[np.arange(num_samples), np.arange(num_samples) % num_asvs] += 1
    return counts


def _sequences(number: int) -> list[str]:
    return ["".join("ACGT"[(i >> 2 * b) & 3] for b in range(8, -1, -1)) + "ACG" * (i % 3) for i in range(number)]
