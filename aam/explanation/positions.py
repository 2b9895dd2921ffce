"""Positions: how much more a prediction changes where bases are unknown at one place of all sequences than at another.

The bases of a window are replaced by N in all ASVs, for each window in turn. The prediction with a window hidden is
subtracted from the mean over all windows: a positive effect says that these bases raise the prediction more than those
at other places do. The mean over windows, and not the prediction with all bases known, is what is compared with, since
hiding any base at all changes much for learners that know ASVs of training samples by their sequences: they meet new
ones only. Those that know nothing else of an ASV (such as a forest on ASVs) have no effect anywhere. Others place each
new ASV with its nearest relative by the words of six bases that are left: for them the effect is that of the places
without which relatives are mistaken. Networks read N as a letter.

Places count from the first base of the sequences as the model reads them, trimmed where it trims: of amplicons that
begin at one primer they are about the same columns of an alignment.

Legend of shapes: ``N`` samples that are explained, ``R`` draws, ``W`` windows, ``O`` outputs, ``A`` ASVs, ``L`` bases.

References
----------
Zhou, Troyanskaya (2015), Predicting effects of noncoding variants with deep learning-based sequence model, Nature
Methods 12 (in-silico changes of single bases). Zeiler, Fergus (2014), Visualizing and understanding convolutional
networks, ECCV (occlusion).
"""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy.sparse import csr_array, vstack

from aam.alphabet import PAD, N
from aam.data.study.study import Study
from aam.explanation.effects import Effects
from aam.explanation.method import Method, Subject, register
from aam.explanation.model import with_counts
from aam.explanation.redraw import redrawn
from aam.explanation.summary import Named, effects_of
from aam.explanation.windows import POSITION, Windows

MOST_WINDOWS = 30
"""Windows at most: each costs a prediction of all samples, with all ASVs as new ones."""


class Positions(Method):
    """Occlusion of windows of bases."""

    name = "positions"
    title = "Positions"
    summary = "what these bases of all sequences add to a prediction, beside other bases"

    def unable(self, subject: Subject) -> str:
        """It needs sequences."""
        return "" if subject.study.has_dna else "the table's ASVs have names and no DNA"

    def num_predictions(self, subject: Subject) -> int:
        """One for each window."""
        return subject.draws * len(subject) * len(windows_of(subject.study))

    def explain(self, subject: Subject) -> list[Effects]:
        """Effects of the windows on each learner."""
        asked, study = windows_of(subject.study), drawn_study(subject)
        hidden: dict[str, list[np.ndarray]] = {}
        for columns in asked.slices:
            found = subject.model.predict(without_bases(study, columns), np.arange(len(study)))
            for learner, values_VO in found.items():
                hidden.setdefault(learner, []).append(values_VO)
            subject.on_done(len(study))
        labels = tuple(f"bases {name}" for name in asked.names)
        has = np.ones((1, subject.draws, len(subject), len(asked)), dtype=bool)
        return [
            effects_of(
                subject,
                Named(method=self.name, learner=learner, outputs=subject.model.outputs, unit=subject.model.unit),
                (POSITION, asked.names, labels),
                (np.mean(each, axis=0)[:, None] - np.stack(each, axis=1)).reshape(*has.shape, -1),
                has,
            )
            for learner, each in hidden.items()
        ]


def windows_of(study: Study) -> Windows:
    """Single bases, or so wide windows that they are few enough."""
    length = study.longest_sequence
    return Windows(length=length, width=-(-length // MOST_WINDOWS))


def drawn_study(subject: Subject) -> Study:
    """All draws of the explained samples, one draw after the other, with the ASVs that they have."""
    several = subject.draws > 1
    draws = [
        redrawn(subject.study, subject.rows, draw, seed=subject.seed, several=several) for draw in range(subject.draws)
    ]
    counts = csr_array(vstack(draws, format="csr"))
    study = with_counts(subject.study, np.tile(subject.rows, subject.draws), counts)
    present = np.unique(counts.indices) if study.earlier is None else np.arange(counts.shape[1])
    table = dataclasses.replace(
        study.table,
        counts=csr_array(counts[:, present]),
        asv_ids=study.table.asv_ids[present],
        sequences=study.table.sequences[present],
    )
    # Learners place ASVs in the trees of their training samples: nobody reads the study's.
    return dataclasses.replace(
        study, table=table, tokens=study.tokens[present], lengths=study.lengths[present], tree=None, phylogeny=None
    )


def without_bases(study: Study, columns: slice) -> Study:
    """A study whose ASVs have N at these places; what lies beyond a sequence's end stays empty."""
    tokens_AL = study.tokens.copy()
    part = tokens_AL[:, columns]
    part[part != PAD] = N
    return dataclasses.replace(study, tokens=tokens_AL)


register(Positions())
