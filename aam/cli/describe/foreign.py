"""Files of other programs that AAM does not read: what each is, and how to get from it to what AAM reads."""

from __future__ import annotations

import re
from pathlib import Path

from aam.errors import InputError

AS_TEXT = "write it as tab-separated text"
NEEDS_ASVS = "make a feature table of them first, with DADA2 or Deblur (QIIME 2)"
FASTQ = re.compile(rb"@[^\n]+\n[A-Za-z.]+\r?\n\+[^\n]*\n")

STARTS = (
    (b"PAR1", "a Parquet file", f"{AS_TEXT} (in pandas: read_parquet, to_csv)"),
    (b"ARROW1", "a Feather file", f"{AS_TEXT} (in pandas: read_feather, to_csv)"),
    (b"\xd0\xcf\x11\xe0", "a file of old Excel", "save it as tab-separated text"),
    (b"BAM\1", "an alignment (BAM)", NEEDS_ASVS),
    (b"\x80\x02", "a pickle", "pickles are never loaded, since they can run code"),
    (b"\x80\x03", "a pickle", "pickles are never loaded, since they can run code"),
    (b"\x80\x04", "a pickle", "pickles are never loaded, since they can run code"),
    (b"\x80\x05", "a pickle", "pickles are never loaded, since they can run code"),
    (b"SQLite format 3", "an SQLite database", AS_TEXT),
    (b"{\\rtf", "a text of a word processor (RTF)", AS_TEXT),
)
"""How a content starts, what it is, and what to do."""

PICTURES = ((b"%PDF", "PDF"), (b"\x89PNG", "PNG"), (b"\xff\xd8\xff", "JPEG"), (b"<svg", "SVG"), (b"<?xml", "SVG"))
"""How a picture starts, and its format."""

OF_ARCHIVES = (
    (b"xl/", "an Excel file", "save it as tab-separated text"),
    (b"word/", "a text of a word processor", AS_TEXT),
    (b"data.pkl", "a pickle of PyTorch", "pickles are never loaded, since they can run code"),
    (b".npy", "a NumPy archive (.npz)", "save each array as .npy"),
)
"""What the names of members of a zip file have in them, what it is, and what to do."""

ARTIFACTS = (
    ("FeatureTable[RelativeFrequency]", "give the FeatureTable[Frequency] that it was made from"),
    ("FeatureTable[", "a FeatureTable[Frequency] is needed: reads, not shares, presence or log-ratios"),
    ("FeatureData[AlignedSequence]", "give the FeatureData[Sequence] that it was made from"),
    ("SampleData[PairedEnd", NEEDS_ASVS),
    ("SampleData[Sequences", NEEDS_ASVS),
    ("SampleData[Joined", NEEDS_ASVS),
    ("EMP", NEEDS_ASVS),
    ("Visualization", "look at it with qiime tools view, or at https://view.qiime2.org"),
)
"""How a type of artifact begins, and what to do."""


def of_picture(start: bytes) -> str:
    """What a picture is; empty for anything else."""
    found = (kind for known, kind in PICTURES if start.startswith(known) and (kind != "SVG" or b"<svg" in start))
    return next((f"a figure ({kind})" for kind in found), "")


def refuse(path: Path, start: bytes) -> None:
    """Refuse what is known to be of another kind.

    Parameters
    ----------
    path
        The file.
    start
        Its first bytes, unpacked.

    Raises
    ------
    InputError
        Saying what it is, and how to get to what AAM reads.
    """
    for known, what, remedy in STARTS:
        if start.startswith(known):
            raise InputError(path, f"is {what}, which AAM does not read", remedy)
    if FASTQ.match(start):
        raise InputError(path, "holds reads (FASTQ), which AAM does not read", NEEDS_ASVS)
    if start[:200].lstrip().lower().startswith((b"<!doctype html", b"<html")):
        raise InputError(path, "is an HTML page", "was an error page saved in place of a download?")


def refuse_zip(path: Path, content: bytes) -> None:
    """Refuse a zip file that is known to be no QIIME 2 archive, as :func:`refuse` does."""
    for known, what, remedy in OF_ARCHIVES:
        if known in content and b"metadata.yaml" not in content:
            raise InputError(path, f"is {what}, which AAM does not read", remedy)


def of_artifact(kind: str) -> list[tuple[str, str]]:
    """What to do with an artifact of a type that AAM does not read."""
    remedy = next((remedy for known, remedy in ARTIFACTS if kind.startswith(known)), "")
    return [("instead", remedy)] if remedy else []
