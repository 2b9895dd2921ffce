"""Makes small input files of every format that is read, with the libraries that others use to write them."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import h5py
import numpy as np

MADE = datetime(2026, 1, 1)
UUID = "0a1b2c3d-0000-4000-8000-000000000000"
MEMBERS = {
    "FeatureTable[Frequency]": "feature-table.biom",
    "FeatureData[Sequence]": "dna-sequences.fasta",
    "FeatureData[Taxonomy]": "taxonomy.tsv",
    "Phylogeny[Rooted]": "tree.nwk",
    "DistanceMatrix": "distance-matrix.tsv",
}


def random_sequences(number: int, length: int = 20, seed: int = 0) -> list[str]:
    """Different sequences, not in order."""
    rng = np.random.default_rng(seed)
    found: dict[str, None] = {}
    while len(found) < number:
        found["".join(rng.choice(list("ACGT"), length))] = None
    return list(found)


def related_sequences(number: int, length: int = 120, seed: int = 0) -> list[str]:
    """Relatives of one ancestor, which all seeds have: a tenth of the bases differs, and none of 40 to 65."""
    rng, root = np.random.default_rng(seed), np.random.default_rng(5).integers(4, size=length)
    changed = rng.random((number, length)) < 0.1
    changed[:, 40:65] = False
    bases = (root + changed * rng.integers(1, 4, (number, length))) % 4
    return ["".join("ACGT"[base] for base in row) for row in bases]


def random_counts(num_samples: int, num_asvs: int, seed: int = 0) -> np.ndarray:
    """Counts, samples x ASVs, half of them 0; every sample and every ASV has reads."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 100, (num_samples, num_asvs)) * (rng.random((num_samples, num_asvs)) < 0.5)
    counts[np.arange(num_samples), np.arange(num_samples) % num_asvs] += 1
    counts[np.arange(num_asvs) % num_samples, np.arange(num_asvs)] += 1
    return counts


def write_biom(path: Path, counts: np.ndarray, sample_ids: Sequence[str], asv_ids: Sequence[str]) -> Path:
    """Write BIOM 2.1 (HDF5) with the biom-format library. ``counts`` is samples x ASVs."""
    with h5py.File(path, "w") as file:
        _biom(counts, sample_ids, asv_ids).to_hdf5(file, "a test", creation_date=MADE)
    return path


def write_json(path: Path, counts: np.ndarray, sample_ids: Sequence[str], asv_ids: Sequence[str]) -> Path:
    """Write BIOM 1.0 (JSON, sparse) with the biom-format library."""
    path.write_text(_biom(counts, sample_ids, asv_ids).to_json("a test", creation_date=MADE))
    return path


def write_dense_json(path: Path, counts: np.ndarray, sample_ids: Sequence[str], asv_ids: Sequence[str]) -> Path:
    """Write BIOM 1.0 (JSON, dense)."""
    content = {
        "format": "Biological Observation Matrix 1.0.0",
        "matrix_type": "dense",
        "shape": [len(asv_ids), len(sample_ids)],
        "rows": [{"id": name, "metadata": None} for name in asv_ids],
        "columns": [{"id": name, "metadata": None} for name in sample_ids],
        "data": counts.T.tolist(),
    }
    path.write_text(json.dumps(content))
    return path


def write_tsv(path: Path, counts: np.ndarray, sample_ids: Sequence[str], asv_ids: Sequence[str]) -> Path:
    """Write a table of text with the biom-format library."""
    path.write_text(_biom(counts, sample_ids, asv_ids).to_tsv())
    return path


def write_qza(path: Path, kind: str, content: bytes, member: str | None = None) -> Path:
    """Write a QIIME 2 archive around the content of its data file."""
    write_zip(path, qza_members(kind, content, member))
    return path


def write_table_qza(path: Path, counts: np.ndarray, sample_ids: Sequence[str], asv_ids: Sequence[str]) -> Path:
    """Write a QIIME 2 archive of a table."""
    content = write_biom(path.with_suffix(".inner"), counts, sample_ids, asv_ids).read_bytes()
    return write_qza(path, "FeatureTable[Frequency]", content)


def qza_members(kind: str, content: bytes, member: str | None = None) -> dict[str, bytes]:
    """The members of an archive by name, with their checksums."""
    inner = {
        "VERSION": b"QIIME 2\narchive: 5\nframework: 2024.10.0\n",
        "metadata.yaml": f"uuid: {UUID}\ntype: {kind}\nformat: SomeDirectoryFormat\n".encode(),
        f"data/{member or MEMBERS[kind]}": content,
    }
    sums = "".join(f"{hashlib.md5(data).hexdigest()}  {name}\n" for name, data in inner.items())
    inner["checksums.md5"] = sums.encode()
    return {f"{UUID}/{name}": data for name, data in inner.items()}


def write_zip(path: Path, members: dict[str, bytes]) -> Path:
    """Write a zip file."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def write_fasta(path: Path, sequences: dict[str, str]) -> Path:
    """Write FASTA."""
    path.write_text("".join(f">{name} a description\n{sequence}\n" for name, sequence in sequences.items()))
    return path


TABLE_WRITERS = {
    "biom": write_biom,
    "json": write_json,
    "dense-json": write_dense_json,
    "tsv": write_tsv,
    "qza": write_table_qza,
}


def _biom(counts: np.ndarray, sample_ids: Sequence[str], asv_ids: Sequence[str]):  # type: ignore[no-untyped-def]
    import biom

    return biom.Table(np.asarray(counts, dtype=float).T, list(asv_ids), list(sample_ids))
