"""The cache of ASV vectors at size: written whole or not at all, mapped when it is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from aam.files.array_folder import Parsed
from aam.files.cache import CacheCodec, find_entry, keep_entry
from benchmarks.load.child import Meter, Row

SOURCE, ENTRY = "vectors.npy", "vectors-" + "0" * 40
OWN_GIGABYTES = 0.1
SECONDS_OF_A_GIGABYTE = 30
FORM: CacheCodec[np.ndarray] = CacheCodec("vectors", lambda v: Parsed({"v": v}, {}), lambda parsed: parsed.arrays["v"])


def make_vectors(folder: Path, asvs: int, width: int) -> None:
    """Write vectors of many ASVs, block by block."""
    vectors_AD = np.lib.format.open_memmap(folder / SOURCE, "w+", np.float32, (asvs, width))
    rng = np.random.default_rng(0)
    for start in range(0, asvs, 100_000):
        some = vectors_AD[start : start + 100_000]
        some[:] = rng.standard_normal(some.shape, dtype=np.float32)
    vectors_AD.flush()


def keep(folder: Path, asvs: int, width: int) -> Row:
    """Keep the vectors."""
    vectors_AD = np.load(folder / SOURCE, mmap_mode="r")
    with Meter() as meter:
        keep_entry(folder / ENTRY, FORM, vectors_AD)
    right = (folder / ENTRY).is_dir() and not list(folder.glob(".aam-new-*"))
    return meter.row(f"{_what(asvs, width)}: kept", right=right, **_limits(vectors_AD))


def find(folder: Path, asvs: int, width: int) -> Row:
    """Find them again, checksum and all, and take a batch's."""
    rows = np.random.default_rng(1).integers(0, asvs, 2_000)
    with Meter() as meter:
        found_AD = find_entry(folder / ENTRY, FORM)
        batch_UD = None if found_AD is None else found_AD[rows]
    expected_AD = np.load(folder / SOURCE, mmap_mode="r")
    right = batch_UD is not None and np.array_equal(batch_UD, expected_AD[rows])
    return meter.row(f"{_what(asvs, width)}: found, checked, a batch taken", right=right, **_limits(expected_AD))


def _what(asvs: int, width: int) -> str:
    return f"vectors of {asvs:,} ASVs, {width} float32, {asvs * width * 4 / 1e9:.1f} GB"


def _limits(vectors_AD: np.ndarray) -> dict[str, float]:
    return {"processor": SECONDS_OF_A_GIGABYTE * vectors_AD.nbytes / 1e9, "own": OWN_GIGABYTES}
