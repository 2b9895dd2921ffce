"""What a tracker is: it opens the entry of a run, and takes parameters, curves, scores and files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from aam.config.tracking import EXPERIMENT

Status = Literal["finished", "stopped", "failed"]
"""How a run ended: whole, by a signal after which it can go on, or by an error."""


@dataclass(frozen=True)
class Place:
    """Where an entry is.

    Attributes
    ----------
    id
        Its name in the tracker.
    where
        The store or project that it lies in.
    """

    id: str
    where: str


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """What a tracker is told of a run before it opens an entry.

    Attributes
    ----------
    name
        What it is called.
    kind
        What it is: ``train``, ``pretrain``, ``cross-validation``, ``ensemble``; ``fold`` or ``member`` of one.
    folder
        The run directory.
    root
        That of the whole run that it is a part of; of most runs the same.
    experiment
        What its runs are gathered under; None for what the environment says, else ``aam``.
    uri
        Where to record; None for what the environment says, else a folder beside the root.
    known
        The entry that an earlier start of the run wrote.
    parent
        The entry of the run that this is a fold or member of.
    """

    name: str
    kind: str
    folder: Path
    root: Path
    experiment: str | None = None
    uri: str | None = None
    known: Place | None = None
    parent: Place | None = None


def experiment_of(facts: RunFacts, variable: str) -> str:
    """What a run is gathered under, as the option says, else an environment variable of the library."""
    return facts.experiment or os.environ.get(variable) or EXPERIMENT


class Tracker(Protocol):
    """The entry of a run. A method may raise anything: the run goes on without the tracker."""

    @property
    def place(self) -> Place | None:
        """Where the entry is, for a later start; None where the run directory itself says it."""

    def parameters(self, values: Mapping[str, Any]) -> None:
        """Note options and facts of the data; a run that continues notes them again."""

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """Add a point to each curve."""

    def scores(self, values: Mapping[str, float]) -> None:
        """Note what the run has come to."""

    def figures(self, images: Mapping[str, Path]) -> None:
        """Keep drawings (PNG) by their names; the files may go afterwards."""

    def report(self, page: Path) -> None:
        """Keep the report, a page in one file."""

    def model(self, folder: Path) -> None:
        """Keep the model folder."""

    def close(self, status: Status) -> None:
        """Bring everything to its place, and say how the run ended."""


def words(value: Any) -> str:
    """A parameter as text."""
    if value is None or value in ((), []):
        return "(not given)"
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
