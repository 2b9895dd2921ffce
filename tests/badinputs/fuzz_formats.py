"""Ways to damage binary files by their structure: HDF5, zip archives, .npy and safetensors (see ``fuzz_damage``)."""

from __future__ import annotations

import ast
import hashlib
import io
import json
import random
import struct
import warnings
import zipfile
from contextlib import suppress
from typing import Any

import h5py
import numpy as np
import torch
from safetensors.torch import load, save

from aam.models.folder.container import checksum
from tests.badinputs.fuzz_damage import VALUES, WORDS, Damage, change_tree, damage_bytes

SHAPES = ((), (0,), (1,), (2,), (3,), (4,), (7,), (1, 1), (2, 2), (3, 1), (0, 0), (2, 2, 2))
TYPES = ("i1", "u1", "<i4", ">i4", "u8", "f2", ">f8", "f8", "c16", "?", "S3", "V4", "i8")
MOST_VALUES = 10_000


def damage_hdf5(content: bytes, rng: random.Random) -> bytes:
    """Replace or drop datasets, links, attributes and groups of an HDF5 file."""
    buffer = io.BytesIO(content)
    with h5py.File(buffer, "r+") as file:
        names: list[str] = []
        file.visit(names.append)
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            # What is no longer there, or the library does not write, stays as it is.
            with suppress(KeyError, OSError, RuntimeError, TypeError, ValueError):
                _change_item(file, rng.choice(names), rng)
    return buffer.getvalue()


def _change_item(file: h5py.File, name: str, rng: random.Random) -> None:
    item = file[name]
    values = item[()] if isinstance(item, h5py.Dataset) and item.size < MOST_VALUES else None
    if rng.random() < 0.12:
        value = rng.choice((1, -1, 2.5, "x", [1, 2, 3], np.zeros((2, 2)), [2**62, 2**62], np.nan, [b"x"]))
        target = rng.choice((file, item))
        target.attrs[rng.choice([*target.attrs, "shape"])] = value
        return
    del file[name]
    match rng.randrange(9):
        case 0:
            pass
        case 1:
            links = (h5py.SoftLink(f"/{name}"), h5py.SoftLink("/nowhere"), h5py.ExternalLink("/etc/passwd", "/"))
            file[name] = rng.choice(links)
        case 2:
            file.create_group(name)
        case 3:
            huge = rng.choice(((10**12,), (10**6, 10**6), (2**40, 3), (10**9,)))
            file.create_dataset(name, shape=huge, dtype=rng.choice(("f4", "i8", "S9")), chunks=True)
        case 4:
            file.create_dataset(name, shape=(10**7,), dtype="f8", chunks=(10**6,), compression="gzip", fillvalue=1)
        case 5:
            file[name] = np.resize(np.arange(5), rng.choice(SHAPES)).astype(rng.choice(TYPES))
        case 6:
            file[name] = rng.choice((["x"], [""], ["s1", "s1"], "x", [b"\xff\xfe"], ["ACGT" * 5] * 3, ["a\nb", "cd"]))
        case 7 if isinstance(values, np.ndarray) and values.size and values.dtype.kind in "iuf":
            file[name] = _change_array(values, rng)
        case _ if isinstance(values, np.ndarray):
            shorter = rng.choice((values[:-1], values[::-1], np.concatenate([values, values]), values[:1]))
            file[name] = shorter
        case _:
            file[name] = 0


def _change_array(values: np.ndarray, rng: random.Random) -> np.ndarray:
    """Some values are others, or their type is."""
    changed = values.astype(np.float64) if rng.random() < 0.5 else values.copy()
    odd = (
        (0, 1, -1, 2, 10**6, 2**31 - 1) if changed.dtype.kind in "iu" else (np.nan, np.inf, -1, 0.5, 1e300, 2.0**53, 0)
    )
    flat = changed.reshape(-1)
    with np.errstate(all="ignore"):
        for _ in range(rng.choice((1, 1, 3))):
            flat[rng.randrange(len(flat))] = np.asarray(rng.choice(odd)).astype(flat.dtype)
        return changed.astype(rng.choice((changed.dtype.str, "f4", ">f8", "f8", "f2")))


def damage_npy(content: bytes, rng: random.Random) -> bytes:
    """Replace the shape, type and order in the header of a .npy file, its version, or its values."""
    (size,) = struct.unpack("<H", content[8:10])
    header, values = ast.literal_eval(content[10 : 10 + size].decode()), content[10 + size :]
    match rng.randrange(6):
        case 0:
            header["shape"] = rng.choice(
                (*SHAPES, (2**31, 2**31), (-1,), (2**63,), (2.0, 2), "x", [2, 2], (4,), (1, 4))
            )
        case 1:
            header["descr"] = rng.choice(
                ("<f8", ">f4", "|O", "<i4", "|S4", "<M8[s]", "x", 3, [("a", "<f4")], "<f2", "<c8")
            )
        case 2:
            header["fortran_order"] = rng.choice((True, 1, None, "x"))
        case 3:
            header = {**header, rng.choice(("extra", "shape", "descr")): rng.choice(VALUES)}
        case 4:
            del header[rng.choice(list(header))]
        case _:
            odd = (np.nan, np.inf, -1.0, 7.0, 1e-7, 0.25)
            array = np.frombuffer(values, "<f4").copy()
            array[rng.randrange(len(array))] = rng.choice(odd)
            values = array.tobytes()
    text = repr(header).encode(errors="replace")
    text += b" " * rng.choice((1, 1, 64, 30_000)) + b"\n"
    version = rng.choice((b"\x01\0", b"\x01\0", b"\x01\0", b"\x02\0", b"\x03\0", b"\x09\0"))
    length = struct.pack("<H" if version == b"\x01\0" else "<I", len(text))
    return b"\x93NUMPY" + version + length + text + values


def damage_zip(inner: Damage, member: str) -> Damage:
    """Damage a QIIME 2 archive: its members, their names and headers; or the data in it, with checksums that fit.

    Parameters
    ----------
    inner
        How the data file is damaged.
    member
        How its name ends.
    """

    def damage(content: bytes, rng: random.Random) -> bytes:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        name = next(name for name in members if name.endswith(member))
        if rng.random() < 0.4:
            members[name] = inner(members[name], rng)
            return pack(list(_with_sums(members).items()))
        if rng.random() < 0.4:
            return _damage_headers(content, rng)
        return _damage_members(members, rng)

    return damage


def _with_sums(members: dict[str, bytes]) -> dict[str, bytes]:
    """The members of an archive, with the right checksums of all."""
    root = next(iter(members)).split("/")[0]
    named = {name: content for name, content in members.items() if not name.endswith("checksums.md5")}
    lines = [f"{hashlib.md5(data).hexdigest()}  {name.removeprefix(f'{root}/')}\n" for name, data in named.items()]
    return {**named, f"{root}/checksums.md5": "".join(lines).encode()}


def pack(members: list[tuple[str, bytes]], kind: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip file, the same at any time."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(buffer, "w", kind) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, kind)
    return buffer.getvalue()


def _damage_members(members: dict[str, bytes], rng: random.Random) -> bytes:
    """Other names, contents, order, methods; members that are missing or there twice."""
    pairs = list(members.items())
    root = pairs[0][0].split("/")[0]
    place = rng.randrange(len(pairs))
    name, data = pairs[place]
    match rng.randrange(7):
        case 0:
            names = (
                "../x",
                "/x",
                f"{root}/../x",
                "a\\b",
                "",
                root,
                f"{root}/",
                f"{root}//x",
                f"{root}/data/\0.biom",
                "é",
            )
            pairs[place] = (rng.choice(names), data)
        case 1:
            pairs.append((name, damage_bytes(data, rng)))
        case 2:
            del pairs[place]
        case 3:
            pairs.append((f"{root}/{rng.choice(('x', 'data/b.biom', 'data/', 'data/b.nwk', '../y'))}", data))
        case 4:
            pairs[place] = (name, damage_bytes(data, rng))
        case 5:
            pairs[place] = (name, rng.choice((b"", bytes(10**7), bytes(10**5), b"type: x\n", b"type:\n", b"\xff\xfe")))
        case _:
            kinds = (
                "FeatureTable[Frequency]",
                "Phylogeny[Unrooted]",
                "x" * 500,
                "'",
                '""',
                "a % b",
                "\u2028",
                "\x1b[31m",
            )
            text = f"type: {rng.choice(kinds)}\n".encode()
            pairs = list(_with_sums({**members, f"{root}/metadata.yaml": text}).items())
    if rng.random() < 0.2:
        rng.shuffle(pairs)
    return pack(pairs, rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2)))


def _damage_headers(content: bytes, rng: random.Random) -> bytes:
    """Other flags, methods, sizes, checksums and offsets in the records of the members."""
    changed = bytearray(content)
    starts = {b"PK\x03\x04": 30, b"PK\x01\x02": 46, b"PK\x05\x06": 22}
    places = [(start, size) for mark, size in starts.items() for start in _places(content, mark)]
    for _ in range(rng.choice((1, 1, 2, 4))):
        start, size = rng.choice(places)
        offset, width = start + rng.randrange(4, size - 3), rng.choice((1, 2, 4))
        value = rng.choice((0, 1, 8, 12, 14, 99, 0x7F, 0xFF, 0xFFFF, 0xFFFFFFFF, 0x7FFFFFFF))
        changed[offset : offset + width] = (value & (256**width - 1)).to_bytes(width, "little")
    return bytes(changed)


def _places(content: bytes, mark: bytes) -> list[int]:
    found = [content.find(mark)]
    while found[-1] >= 0:
        found.append(content.find(mark, found[-1] + 1))
    return found[:-1]


def damage_safetensors(content: bytes, rng: random.Random) -> bytes:
    """Change the header of a model: its description (with a checksum that fits, or not), tensors, offsets, length."""
    (size,) = struct.unpack("<Q", content[:8])
    header, values = json.loads(content[8 : 8 + size]), content[8 + size :]
    match rng.randrange(10):
        case 0:
            length = rng.choice((0, 1, size - 1, size + 1, 2**32, 2**63, 2**64 - 1, len(content)))
            return struct.pack("<Q", length) + content[8:]
        case 1 | 2:
            name = rng.choice(list(header))
            header[name] = change_tree(header[name], rng)
        case 3:
            header["__metadata__"] = rng.choice(
                ({"aam": rng.choice(WORDS)}, {}, {"x": "y"}, {"aam": "[" * 5_000}, None)
            )
        case 4:
            config = change_tree(json.loads(header["__metadata__"]["aam"]), rng)
            header["__metadata__"]["aam"] = json.dumps(config)
        case _:
            return _described_otherwise(content, rng)
    text = json.dumps(header).encode(errors="replace")
    return struct.pack("<Q", len(text)) + text + values


def _described_otherwise(content: bytes, rng: random.Random) -> bytes:
    """A model whose description or tensors someone has changed who knows how the checksum is made."""
    (size,) = struct.unpack("<Q", content[:8])
    config: Any = json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["aam"])
    tensors = dict(sorted(load(content).items()))  # the library gives them in an order of its own, other each time
    if rng.random() < 0.2:
        name = rng.choice(list(tensors))
        tensors[name] = _changed(tensors[name], rng)
    else:
        for _ in range(rng.choice((1, 1, 2))):
            config = change_tree(config, rng)
    if isinstance(config, dict):
        config.pop("sha256", None)
        config = {"sha256": checksum(tensors, config), **config}
    return save(tensors, metadata={"aam": json.dumps(config)})


def _changed(tensor: torch.Tensor, rng: random.Random) -> torch.Tensor:
    """A tensor of another type or shape, or with one number that is another."""
    flat = tensor.clone().reshape(-1)
    other = rng.choice((tensor.double(), flat, tensor * float("nan"), tensor.int(), flat[:0], None))
    if other is None and len(flat):
        flat[rng.randrange(len(flat))] = rng.choice((0, 1, 3, 7, len(flat), 255 if flat.dtype == torch.uint8 else -1))
    return flat.reshape(tensor.shape) if other is None else other.contiguous()
