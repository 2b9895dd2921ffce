"""How long the learners of a blend take on this machine, in words, and what would make it shorter."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np

from aam.config import TrainConfig
from aam.data.study.study import Study
from aam.learners.catalogue import FAMILIES, LABELS, NETWORK
from aam.learners.members import new_member
from aam.learners.protocol import Labelled, Learner
from aam.progress import Bar
from aam.text import format_duration
from aam.training.plan.supervision import Inputs
from aam.workflows.runs.blend.inputs import encoding, inner_folds, labelled, network_member, ordered_rows, shared_task

FEWEST_SAMPLES = 20
"""Fewer are learned from as fast as a first step could be measured."""
WORTH_SHORTENING = 60.0
"""Seconds from which it is said how a blend would take less."""

PREPARING = "trees of the ASVs"

Durations = Mapping[str, float]
"""Seconds by name of a learner."""


def measured_durations(
    members: Sequence[Learner], names: Sequence[str], study: Study, samples: Labelled, fold_B: np.ndarray
) -> dict[str, float]:
    """Seconds that each member takes about, by a first step of it; nothing for few samples.

    Parameters
    ----------
    members, names
        The members, not fitted, and their names.
    study, samples, fold_B
        What is learned from, as in :func:`~aam.learners.blend.fit_blend`.
    """
    if len(samples) < FEWEST_SAMPLES:
        return {}
    pairs = zip(names, members, strict=True)
    return {name: member.expected_seconds(study, samples, fold_B) for name, member in pairs}


class BlendBar(Bar):
    """The progress of a blend, in fits: of each member without each fold, and on all samples.

    Parameters
    ----------
    names
        The members.
    folds
        The folds.
    expected
        Seconds of each member; empty where nothing was measured.
    wanted
        Whether to show it.
    """

    def __init__(self, names: Sequence[str], folds: int, expected: Durations, *, wanted: bool) -> None:
        self.fits = folds + 1
        self._of_fit = {name: expected[name] / self.fits for name in names} if expected else dict.fromkeys(names, 1.0)
        self._before: list[str] = []
        seconds = sum(expected.values()) if expected else None
        super().__init__("fitting", "fits", len(names) * self.fits, seconds=seconds, wanted=wanted)

    def begin(self, name: str) -> None:
        """A member is next; those before it are done."""
        self._complete()
        self._before.append(name)
        self.say(f"fitting {name}")

    def next_fold(self) -> None:
        """The member has learned without a fold."""
        self.advance(1, self._of_fit[self._before[-1]])

    def finish(self, name: str) -> None:
        """A member is fitted; which are next is not known here."""
        self.say(f"fitted {name}")
        self.advance(self.fits, self.fits * self._of_fit[name])

    def stop(self) -> None:
        """Take it away."""
        self._complete()
        super().stop()

    def _complete(self) -> None:
        if self._before:
            work = self.fits * sum(self._of_fit[name] for name in self._before)
            self.advance(self.fits * len(self._before) - self.done, work - self.work)


def expected_durations(config: TrainConfig, inputs: Inputs, names: Sequence[str]) -> dict[str, float]:
    """The same for a blend that is only planned, with the time that preparing it takes under the name of nobody."""
    targets = inputs.targets
    assert targets is not None
    if len(inputs.split.train) < FEWEST_SAMPLES:
        return {}
    samples = labelled(inputs, ordered_rows(inputs))
    started = time.monotonic()
    task = shared_task(config, inputs, names, encoding(config))
    prepared = time.monotonic() - started
    members = [new_member(name, task, config.run.seed, partial(network_member, config)) for name in names]
    folds = inner_folds(config, inputs, samples)
    return {PREPARING: prepared, **measured_durations(members, names, inputs.study, samples, folds)}


def duration_words(expected: Durations, times: int = 1) -> str:
    """How long so many blends take, and what would make it shorter where that is worth a word."""
    whole = times * sum(expected.values())
    words = f"about {format_duration(max(whole, 1))} on this machine, measured on first steps"
    return "; ".join([words, *_shorter(expected, times)]) if whole > WORTH_SHORTENING else words


def duration_details(expected: Durations) -> Iterator[str]:
    """How long each member takes."""
    for name, seconds in expected.items():
        yield f"{LABELS.get(name, name)}: about {seconds:.1f} s"


def _shorter(expected: Durations, times: int) -> Iterator[str]:
    """The families without the slowest, and how long these take."""
    families = {
        family: sum(expected[name] for name in learners if name in expected) for family, learners in FAMILIES.items()
    }
    families = {family: seconds for family, seconds in families.items() if seconds}
    slowest = max(families, key=lambda family: families[family])
    if len(families) > 1:
        rest = times * (sum(families.values()) - families.pop(slowest))
        yield f"--learners {','.join(families)}: {format_duration(rest)}"
    if slowest == NETWORK:
        yield "the network takes most: fewer --epochs"
