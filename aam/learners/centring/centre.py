"""Takes from what a learner reads of a sample the mean of the sample's study.

A study of training has the mean of its training samples; any other that of its own samples in the table at hand, so
that what is predicted of one of its samples depends on the others (transduction). Where samples are changed on purpose,
means stay those of the samples as they were read. No target is looked at.

Legend: ``B`` rows, ``S`` studies of training, ``F`` features, ``N`` landmarks.

References
----------
Sims et al. (2008), The removal of multiplicative, systematic bias allows integration of breast cancer gene expression
datasets, BMC Medical Genomics 1, doi:10.1186/1755-8794-1-42 (batch mean-centring). Ma et al. (2022), Population
structure discovery in meta-analyzed microbial communities and inflammatory bowel disease using MMUPHin, Genome Biology
23, doi:10.1186/s13059-022-02753-4 (shifts of log abundances by study).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from aam.config.json_dataclass import need
from aam.data.study.several.labels import studies_of_table
from aam.learners.stored import PerStudyCache, Stored
from aam.text import listed, shorten

if TYPE_CHECKING:
    from aam.data.study.study import Study

Read = Callable[["Study", np.ndarray], np.ndarray]
"""Features of some samples, ``B x F``."""
ROWS_AT_ONCE = 512
MOST_AVERAGED = 2_000
"""Samples of a study that make its mean; of more, those whose ids' keys are the smallest."""
LARGEST = 1e100
COLUMN, STUDIES, MEANS, LANDMARKS = "centred_by", "centred_studies", "study_means", "study_of_landmark"
FEW = 10
"""Samples below which the mean of a study is rough."""


@dataclass(frozen=True, eq=False)
class Centring:
    """Which column tells studies apart, and the study of each training sample that a reference keeps (``N``)."""

    column: str
    landmarks: np.ndarray

    def first(self, number: int) -> Centring:
        """The same for fewer samples that are kept."""
        return Centring(self.column, self.landmarks[:number])


class StudyCentre:
    """The mean of each study.

    Parameters
    ----------
    column
        The column of studies; where a table has none, each table is a study.
    read
        Reads the features.
    """

    def __init__(self, column: str, read: Read) -> None:
        self.column = column
        self.read = read
        self.studies: tuple[str, ...] = ()
        self.mean_SF = np.empty((0, 0))
        self._labels = PerStudyCache(lambda study: studies_of_table(study, self.column))
        self._further: PerStudyCache[dict[str, np.ndarray]] = PerStudyCache(lambda study: {})

    def fit(self, study: Study, rows: np.ndarray) -> StudyCentre:
        """Take the means of training samples."""
        labels = self._labels(study)[rows]
        self.studies = tuple(map(str, np.unique(labels)))
        self.mean_SF = np.stack([self._mean(study, rows[labels == name]) for name in self.studies])
        return self

    def means(self, study: Study, rows: np.ndarray) -> np.ndarray:
        """The mean of the study of each sample, ``B x F``."""
        among = study if study.centred_among is None else study.centred_among
        labels, further = self._labels(study), self._further(among)
        place_of = {name: place for place, name in enumerate(self.studies)}
        names, name_B = np.unique(labels[rows], return_inverse=True)
        found = []
        for name in map(str, names):
            if name in place_of:
                found.append(self.mean_SF[place_of[name]])
                continue
            if name not in further:
                further[name] = self._mean(among, np.flatnonzero(studies_of_table(among, self.column) == name))
            found.append(further[name])
        return np.stack(found)[name_B] if found else np.empty((0, self.mean_SF.shape[1]))

    def to_arrays(self) -> Stored:
        """The means; the names are facts."""
        return Stored({MEANS: self.mean_SF}, {COLUMN: self.column, STUDIES: list(self.studies)})

    @classmethod
    def from_arrays(cls, stored: Stored, read: Read, width: int) -> StudyCentre:
        """The same, from an untrusted source; :class:`ValueError` where something else was written."""
        column, names = stored.facts.get(COLUMN), stored.facts.get(STUDIES)
        need(isinstance(column, str) and isinstance(names, list) and bool(names), "the studies are lacking")
        assert isinstance(names, list)
        need(all(isinstance(name, str) for name in names) and len(set(names)) == len(names), "a study is there twice")
        centre = cls(str(column), read)
        centre.studies = tuple(names)
        centre.mean_SF = stored.array(MEANS, np.float64, (len(names), width))
        need(bool((np.abs(centre.mean_SF) < LARGEST).all()), "the mean of a study is no number")
        return centre

    def _mean(self, study: Study, rows: np.ndarray) -> np.ndarray:
        some = rows[np.argsort(study.keys[rows], kind="stable")[:MOST_AVERAGED]]
        blocks = (some[start : start + ROWS_AT_ONCE] for start in range(0, len(some), ROWS_AT_ONCE))
        total = sum(self.read(study, block).astype(np.float64).sum(axis=0) for block in blocks)
        return np.asarray(total / len(some), dtype=np.float64)


def is_centred(facts: Mapping[str, Any]) -> bool:
    """Whether the stored facts of a learner say that it centres."""
    return COLUMN in facts


def about_landmarks(block: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Similarities ``B x N`` less their mean over the landmarks of each study: as if landmarks were centred too."""
    found = block.copy()
    for name in np.unique(landmarks):
        own = landmarks == name
        found[:, own] -= found[:, own].mean(axis=1, keepdims=True)
    return found


def landmarks_to_array(landmarks: np.ndarray) -> dict[str, np.ndarray]:
    """A number for the study of each landmark, from 0."""
    return {LANDMARKS: np.unique(landmarks, return_inverse=True)[1].astype(np.int32)}


def landmarks_from_array(stored: Stored, number: int) -> np.ndarray:
    """The inverse: the numbers themselves tell studies apart."""
    found = stored.array(LANDMARKS, np.int32, (number,))
    need(bool((found >= 0).all()), "the study of a landmark is lacking")
    return found


def centring_notes(members: Sequence[Mapping[str, Any]], study: Study) -> list[str]:
    """What to say of the studies of a table that a model centres; nothing for a model that does not.

    Parameters
    ----------
    members
        Facts of the model's learners.
    study
        The samples that are to be predicted.
    """
    # a learner that takes in earlier samples holds another one
    own = (facts.get("own", facts) for facts in members)
    centred = [facts for facts in own if is_centred(facts)]
    if not centred or not len(study):
        return []
    labels = studies_of_table(study, str(centred[0][COLUMN]))
    names, counts = np.unique(labels, return_counts=True)
    is_new = ~np.isin(names, centred[0].get(STUDIES, []))
    lines = []
    if is_new.any():
        smallest = int(counts[is_new].min())
        few = f"; one has {smallest} samples only, and a rough mean" if smallest < FEW else ""
        lines.append(
            f"new studies ({int(is_new.sum()):,}) are centred by the means of their own samples: predictions depend on "
            f"which samples are predicted together{few}"
        )
    known, column = names[~is_new], str(centred[0][COLUMN])
    if len(known):
        in_sheet = study.metadata is not None and column in study.metadata.columns
        remedy = "in the metadata" if in_sheet else f"(its file, or by a column '{shorten(column)}' of the metadata)"
        lines.append(
            f"studies of training (by name): {len(known):,} ({listed(known)}), centred by their training samples; if "
            f"one is another study than that of training, rename it {remedy}"
        )
    return lines
