"""The folder that a command writes its results to: tables, figures, a page, and a record that lists them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aam.errors import InputError
from aam.files.atomic import read_json, write_json
from aam.files.staged import staged_files, staged_folder
from aam.runs.layout import is_run_directory
from aam.version import __version__

ELSEWHERE = "choose another --output-dir"
RECORDS = {
    "explanation.json": "aam explain",
    "evaluation.json": "aam evaluate",
    "comparison.json": "aam compare",
    "learning_curve.json": "aam learning-curve",
    "embedding.json": "aam embed",
    "tune.json": "aam tune",
}
"""The record of each command that writes such a folder."""
BY = "by"
"""Key of the command in a record."""
FILES = "files"
"""Key of the list of files in a record."""


@dataclass(frozen=True)
class ResultFolder:
    """A folder to write results to.

    Attributes
    ----------
    path
        Where to write them; they move to the output folder at the end.
    record
        What is noted of them: the command's options and findings, in plain JSON types.
    """

    path: Path
    record: dict[str, Any] = field(default_factory=dict)


@contextmanager
def result_folder(output_dir: Path, record_name: str, *, overwrite: bool) -> Iterator[ResultFolder]:
    """Give a folder whose files take their places together, after those of an earlier result were removed.

    Parameters
    ----------
    output_dir
        The folder; files in it that are of no earlier result stay as they are.
    record_name
        The record's file, such as ``explanation.json``: it tells what is in the folder, and is there when all of it is.
    overwrite
        Replace an earlier result.

    Raises
    ------
    InputError
        If the folder is that of a run, is not empty (without ``overwrite``) or holds files of these names that are not
        of an earlier result.
    RunError
        If the disk has no room.
    """
    old = _old_files(output_dir, record_name)

    def check() -> None:
        content = sorted(path.name for path in output_dir.iterdir())
        if is_run_directory(output_dir):
            raise InputError(output_dir, "is the directory of a run, which keeps its own files only", ELSEWHERE)
        if content and not overwrite:
            problem = f"the folder is not empty ({len(content)} items, first {content[0]})"
            raise InputError(output_dir, problem, "give --overwrite or another --output-dir")

    with staged_folder(output_dir, check, lambda: old, last=record_name) as staging:
        folder = ResultFolder(staging)
        yield folder
        names = staged_files(staging)
        taken = [name for name in (record_name, *names) if (output_dir / name).exists() and name not in old]
        if taken:
            problem = f"holds {taken[0]}, which is not of an earlier {_what(record_name)}"
            raise InputError(output_dir, problem, ELSEWHERE)
        write_json(
            staging / record_name,
            {BY: RECORDS[record_name], "version": __version__, **folder.record, FILES: [*names, record_name]},
        )


def read_record(folder: Path, record_name: str) -> dict[str, Any]:
    """The record of a result.

    Raises
    ------
    InputError
        If there is none, or it is damaged.
    """
    if not (folder / record_name).is_file():
        raise InputError(folder, f"holds no {_what(record_name)} (there is no {record_name})")
    content = read_json(folder / record_name)
    if not isinstance(content, dict) or not isinstance(content.get(FILES), list):
        raise InputError(folder / record_name, "is damaged", f"make the {_what(record_name)} again")
    return content


def _what(record_name: str) -> str:
    return record_name.removesuffix(".json").replace("_", " ")


def _old_files(output_dir: Path, record_name: str) -> list[str]:
    """Files of an earlier result that are within the folder; its record is the first to go."""
    if not (output_dir / record_name).is_file():
        return []
    names = [name for name in read_record(output_dir, record_name)[FILES] if isinstance(name, str)]
    root = output_dir.resolve()
    within = [name for name in names if (output_dir / name).resolve().is_relative_to(root)]
    return [record_name, *(name for name in within if name != record_name)]
