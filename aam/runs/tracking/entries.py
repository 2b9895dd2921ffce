"""The entries of one run in all of its trackers: one that fails is left out from then on, and the run goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from aam.log import say, warn
from aam.runs.tracking.places import write_places
from aam.runs.tracking.registry import open_tracker
from aam.runs.tracking.tracker import Place, RunFacts, Status, Tracker
from aam.text import shorten

LONGEST_REASON = 160


class Entries:
    """Takes what trackers record, and hands it to each of them.

    Parameters
    ----------
    opened
        Name -> tracker with the entry open.
    """

    def __init__(self, opened: Mapping[str, Tracker] | None = None) -> None:
        self.opened = dict(opened or {})

    def __bool__(self) -> bool:
        return bool(self.opened)

    def parameters(self, values: Mapping[str, Any]) -> None:
        """Note options and facts."""
        self._each(lambda tracker: tracker.parameters(values))

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """Add a point to each curve."""
        self._each(lambda tracker: tracker.metrics(values, step))

    def scores(self, values: Mapping[str, float]) -> None:
        """Note what the run has come to."""
        self._each(lambda tracker: tracker.scores(values))

    def figures(self, images: Mapping[str, Path]) -> None:
        """Keep drawings."""
        self._each(lambda tracker: tracker.figures(images))

    def report(self, page: Path) -> None:
        """Keep the report."""
        self._each(lambda tracker: tracker.report(page))

    def model(self, folder: Path) -> None:
        """Keep the model folder."""
        self._each(lambda tracker: tracker.model(folder))

    def close(self, status: Status) -> None:
        """Close all entries."""
        self._each(lambda tracker: tracker.close(status))
        self.opened = {}

    def _each(self, act: Callable[[Tracker], None]) -> None:
        for name, tracker in list(self.opened.items()):
            try:
                act(tracker)
            except Exception as error:  # noqa: BLE001 - whatever a library raises, the run is worth more
                del self.opened[name]
                _warn(name, error)


def open_entries(
    wanted: Iterable[str], facts: RunFacts, known: Mapping[str, Place], parents: Mapping[str, Place]
) -> Entries:
    """Open the entries of a run, and note where they are.

    Parameters
    ----------
    wanted
        Names of the trackers.
    facts
        The run, without ``known`` and ``parent``.
    known
        Entries of an earlier start.
    parents
        Entries of the run that this is a part of.
    """
    opened: dict[str, Tracker] = {}
    for name in wanted:
        try:
            tracker = open_tracker(name, replace(facts, known=known.get(name), parent=parents.get(name)))
        except Exception as error:  # noqa: BLE001 - no server, no disk: the run goes on
            _warn(name, error)
            continue
        opened[name] = tracker
        if tracker.place is not None:
            again = " (continued)" if known.get(name) == tracker.place else ""
            say(f"{name}: entry {tracker.place.id} in {tracker.place.where}{again}")
    if places := {name: tracker.place for name, tracker in opened.items() if tracker.place is not None}:
        write_places(facts.folder, places)
    return Entries(opened)


def _warn(name: str, error: Exception) -> None:
    reason = shorten(" ".join(str(error).split()) or type(error).__name__, LONGEST_REASON)
    warn(f"{name} does not record the run any more ({reason}); the run continues")
