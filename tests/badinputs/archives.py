"""Bad QIIME 2 archives (rows Z of the matrix)."""

from __future__ import annotations

import stat
import warnings
import zipfile
from pathlib import Path

from tests.badinputs.cases import Read, bad, bad_rows, odd
from tests.badinputs.tables import ASVS, COUNTS, SAMPLES, reading
from tests.factories import UUID, qza_members, write_biom, write_table_qza, write_zip

KIND = "FeatureTable[Frequency]"


def members(folder: Path) -> dict[str, bytes]:
    """The members of a sound archive."""
    return qza_members(KIND, write_biom(folder / "x.biom", COUNTS, SAMPLES, ASVS).read_bytes())


def archive(folder: Path, content: dict[str, bytes]) -> Read:
    return reading(write_zip(folder / "x.qza", content))


def with_member(folder: Path, name: str) -> Read:
    return archive(folder, {**members(folder), name: b"evil"})


@bad("Z1 symbolic link", "x.qza: unsafe member name '<any>/data/link'; this is not a QIIME 2 archive")
def _(folder: Path) -> Read:
    read = archive(folder, members(folder))
    link = zipfile.ZipInfo(f"{UUID}/data/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(folder / "x.qza", "a") as file:
        file.writestr(link, "/etc/passwd")
    return read


@bad("Z2 announced size", "x.qza: <any>; copy it again")
def _(folder: Path) -> Read:
    """The directory of the archive announces fewer bytes than there are."""
    content = members(folder)
    read = archive(folder, content)
    real = len(content[f"{UUID}/data/feature-table.biom"]).to_bytes(4, "little")
    packed = (folder / "x.qza").read_bytes()
    (folder / "x.qza").write_bytes(packed.replace(real, (1000).to_bytes(4, "little")))
    return read


@bad("Z3 truncated", "x.qza: damaged zip file (File is not a zip file); copy it again")
def _(folder: Path) -> Read:
    path = write_table_qza(folder / "x.qza", COUNTS, SAMPLES, ASVS)
    path.write_bytes(path.read_bytes()[:-100])
    return reading(path)


@bad("Z4 checksum", "x.qza: checksum of feature-table.biom differs; copy it again")
def _(folder: Path) -> Read:
    content = members(folder)
    name = f"{UUID}/data/feature-table.biom"
    return archive(folder, {**content, name: content[name] + b" "})


@bad("Z4 encrypted", "x.qza: metadata.yaml in it is encrypted; save it without a password")
def _(folder: Path) -> Read:
    read = archive(folder, members(folder))
    packed = bytearray((folder / "x.qza").read_bytes())
    for start, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = packed.find(start)
        while place >= 0:
            packed[place + offset] |= 1
            place = packed.find(start, place + 1)
    (folder / "x.qza").write_bytes(packed)
    return read


@bad("Z4 twice", "x.qza: member '<any>/VERSION' occurs twice; use another copy")
def _(folder: Path) -> Read:
    read = archive(folder, members(folder))
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(folder / "x.qza", "a") as file:
        file.writestr(f"{UUID}/VERSION", b"")
    return read


@bad("Z5 damaged table", "x.qza: HDF5 file is truncated (5,000 of <any> bytes); copy it again")
def _(folder: Path) -> Read:
    content = members(folder)
    return archive(folder, qza_members(KIND, content[f"{UUID}/data/feature-table.biom"][:5000]))


@odd("Z4 no checksums, as before version 5, folders, and other files")
def _(folder: Path) -> Read:
    content = members(folder)
    del content[f"{UUID}/checksums.md5"]
    return archive(folder, {**content, f"{UUID}/data/": b"", f"{UUID}/provenance/x.biom": b"x"})


@odd("Z3 a quoted type with properties")
def _(folder: Path) -> Read:
    content = members(folder)
    kind = f"type: \"{KIND} % Properties('x')\"\nuuid: x\n".encode()
    del content[f"{UUID}/checksums.md5"]
    return archive(folder, {**content, f"{UUID}/metadata.yaml": kind})


# fmt: off
bad_rows(
    ("Z1 zip-slip", "x.qza: unsafe member name '../../evil'; this is not a QIIME 2 archive", with_member, "../../evil"),
    ("Z1 absolute", "x.qza: unsafe member name '/etc/evil'; this is not a QIIME 2 archive", with_member, "/etc/evil"),
    ("Z1 backslash", "x.qza: unsafe member name '..\\evil'; this is not a QIIME 2 archive", with_member, "..\\evil"),
    ("Z2 bomb", "x.qza: feature-table.biom in it expands more than 1,000-fold; it is not read",
     archive, qza_members(KIND, bytes(50_000_000))),
    ("Z3 not QIIME 2", "x.qza: not a QIIME 2 archive (no metadata.yaml in it)",
     archive, {"a/VERSION": b"", "a/x": b""}),
    ("Z3 no VERSION", "x.qza: not a QIIME 2 archive (no VERSION in it)", archive, {"a/metadata.yaml": b""}),
    ("Z3 empty zip", "x.qza: not a QIIME 2 archive (0 folders at its top, 1 is needed)", archive, {}),
    ("Z3 two roots", "x.qza: not a QIIME 2 archive (2 folders at its top, 1 is needed)", with_member, "other/VERSION"),
    ("Z3 type", "x.qza: holds Phylogeny[Rooted], a FeatureTable[Frequency] is needed",
     archive, qza_members("Phylogeny[Rooted]", b"(a,b);")),
    ("Z3 no type", "x.qza: not a QIIME 2 archive (metadata.yaml names no type)",
     archive, {"a/VERSION": b"", "a/metadata.yaml": b"uuid: a"}),
    ("Z3 no data", "x.qza: 0 data files .biom in it, 1 is needed", archive, qza_members(KIND, b"", "other.txt")),
    ("Z3 empty data", "x.qza: feature-table.biom in it is empty", archive, qza_members(KIND, b"")),
    ("Z3 two data files", "x.qza: 2 data files .biom in it, 1 is needed (feature-table.biom, b.biom)",
     with_member, f"{UUID}/data/b.biom"),
)
# fmt: on
