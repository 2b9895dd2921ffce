"""The files of a simulated study: all appear together or none; the BIOM 2.1 table is written sample by sample."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import h5py
import numpy as np
from scipy.sparse import csr_array

from aam.errors import InputError
from aam.files.staged import staged_folder

CHUNK = 1 << 16
ENTRIES_PER_BLOCK = 1 << 23
ENTRIES_READ_AT_ONCE = 1 << 20
CREATION_DATE = "2000-01-01T00:00:00"


class BiomWriter:
    """A BIOM 2.1 (HDF5) table that grows by samples and is turned around at the end.

    The format holds the matrix twice, sample by sample and ASV by ASV. Samples are appended to the first as they
    come; :meth:`finish` makes the second by reading the first in several passes, each for as many ASVs as fit into a
    buffer of fixed size. The creation date is a constant, so that the same content gives the same bytes.

    Parameters
    ----------
    path
        File to write; used as a context manager, which closes it.
    asv_ids
        Ids of the ASVs, in order.
    most_entries
        Upper bound of the number of stored counts, which decides how wide the matrices' pointers are (the format's
        32 bits, or 64 for more than 2 billion).

    Attributes
    ----------
    entries
        Number of counts stored so far.
    entries_of_asv
        The same for each ASV, int64 (A,).

    References
    ----------
    http://biom-format.org/documentation/format_versions/biom-2.1.html
    """

    def __init__(self, path: Path, asv_ids: Sequence[str], most_entries: int) -> None:
        self._num_asvs = len(asv_ids)
        self._most_entries = most_entries
        self._pointer_type = np.int32 if most_entries <= np.iinfo(np.int32).max else np.int64
        self.entries_of_asv = np.zeros(self._num_asvs, dtype=np.int64)
        self._samples = 0
        self.entries = 0
        self._file = h5py.File(path, "w")
        for axis in ("observation", "sample"):
            self._make_axis(axis)
        for start in range(0, self._num_asvs, CHUNK):
            self._append("observation/ids", asv_ids[start : start + CHUNK])

    def __enter__(self) -> BiomWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self._file.close()
        except RuntimeError as failure:  # what h5py raises where the disk is full
            raise OSError(str(failure)) from failure

    def append(self, sample_ids: Sequence[str], block: csr_array) -> None:
        """Add samples; ``block`` holds their counts, samples x ASVs, with ascending ASVs and no zeros."""
        self._append("sample/ids", sample_ids)
        self._append("sample/matrix/data", block.data)
        self._append("sample/matrix/indices", block.indices)
        self._append("sample/matrix/indptr", self.entries + block.indptr[1:].astype(np.int64))
        self.entries_of_asv += np.bincount(block.indices, minlength=self._num_asvs)
        self._samples += len(sample_ids)
        self.entries += block.nnz
        if self.entries > self._most_entries:
            raise ValueError(f"{self.entries:,} counts, where at most {self._most_entries:,} were announced")

    def finish(self, progress: Callable[[int, int], None], entries_at_once: int = ENTRIES_PER_BLOCK) -> None:
        """Write the matrix ASV by ASV, and the table's attributes.

        Parameters
        ----------
        progress
            Called with the number of counts turned around so far, and of all.
        entries_at_once
            Counts held in memory; an ASV with more than that many makes its pass larger.
        """
        ends = np.cumsum(self.entries_of_asv)
        first, done = 0, 0
        while first < self._num_asvs:
            last = max(int(np.searchsorted(ends, done + entries_at_once, side="right")), first + 1)
            self._turn(first, last)
            first, done = last, int(ends[last - 1])
            progress(done, self.entries)
        self._append("observation/matrix/indptr", ends)
        self._describe()
        self._file.flush()

    def _turn(self, first: int, last: int) -> None:
        """Append the samples and counts of the ASVs from ``first`` up to ``last``, ASV by ASV, samples ascending."""
        per_asv = self.entries_of_asv[first:last]
        free = np.cumsum(per_asv) - per_asv
        samples = np.empty(int(per_asv.sum()), dtype=np.int32)
        counts = np.empty(len(samples))
        for start, block in self._blocks():
            by_asv = block.tocsc()
            low, high = by_asv.indptr[first], by_asv.indptr[last]
            found = np.diff(by_asv.indptr[first : last + 1])
            place = np.repeat(free - (by_asv.indptr[first:last] - low), found) + np.arange(high - low)
            samples[place] = start + by_asv.indices[low:high]
            counts[place] = by_asv.data[low:high]
            free += found
        self._append("observation/matrix/indices", samples)
        self._append("observation/matrix/data", counts)

    def _blocks(self) -> Iterator[tuple[int, csr_array]]:
        """Read the samples written so far in blocks: the number of a block's first sample, and its counts."""
        group = self._file["sample/matrix"]
        step = max(1, ENTRIES_READ_AT_ONCE * self._samples // max(self.entries, 1))
        for start in range(0, self._samples, step):
            pointers = group["indptr"][start : start + step + 1].astype(np.int64)
            entries = slice(pointers[0], pointers[-1])
            parts = (group["data"][entries], group["indices"][entries], pointers - pointers[0])
            yield start, csr_array(parts, shape=(len(pointers) - 1, self._num_asvs))

    def _make_axis(self, axis: str) -> None:
        for name in ("metadata", "group-metadata"):
            self._file.create_group(f"{axis}/{name}")
        kinds = {"data": np.float64, "indices": np.int32, "indptr": self._pointer_type}
        for name, kind in kinds.items():
            self._make(f"{axis}/matrix/{name}", kind)
        self._make(f"{axis}/ids", h5py.string_dtype())
        self._append(f"{axis}/matrix/indptr", [0])

    def _make(self, name: str, kind: np.dtype | type) -> None:
        shuffle = kind != h5py.string_dtype()
        self._file.create_dataset(
            name, (0,), kind, maxshape=(None,), chunks=(CHUNK,), compression="gzip", compression_opts=1, shuffle=shuffle
        )

    def _append(self, name: str, values: Sequence[str] | np.ndarray | list[int]) -> None:
        dataset = self._file[name]
        size = len(dataset)
        dataset.resize((size + len(values),))
        dataset[size:] = values

    def _describe(self) -> None:
        self._file.attrs.update(
            {
                "id": "No Table ID",
                "type": "OTU table",
                "format-url": "http://biom-format.org",
                "format-version": np.array([2, 1], dtype=np.int32),
                "generated-by": "AAM simulate",
                "creation-date": CREATION_DATE,
                "shape": np.array([self._num_asvs, self._samples], dtype=np.int64),
                "nnz": np.int64(self.entries),
            }
        )


TABLE, TREE, METADATA, TRUTH, README = "table.biom", "tree.nwk", "metadata.tsv", "truth.tsv", "README.txt"
FILES = (TREE, METADATA, TRUTH, README, TABLE)


@contextmanager
def staged_output(output_dir: Path, *, overwrite: bool, expected_bytes: int) -> Iterator[Path]:
    """Give a folder to write a study to; see :func:`~aam.files.staged.staged_folder`.

    Parameters
    ----------
    output_dir
        The folder; made if it is not there.
    overwrite
        Replace the files of an earlier simulation; other files of the folder stay.
    expected_bytes
        Room that the files will need, roughly.

    Raises
    ------
    InputError
        If the folder cannot be made, is not empty (without ``overwrite``), has files of the same names that are not
        a simulation's, or another process is writing to it.
    RunError
        If the disk has no room, at the start or later.
    """
    with staged_folder(
        output_dir, lambda: _check_content(output_dir, overwrite), lambda: FILES, expected_bytes=expected_bytes
    ) as folder:
        yield folder


def _check_content(output_dir: Path, overwrite: bool) -> None:
    content = sorted(path.name for path in output_dir.iterdir())
    if content and not overwrite:
        problem = f"the folder is not empty ({len(content)} items, first {content[0]})"
        raise InputError(output_dir, problem, "give --overwrite or another --output-dir")
    if TRUTH not in content and (taken := [name for name in FILES if name in content]):
        problem = f"holds {taken[0]}, which is not from a simulation (there is no {TRUTH})"
        raise InputError(output_dir, problem, "choose another --output-dir")
