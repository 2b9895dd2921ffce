"""The contract of a method of explanation, what it is given, and the registry of all methods.

A new method is a subclass of :class:`Method` in a file of its own that ends with ``register(...)``.

Legend of shapes: ``N`` samples that are explained.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from aam.data.study.study import Study
from aam.errors import ConfigError
from aam.explain.effects import Effects
from aam.explain.groups import AsvGroups
from aam.explain.model import ExplainedModel
from aam.text import listed


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """What is explained: predictions of some samples by one model.

    Attributes
    ----------
    model
        The model.
    study
        The samples, with metadata.
    rows
        Rows of the ``N`` samples that are explained.
    groups
        The groups of ASVs whose effect is asked for, by level.
    unit_N
        Group of each explained sample, as numbers: intervals draw whole groups. A number for each sample where each
        stands for itself.
    truths
        Target column -> true values of all samples of the study; None where they are not known.
    draws
        Rarefied draws (of networks), and random permutations.
    seed
        Of all that is random.
    on_done
        Called with the number of predictions that were made since the last call.
    """

    model: ExplainedModel
    study: Study
    rows: np.ndarray
    groups: Sequence[AsvGroups]
    unit_N: np.ndarray
    truths: Mapping[str, np.ndarray] | None = None
    draws: int = 1
    seed: int = 42
    on_done: Callable[[int], object] = lambda number: None

    def __len__(self) -> int:
        return len(self.rows)


class Method(ABC):
    """A way of measuring what things do to predictions.

    Attributes
    ----------
    name
        Its word on the command line.
    title, summary
        A few words for headings, and a sentence on what it measures.
    needs_truths
        Whether the true values must be known.
    in_auto
        Whether it is used where no method is named, the model is one that it can explain and what it needs is known.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    needs_truths: ClassVar[bool] = False
    in_auto: ClassVar[bool] = False

    def unable(self, subject: Subject) -> str:
        """Why it cannot explain this model, or an empty text."""
        return ""

    def left_out(self, subject: Subject) -> tuple[str, ...]:
        """What it does not measure though it was asked for, in words."""
        return ()

    @abstractmethod
    def num_predictions(self, subject: Subject) -> int:
        """About how many predictions of a sample it needs, for the progress bar and the time that is announced."""

    @abstractmethod
    def explain(self, subject: Subject) -> list[Effects]:
        """Measure the effects: for each level of the groups (or of its own) and each learner."""


METHODS: dict[str, Method] = {}
"""Name -> method."""


def register(method: Method) -> None:
    """Add a method; its name must be new."""
    if method.name in METHODS:
        raise ValueError(f"there is a method '{method.name}' already")
    METHODS[method.name] = method


def find_method(name: str) -> Method:
    """The method of this name (:class:`~aam.errors.ConfigError` where there is none)."""
    if name not in METHODS:
        raise ConfigError(f"unknown method '{name}'; known: {listed(METHODS, len(METHODS))}")
    return METHODS[name]
