"""The result of a search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aam.config import TrainConfig
from aam.files.columns import Columns
from aam.report.tuning.shown import ShownTuning, tuning_lines

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from aam.report.html import Page


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Tuning:
    """What a search found.

    Attributes
    ----------
    folder
        Where it lies.
    config
        The options of the choice, for ``aam train``; the same as ``best.yaml``.
    changed
        Those of them that differ from the untuned default.
    shown
        Trials, choices and how good they are.
    trials
        All trials as a table.
    outer
        What the choice and the default predicted of the samples that judge.
    minutes
        From the begin of the first trial of the recommended search to the end of its last.
    """

    folder: Path
    config: TrainConfig
    changed: Mapping[str, Any]
    shown: ShownTuning
    trials: Columns
    outer: Columns
    minutes: float

    def __repr__(self) -> str:
        return f"Tuning({self.folder}: {self.summary[0]})"

    @cached_property
    def summary(self) -> tuple[str, ...]:
        """What was found, in words; whether it is worth it comes first."""
        return tuple(tuning_lines(self.shown))

    @property
    def is_worth_it(self) -> bool:
        """Whether the choice is clearly better than the untuned default for one target or more, and worse for none."""
        return self.shown.is_worth_it

    @cached_property
    def page(self) -> Page:
        """The page, before it is rendered."""
        from aam.report.tuning.page import tuning_page

        return tuning_page(self.shown)

    @property
    def figures(self) -> dict[str, Figure]:
        """Name -> figure, drawn anew."""
        from aam.report.figure_files import figures_on_white

        return figures_on_white(self.page)
