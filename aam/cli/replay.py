"""`aam replay`: print the command that repeats a run, and on standard error what may change its result."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from aam.config import ReplayConfig
from aam.config.option import flag
from aam.config.yaml_file import read_config_file
from aam.errors import InputError
from aam.files.atomic import sha256_file
from aam.runs.directory import RunDirectory, environment
from aam.runs.record_schema import DATA, differences, parts_of, read_record
from aam.text import listed, plural


def run(config: ReplayConfig) -> None:
    """Print the command.

    Raises
    ------
    InputError
        If there is no run, or it stopped before it knew what to do.
    """
    path = config.replay.path
    directory = RunDirectory(path)
    if not directory.config.is_file() or not (path / DATA).is_file():
        missing = DATA if directory.config.is_file() else directory.config.name
        raise InputError(path, f"there is no run to repeat ({missing} is missing)", "give the directory of a run")
    record = read_record(path / DATA)
    folder = Path(record.get("folder", Path.cwd()))
    for line in _obstacles(record, folder, check_inputs=config.replay.check_inputs):
        print(f"note: {line}", file=sys.stderr)
    print(_command(directory, folder))


def _command(run: RunDirectory, folder: Path) -> str:
    """Paths of the inputs are those of the folder in which the run was started."""
    command = str(read_config_file(run.config).get("command") or "train")
    place = run.path.resolve()
    again = _free_name(place.with_name(f"{place.name}-again"))
    words = ["aam", command, "--config", str(place / run.config.name), "--output-dir", str(again)]
    return shlex.join(words) if folder == Path.cwd() else f"cd {shlex.quote(str(folder))} && {shlex.join(words)}"


def _free_name(path: Path) -> Path:
    """A path, or the first with a number after it, where nothing lies yet."""
    numbered = (path.with_name(f"{path.name}-{number}") for number in count(2))
    return path if not os.path.lexists(path) else next(other for other in numbered if not os.path.lexists(other))


def _obstacles(record: Mapping[str, Any], folder: Path, *, check_inputs: bool) -> Iterator[str]:
    parts = parts_of(record)
    other = [f"{name} {then} (now {now})" for name, now in environment().items() if (then := _other(name, now, parts))]
    if other:
        yield f"the run was made with {', '.join(other)}: results may differ by more than rounding"
    changes = record.get("changes", [])
    if changes:
        named = listed([flag(change["option"]) for change in changes])
        yield f"{named} changed after the run had begun: this repeats it with the last values from its start"
        went_on = [f"{name} {values}" for name, values in differences(parts).items()]
        if went_on:
            yield f"it was resumed in another environment ({', '.join(went_on)})"
    elif not str(record.get("promise", "")).startswith("Repeated on this machine"):
        yield record.get("promise") or "the run does not record whether it is reproducible"
    inputs = record.get("inputs", []) if check_inputs else []
    differing = [item["path"] for item in inputs if not _is_same(folder / item["path"], item)]
    if differing:
        yield f"{plural(len(differing), 'input')} missing or changed since the run: {listed(differing)}"


def _other(name: str, now: str, parts: Iterable[Mapping[str, Any]]) -> str:
    """The versions that a run had and that are not those of now."""
    versions = [str(part["environment"].get(name, now)) for part in parts]
    return " and ".join(version for version in dict.fromkeys(versions) if version != now)


def _is_same(path: Path, item: Mapping[str, Any]) -> bool:
    return path.is_file() and path.stat().st_size == item["bytes"] and sha256_file(path) == item["sha256"]
