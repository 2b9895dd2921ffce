"""How the studies of a run differ: ASVs, lengths, depth and targets; and how much of a target the study alone tells.

Legend: ``N`` samples, ``S`` studies, ``A`` ASVs.

References
----------
Bergsma (2013), A bias-correction for Cramer's V and Tschuprow's T, Journal of the Korean Statistical Society 42,
doi:10.1016/j.jkss.2012.10.002. Ezekiel (1930), Methods of Correlation Analysis (adjusted R2).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_array

from aam.config.json_dataclass import need, read_plain
from aam.data.study.several.labels import several_studies
from aam.text import plural, shorten

if TYPE_CHECKING:
    from aam.data.study.study import Study

CONFOUNDED = {"r2": 0.25, "v": 0.3}
"""From which on a model may learn the study in place of the target."""
MEASURES = {"r2": "R2", "v": "Cram\u00e9r's V"}
MOST_STUDIES = 12
"""Studies that are listed in the log."""
MOST_CLASSES = 4
LEAST_SHARED = 0.5
"""Share of a study's reads on ASVs of other studies, below which it has little in common with them."""


@dataclass(frozen=True, kw_only=True)
class StudyFacts:
    """What there is of one study.

    Attributes
    ----------
    study
        Its name.
    samples, asvs
        How many.
    reads
        Median reads of a sample.
    bases
        Least, median and largest length of its ASVs; empty without DNA.
    shared
        Share of its reads that are of ASVs which another study has.
    targets
        The values of each target in words.
    """

    study: str
    samples: int
    asvs: int
    reads: int
    bases: tuple[int, ...]
    shared: float
    targets: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Told:
    """How much of a target the study alone tells.

    Attributes
    ----------
    measure
        ``r2`` (adjusted, of numbers) or ``v`` (Cram\u00e9r's, corrected for bias, of classes).
    value
        From 0 to 1.
    apart
        Studies whose values do not overlap with those of any other study (ranges of numbers, sets of classes).
    """

    measure: str
    value: float
    apart: tuple[str, ...]

    @property
    def is_confounded(self) -> bool:
        """Whether a model may learn the study in place of the target."""
        return self.value >= CONFOUNDED[self.measure]


@dataclass(frozen=True, kw_only=True)
class Harmony:
    """The studies of a run.

    Attributes
    ----------
    column
        The column of studies.
    targets
        Columns of the targets.
    facts
        Each study, by name.
    told
        Column of each target -> how much of it the study alone tells.
    """

    column: str
    targets: tuple[str, ...]
    facts: tuple[StudyFacts, ...]
    told: Mapping[str, Told]

    def lines(self) -> Iterator[str]:
        """What the log says."""
        for one in self.facts[:MOST_STUDIES]:
            bases = f", {range_words(one.bases)} bases" if one.bases else ""
            pairs = zip(self.targets, one.targets, strict=True)
            values = "".join(f"; {shorten(name)} {words}" for name, words in pairs)
            yield (
                f"study '{shorten(one.study)}': {plural(one.samples, 'sample')}, {one.reads:,} reads (median), "
                f"{one.shared:.0%} of them of ASVs of other studies{bases}{values}"
            )
        if len(self.facts) > MOST_STUDIES:
            yield f"and {len(self.facts) - MOST_STUDIES:,} further studies"
        yield from self.warnings()

    def warnings(self) -> Iterator[str]:
        """What may mislead a model, and what to do."""
        for column, told in self.told.items():
            yield from _told_words(column, told)
        depths = [one.reads for one in self.facts]
        if max(depths) > 5 * min(depths):
            yield (
                f"studies differ in depth ({min(depths):,} to {max(depths):,} reads, medians): deeper ones have more "
                "rare ASVs; the network draws the same number of reads of each, other learners read all"
            )
        few = [one.study for one in self.facts if one.shared < LEAST_SHARED]
        if few:
            what = f"study '{shorten(few[0])}'" + (f" and {len(few) - 1} more" if len(few) > 1 else "")
            yield (
                f"{what}: less than half of the reads are of ASVs of other studies: check region, length "
                "(--trim-length) and strand (--reverse-complement auto)"
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            "column": self.column,
            "targets": list(self.targets),
            "facts": [_as_lists(asdict(one)) for one in self.facts],
            "told": {name: _as_lists(asdict(told)) for name, told in self.told.items()},
            "notes": list(self.warnings()),
        }

    @classmethod
    def of_record(cls, data: Mapping[str, Any]) -> Harmony | None:
        """The inverse of :meth:`to_dict`, from the record of a run; None where it has no studies.

        Raises
        ------
        ValueError
            If something else was written.
        """
        found = data.get("studies", {})
        if "facts" not in found:
            return None
        need(isinstance(found.get("column"), str) and isinstance(found.get("told"), dict), "the studies are damaged")
        targets = found.get("targets")
        need(isinstance(found["facts"], list) and bool(found["facts"]), "the studies are damaged")
        need(isinstance(targets, list) and all(isinstance(name, str) for name in targets), "the studies are damaged")
        need(all(isinstance(note, str) and note for note in found.get("notes", [])), "a note is damaged")
        facts = tuple(read_plain(StudyFacts, one) for one in found["facts"])
        need(all(len(one.bases) in (0, 3) for one in facts), "lengths are damaged")
        need(all(len(one.targets) == len(targets) for one in facts), "a target is damaged")
        told = {name: read_plain(Told, one) for name, one in found["told"].items()}
        need(all(one.measure in MEASURES for one in told.values()), "an unknown measure")
        return cls(column=found["column"], targets=tuple(targets), facts=facts, told=told)


def harmony_of(study: Study, column: str) -> Harmony | None:
    """How the studies of a run differ; None where there is one, or not every sample has one.

    Parameters
    ----------
    study
        All samples, with their targets.
    column
        The column of studies.
    """
    labels = several_studies(study, column)
    if labels is None:
        return None
    names, study_N = np.unique(labels.astype(str), return_inverse=True)
    counts = study.table.counts
    member = csr_array((np.ones(len(study_N)), (study_N, np.arange(len(study_N)))), (len(names), len(study_N)))
    reads_SA = csr_array(member @ counts)
    in_studies_A = np.bincount(reads_SA.indices[reads_SA.data > 0], minlength=counts.shape[1])
    shared_S = np.asarray(reads_SA @ (in_studies_A > 1).astype(np.float64)) / np.asarray(reads_SA.sum(axis=1)).ravel()
    reads_N = np.asarray(counts.sum(axis=1)).ravel()
    facts = []
    for place, name in enumerate(names):
        own, asvs = study_N == place, reads_SA[[place]].indices
        lengths = study.lengths[asvs]
        bases = (int(lengths.min()), int(np.median(lengths)), int(lengths.max())) if study.has_dna else ()
        facts.append(
            StudyFacts(
                study=str(name),
                samples=int(own.sum()),
                asvs=len(asvs),
                reads=int(np.median(reads_N[own])),
                bases=bases,
                shared=float(shared_S[place]),
                targets=tuple(_values_words(values[own]) for values in study.targets.values()),
            )
        )
    told = {target: _told(values, study_N, names) for target, values in study.targets.items()}
    known = {target: one for target, one in told.items() if one is not None}
    return Harmony(column=column, targets=tuple(study.targets), facts=tuple(facts), told=known)


def adjusted_r2(values: np.ndarray, level_N: np.ndarray) -> float:
    """Share of the variance that the means of levels explain, adjusted for their number; 0 at least, NaN if undefined.

    Parameters
    ----------
    values
        Numbers.
    level_N
        Level of each, from 0.
    """
    levels, place = np.unique(level_N, return_inverse=True)
    total = float(((values - values.mean()) ** 2).sum())
    left = len(values) - len(levels)
    if total == 0 or left <= 0:
        return float("nan")
    means = np.bincount(place, values) / np.bincount(place)
    within = float(((values - means[place]) ** 2).sum())
    return max(0.0, 1 - within / total * (len(values) - 1) / left)


def corrected_v(values: np.ndarray, level_N: np.ndarray) -> float:
    """Cram\u00e9r's V of two columns of labels, corrected for its bias (Bergsma 2013); NaN where one is constant."""
    rows, columns = (np.unique(labels.astype(str), return_inverse=True)[1] for labels in (values, level_N))
    table = np.zeros((rows.max() + 1, columns.max() + 1))
    np.add.at(table, (rows, columns), 1)
    number, (r, k) = table.sum(), table.shape
    if min(r, k) < 2 or number < 2:
        return float("nan")
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / number
    phi2 = float(((table - expected) ** 2 / expected).sum() / number)
    phi2 = max(0.0, phi2 - (k - 1) * (r - 1) / (number - 1))
    smaller = min(size - (size - 1) ** 2 / (number - 1) for size in (r, k)) - 1
    return float(min(1.0, np.sqrt(phi2 / smaller))) if smaller > 0 else float("nan")


def _told(values: np.ndarray, study_N: np.ndarray, names: np.ndarray) -> Told | None:
    """How much of a target the study tells; None where that is not defined."""
    is_number = values.dtype == np.float64
    known = ~np.isnan(values) if is_number else values != ""
    own, studies = values[known], study_N[known]
    if len(own) < 2 or len(np.unique(studies)) < 2:
        return None
    value = adjusted_r2(own, studies) if is_number else corrected_v(own, studies)
    if not np.isfinite(value):
        return None
    places = np.unique(studies)
    sets = [own[studies == place] for place in places]
    apart = []
    for one, place in enumerate(places):
        others = [found for other, found in enumerate(sets) if other != one]
        if not any(_overlap(sets[one], found, is_number=is_number) for found in others):
            apart.append(str(names[place]))
    return Told(measure="r2" if is_number else "v", value=value, apart=tuple(apart))


def _overlap(first: np.ndarray, second: np.ndarray, *, is_number: bool) -> bool:
    if is_number:
        return bool(first.min() <= second.max() and second.min() <= first.max())
    return bool(set(first.tolist()) & set(second.tolist()))


def _told_words(column: str, told: Told) -> Iterator[str]:
    name = shorten(column)
    if told.is_confounded:
        how = f"{told.value:.0%} of the variance" if told.measure == "r2" else f"{MEASURES['v']} {told.value:.2f}"
        yield (
            f"warning: the study alone predicts {name} ({how}): a model may learn the study; figures of mixed folds "
            "say little of a new study, which --cv study tests"
        )
    if told.apart:
        first = f"'{shorten(told.apart[0])}'"
        what = f"{len(told.apart)} studies have" if len(told.apart) > 1 else f"study {first} has"
        more = f" (first: {first})" if len(told.apart) > 1 else ""
        yield f"{what} values of {name} that no other study has{more}: what differs there may be the study"


def _values_words(values: np.ndarray) -> str:
    """Range and median of numbers, or the largest classes."""
    if values.dtype == np.float64:
        known = values[~np.isnan(values)]
        if not len(known):
            return "missing"
        low, middle, high = np.quantile(known, [0, 0.5, 1])
        return f"{low:.4g} to {high:.4g} (median {middle:.4g})" if low < high else f"{low:.4g}"
    classes, counts = np.unique(values[values != ""].astype(str), return_counts=True)
    order = np.argsort(-counts, kind="stable")
    shown = [f"{shorten(str(classes[place]), 24)} {counts[place]:,}" for place in order[:MOST_CLASSES]]
    more = f", {len(order) - MOST_CLASSES} more" if len(order) > MOST_CLASSES else ""
    return f"{', '.join(shown)}{more}" if shown else "missing"


def _as_lists(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}


def range_words(bases: tuple[int, ...]) -> str:
    """Least and largest of some lengths, or the one that all have."""
    low, _, high = bases
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
