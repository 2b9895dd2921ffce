"""Positions: how a prediction changes where bases are unknown, at the same place of all sequences.

The bases of a window are replaced by N in all ASVs, for each window in turn, and the prediction is subtracted from that
with all bases known: a positive effect raises the prediction. Places count from the first base of the sequences as the
model reads them, trimmed where it trims: of amplicons that begin at one primer they are about the same columns of an
alignment. Networks read N as a letter. Learners that know ASVs of training samples by their sequences meet new ones
only, and place each with its nearest relative by the words of six bases that are left: for them the effect is that of
the places at which relatives are mistaken, and they hardly change where few bases are hidden.

Legend of shapes: ``N`` samples that are explained, ``W`` windows, ``O`` outputs, ``A`` ASVs, ``L`` bases.

References
----------
Zhou, Troyanskaya (2015), Predicting effects of noncoding variants with deep learning-based sequence model, Nature
Methods 12 (in-silico changes of single bases). Zeiler, Fergus (2014), Visualizing and understanding convolutional
networks, ECCV (occlusion).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from aam.alphabet import PAD, N
from aam.data.study.study import Study
from aam.explain.effects import Effects
from aam.explain.intervals import bootstrap_interval
from aam.explain.method import Method, Subject, register

POSITION = "position"
MOST_WINDOWS = 30
"""Windows at most: each costs a prediction of all samples, with all ASVs as new ones."""


@dataclass(frozen=True, kw_only=True)
class Windows:
    """Windows of neighbouring places, from the first base on.

    Attributes
    ----------
    length
        Bases of the longest sequence.
    width
        Bases of a window; the last may be shorter.
    """

    length: int
    width: int

    def __len__(self) -> int:
        return -(-self.length // self.width)

    @property
    def slices(self) -> tuple[slice, ...]:
        """Columns of each."""
        return tuple(slice(start, min(start + self.width, self.length)) for start in range(0, self.length, self.width))

    @property
    def names(self) -> tuple[str, ...]:
        """First and last base, from 1 on; of a single base its place."""
        ends = [(one.start + 1, one.stop) for one in self.slices]
        return tuple(str(first) if first == last else f"{first}-{last}" for first, last in ends)


def windows(length: int, width: int) -> Windows:
    """Windows of this width."""
    return Windows(length=length, width=width)


def without_bases(study: Study, columns: slice) -> Study:
    """A study whose ASVs have N at these places; what lies beyond a sequence's end stays empty."""
    tokens_AL = study.tokens.copy()
    part = tokens_AL[:, columns]
    part[part != PAD] = N
    return dataclasses.replace(study, tokens=tokens_AL)


class Positions(Method):
    """Occlusion of windows of bases."""

    name = "positions"
    title = "Positions"
    summary = "the change of a prediction where these bases of all sequences are unknown"

    def unable(self, subject: Subject) -> str:
        """It needs sequences."""
        return "" if subject.study.has_dna else "the table's ASVs have names and no DNA"

    def num_predictions(self, subject: Subject) -> int:
        """One for each window, and one of each sample as it is."""
        return subject.draws * len(subject) * (1 + len(_windows_of(subject.study)))

    def explain(self, subject: Subject) -> list[Effects]:
        """Effects of the windows on each learner."""
        asked, study = _windows_of(subject.study), subject.study
        total: dict[str, np.ndarray] = {}
        whole = [subject.model.predict(study, subject.rows, draw) for draw in range(subject.draws)]
        subject.on_done(subject.draws * len(subject))
        for place, columns in enumerate(asked.slices):
            changed = without_bases(study, columns)
            for draw, as_it_is in enumerate(whole):
                found = subject.model.predict(changed, subject.rows, draw)
                for learner, values_NO in as_it_is.items():
                    shape = (len(subject), len(asked), values_NO.shape[1])
                    effect = total.setdefault(learner, np.zeros(shape))
                    effect[:, place] += (values_NO - found[learner]) / subject.draws
                subject.on_done(len(subject))
        return [self._effects(subject, learner, asked, by_sample) for learner, by_sample in total.items()]

    def _effects(self, subject: Subject, learner: str, asked: Windows, by_sample_NWO: np.ndarray) -> Effects:
        has_NW = np.ones(by_sample_NWO.shape[:2], dtype=bool)
        effect, low, high = bootstrap_interval(by_sample_NWO, has_NW, subject.unit_N, seed=subject.seed)
        return Effects(
            method=self.name,
            learner=learner,
            level=POSITION,
            names=asked.names,
            labels=tuple(f"bases {name}" for name in asked.names),
            outputs=subject.model.outputs,
            unit="prediction",
            effect_GO=effect,
            low_GO=low,
            high_GO=high,
            importance_GO=np.abs(by_sample_NWO).mean(axis=0),
            support_G=has_NW.sum(axis=0),
            by_sample_NGO=by_sample_NWO,
        )


def _windows_of(study: Study) -> Windows:
    """Single bases, or so wide that they are few enough."""
    length = study.longest_sequence
    return windows(length, -(-length // MOST_WINDOWS))


register(Positions())
