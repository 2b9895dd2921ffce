"""HDF5 files from others: no link is followed to other files, and only what is of the kind needed is read.

A damaged or hostile HDF5 file can make the usual readers crash the interpreter, read other files, or fill the memory.
Here each link, type and size is looked at before any value is.
"""

from __future__ import annotations

import io
import mmap
import os
import re
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from aam.errors import InputError
from aam.files.limits import limits
from aam.files.scratch import BLOCK, IN_MEMORY_BYTES, blocks, new_array
from aam.progress import Bar
from aam.text import shorten

SIGNATURE = b"\x89HDF\r\n\x1a\n"
# Global heaps, in which the format keeps texts of varying length; their objects have an index and a size.
HEAP_START = b"GCOL\x01\0\0\0"
OBJECT = struct.Struct("<HHIQ")
FREE_SPACE = 0
DAMAGE = (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError)


class Hdf5File:
    """An open HDF5 file of someone else.

    Parameters
    ----------
    file
        The file.
    source
        Its name in messages.
    """

    def __init__(self, file: h5py.File, source: str | os.PathLike[str]) -> None:
        self._file = file
        self.source = source

    def has(self, *names: str) -> bool:
        """Whether all of these datasets are there."""
        return all(self._find(name) is not None for name in names)

    def shape_attribute(self) -> tuple[int, ...] | None:
        """The attribute ``shape`` of the file; None where it has none."""
        value = self._file.attrs.get("shape")
        return None if value is None else tuple(int(n) for n in np.ravel(value))

    def numbers(self, name: str, kinds: str, ndim: int = 1) -> np.ndarray:
        """All values of a dataset of numbers; those of a large one lie on the disk.

        Parameters
        ----------
        name
            Path of the dataset.
        kinds
            numpy's kinds of types that are accepted: ``"iu"``, ``"iuf"``.
        ndim
            Dimensions that it must have.
        """
        dataset = self._dataset(name, ndim)
        if dataset.dtype.kind not in kinds:
            raise InputError(self.source, f"'{name}' holds {dataset.dtype} values, numbers are needed")
        native = dataset.dtype.newbyteorder("=")
        # Half precision ends at 65,504: sums and comparisons with what is larger would overflow.
        kind = np.dtype(np.float32) if native == np.float16 else native
        if ndim == 1 and dataset.size * kind.itemsize > IN_MEMORY_BYTES:
            return self._in_blocks(name, dataset, kind)
        values: np.ndarray = dataset[()]
        return values.astype(kind, copy=False)

    def _in_blocks(self, name: str, dataset: h5py.Dataset, kind: np.dtype[Any]) -> np.ndarray:
        """All values of a large dataset, which are never in memory together."""
        values = new_array(dataset.size, kind)
        started = time.monotonic()
        with Bar(f"reading {name} of {Path(self.source).name}", "values", dataset.size) as bar:
            for block in blocks(dataset.size):
                values[block] = dataset[block]
                bar.advance(block.stop - block.start)
                rate = bar.done / max(time.monotonic() - started, 1e-3)
                bar.say(bar.what, f"{rate / 1e6:,.1f} million a second")
        return values

    def texts(self, name: str) -> list[str]:
        """All values of a dataset of texts, in UTF-8."""
        dataset = self._dataset(name, 1)
        if dataset.size == 0:
            return []
        if h5py.check_string_dtype(dataset.dtype) is None:
            raise InputError(self.source, f"'{name}' holds {dataset.dtype} values, texts are needed")
        try:
            return [value.decode("utf-8") for value in dataset[()].tolist()]
        except UnicodeDecodeError as error:
            raise InputError(self.source, f"'{name}' is not UTF-8 (byte 0x{error.object[error.start]:02x})") from None

    def row_blocks(self, name: str, kinds: str) -> Iterator[tuple[int, np.ndarray]]:
        """The rows of a dataset of numbers with two dimensions, some at a time, each with the place of the first.

        Parameters
        ----------
        name, kinds
            As for :meth:`numbers`.
        """
        dataset = self._dataset(name, 2)
        if dataset.dtype.kind not in kinds:
            raise InputError(self.source, f"'{name}' holds {dataset.dtype} values, numbers are needed")
        rows = max(1, BLOCK // max(1, dataset.shape[1]))
        for start in range(0, dataset.shape[0], rows):
            values = dataset[start : start + rows]
            yield start, values.astype(np.float32) if values.dtype == np.float16 else values

    def shape(self, name: str) -> tuple[int, ...] | None:
        """The shape of a dataset; None where there is none."""
        dataset = self._find(name)
        return None if dataset is None else dataset.shape

    def members(self, name: str) -> list[str] | None:
        """The names in a group; None where there is no such group."""
        item = self._item(name)
        return list(item) if isinstance(item, h5py.Group) else None

    def attribute(self, name: str, key: str) -> Any:
        """An attribute of a dataset or group, texts as such or in a list; None where there is none."""
        item = self._item(name)
        return None if item is None else _as_text(item.attrs.get(key))

    def text(self, name: str) -> str:
        """The one text that a dataset holds."""
        dataset = self._dataset(name, 0)
        if h5py.check_string_dtype(dataset.dtype) is None:
            raise InputError(self.source, f"'{name}' holds {dataset.dtype} values, a text is needed")
        return _as_text(dataset[()])

    def dtype(self, name: str) -> np.dtype[Any] | None:
        """The type of a dataset's values; None where there is none."""
        dataset = self._find(name)
        return None if dataset is None else dataset.dtype

    def values(self, name: str) -> np.ndarray:
        """All values of a small dataset with one dimension, of numbers or truth values."""
        dataset = self._dataset(name, 1)
        if dataset.dtype.kind not in "iufb":
            raise InputError(self.source, f"'{name}' holds {dataset.dtype} values, numbers are needed")
        return np.asarray(dataset[()])

    def _dataset(self, name: str, ndim: int) -> h5py.Dataset:
        dataset = self._find(name)
        if dataset is None:
            raise InputError(self.source, f"HDF5 file without '{name}'")
        if dataset.ndim != ndim:
            raise InputError(self.source, f"'{name}' has {dataset.ndim} dimensions, {ndim} needed")
        self._check_storage(name, dataset)
        return dataset

    def _find(self, name: str) -> h5py.Dataset | None:
        """The dataset at a path; None if there is none."""
        item = self._item(name)
        return item if isinstance(item, h5py.Dataset) else None

    def _item(self, name: str) -> Any:
        """What is at a path, reached through groups and hard links alone; None if there is nothing."""
        item = self._file
        for part in name.split("/"):
            if not isinstance(item, h5py.Group) or not item.id.links.exists(part.encode()):
                return None
            if item.id.links.get_info(part.encode()).type != h5py.h5l.TYPE_HARD:
                raise InputError(self.source, f"'{name}' is a link: external and soft links are not allowed")
            item = item[part]
        return item

    def _check_storage(self, name: str, dataset: h5py.Dataset) -> None:
        if dataset.external or dataset.is_virtual:
            raise InputError(self.source, f"'{name}' is kept in other files: that is not allowed")
        num_bytes = dataset.size * dataset.dtype.itemsize
        stored = dataset.id.get_storage_size()
        most = limits()
        if num_bytes > max(most.hdf5_small_bytes, most.hdf5_ratio * stored):
            problem = f"'{name}' expands to {num_bytes:.3g} bytes from {stored:,}"
            raise InputError(self.source, problem, "the file is damaged or hostile")


def _as_text(value: Any) -> Any:
    """An attribute's value with its bytes as text, and its array as a list."""
    if isinstance(value, np.ndarray):
        return [_as_text(one) for one in value.ravel().tolist()]
    return value.decode("utf-8") if isinstance(value, bytes) else value


@contextmanager
def open_hdf5(source: str | os.PathLike[str], content: bytes | mmap.mmap | None = None) -> Iterator[Hdf5File]:
    """Open a file, or ``content`` that was read already; what the library raises for damage becomes an InputError."""
    _check_heaps(source, content)
    try:
        # Without locking, files on read-only and network file systems can be read too.
        options = {"locking": False} if content is None else {}
        place = io.BytesIO(content) if isinstance(content, bytes) else content or os.fspath(source)
        with h5py.File(place, "r", **options) as file:
            yield Hdf5File(file, source)
    except DAMAGE as error:
        raise _damaged(source, str(error)) from None


def _check_heaps(source: str | os.PathLike[str], content: bytes | mmap.mmap | None) -> None:
    """Walk through the heaps that hold texts: the library walks for ever where a size in one of them is 0."""
    if content is not None:
        is_sound = _are_heaps_sound(content)
    else:
        with Path(source).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            is_sound = _are_heaps_sound(mapped)
    if not is_sound:
        raise InputError(source, "damaged HDF5 file (the sizes of its texts are impossible)", "write it again")


def _are_heaps_sound(content: bytes | mmap.mmap) -> bool:
    """Whether each object of each heap leads on to the next; what leads out of the file, the library sees itself."""
    heap = content.find(HEAP_START)
    while 0 <= heap <= len(content) - OBJECT.size:
        # The header has the form of an object's: 8 bytes of signature, then the size of the whole.
        end = heap + OBJECT.unpack_from(content, heap)[-1]
        item = heap + OBJECT.size
        while item + OBJECT.size <= end <= len(content):
            index, _, _, size = OBJECT.unpack_from(content, item)
            step = size if index == FREE_SPACE else OBJECT.size + -(-size // 8) * 8
            if step < OBJECT.size or item + step > end:
                return False
            item += step
        heap = content.find(HEAP_START, heap + OBJECT.size)
    return True


def _damaged(source: str | os.PathLike[str], words: str) -> InputError:
    sizes = re.search(r"truncated file: eof = (\d+).*stored_eof = (\d+)", words)
    if sizes:
        problem = f"HDF5 file is truncated ({int(sizes[1]):,} of {int(sizes[2]):,} bytes)"
        return InputError(source, problem, "copy it again")
    return InputError(source, f"damaged HDF5 file ({shorten(words, 60)})", "copy it again")
