"""Which sequences an encoder was trained on, as a sketch: numbers made of their first bases.

Legend: ``N`` samples and ``A`` ASVs of a study, ``H`` sequences that are known.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from aam.config.json_dataclass import need
from aam.data.counts.blocks import times_vector
from aam.data.study.study import Study
from aam.errors import CheckpointError
from aam.files.atomic import atomic_write
from aam.models.folder.container import contents_checked
from aam.models.shipped.places import KNOWN, folder_of

PREFIX_BASES = 90
"""Bases that two sequences share if they count as the same: reads of 90 bases and more can be compared."""
HASHES = "hashes"
HASH_BYTES = 8


def prefix_hashes(tokens: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """A number made of the first ``PREFIX_BASES`` bases of each sequence; 0 for a shorter one.

    It is the BLAKE2b digest of eight bytes of their codes of :mod:`aam.alphabet`, lowest byte first.

    Parameters
    ----------
    tokens
        Codes of the bases, ``A x L``.
    lengths
        Number of bases of each sequence.
    """
    found = np.zeros(len(tokens), dtype=np.uint64)
    prefixes = np.ascontiguousarray(tokens[:, :PREFIX_BASES], dtype=np.uint8)
    for row in np.flatnonzero(lengths >= PREFIX_BASES):
        digest = hashlib.blake2b(prefixes[row].tobytes(), digest_size=HASH_BYTES).digest()
        found[row] = int.from_bytes(digest, "little")
    return found


def write_known(folder: Path, tokens: np.ndarray, lengths: np.ndarray) -> None:
    """Write the sketch of sequences into a model folder.

    Parameters
    ----------
    folder
        The model folder.
    tokens, lengths
        As in :func:`prefix_hashes`.
    """
    hashes = np.unique(prefix_hashes(tokens, lengths))
    with atomic_write(folder / KNOWN, mode="wb") as file:
        file.write(save({HASHES: hashes[hashes > 0]}))


def known_asvs(folder: Path, study: Study) -> np.ndarray:
    """For each ASV of a study whether an encoder was trained on a sequence with the same first bases (bool, ``A``).

    Parameters
    ----------
    folder
        Model folder of the encoder.
    study
        The study; all of its reads should start where the encoder's did.

    Raises
    ------
    CheckpointError
        If the sketch is not there, or damaged.
    """
    known_H = _read_known(folder / KNOWN)
    hash_A = prefix_hashes(study.tokens, study.lengths)
    return np.isin(hash_A, known_H)


def familiar_reads(name: str, study: Study) -> np.ndarray:
    """Share of each sample's reads whose sequence an encoder of the package was trained on.

    Sequences are compared by their first ``PREFIX_BASES`` bases; a shorter one is never known. In a study of another
    region, or one whose reads are cut or turned, next to nothing is.

    Parameters
    ----------
    name
        Name of the encoder.
    study
        The study.

    Returns
    -------
    np.ndarray
        Shares from 0 to 1, ``N``; 0 for a sample without reads.

    Raises
    ------
    CheckpointError
        As :func:`known_asvs` and :func:`~aam.models.shipped.folder_of`.
    """
    is_known_A = known_asvs(folder_of(name), study)
    reads_N = np.asarray(study.table.counts.sum(axis=1), dtype=np.float64)
    known_N = times_vector(study.table.counts, is_known_A.astype(np.float64))
    return known_N / np.maximum(1, reads_N)


def _read_known(path: Path) -> np.ndarray:
    try:
        arrays = load(path.read_bytes())
    except (SafetensorError, OSError, ValueError) as error:
        words = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"{path}: the known sequences cannot be read ({words}); install AAM again") from None
    with contents_checked(path):
        hashes = arrays.get(HASHES)
        need(hashes is not None and hashes.dtype == np.uint64 and hashes.ndim == 1, f"'{HASHES}' is lacking")
        assert hashes is not None
        need(bool((hashes[1:] > hashes[:-1]).all() and (hashes[:1] > 0).all()), f"'{HASHES}' do not ascend")
    return np.asarray(hashes)
