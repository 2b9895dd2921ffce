"""Covariates: by how much predictions become worse where a covariate is another sample's, and where they move.

`covariates` exchanges the values of a column between samples of different units, as `permutation` does with reads; the
columns of a hierarchy go together. `sensitivity` needs no truths: it sets a column to the same value in all samples (a
level, or one standard deviation more) and looks where predictions go.

Legend of shapes: ``N`` samples that are explained, ``G`` things, ``O`` outputs, ``T`` targets.

References
----------
Friedman (2001), Greedy function approximation, Annals of Statistics 29 (partial dependence). Goldstein et al. (2015),
Peeking inside the black box, Journal of Computational and Graphical Statistics 24 (sample by sample).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from aam.data.readers.metadata import Metadata
from aam.data.study.covariates import CovariateSpec, NumericColumn
from aam.data.study.study import Study
from aam.explanation.effects import Effects
from aam.explanation.exchange import one_unit
from aam.explanation.increase import Things, increases, losses, unmeasurable
from aam.explanation.intervals import bootstrap_interval
from aam.explanation.method import Method, Subject, register
from aam.explanation.permutation import donors_of, num_draws

COVARIATE = "covariate"
NONE = "the model reads no covariates"


def columns_read(subject: Subject) -> dict[str, tuple[str, ...]]:
    """What may be exchanged: name -> the metadata columns that go together.

    Each column of the covariates alone, those of a hierarchy as one thing, and the columns that targets are scaled by.
    """
    spec, targets = subject.model.predictor.manifest.covariate_spec, subject.model.predictor.targets
    found: dict[str, tuple[str, ...]] = {}
    if spec is not None:
        numbers = tuple(number.name for number in spec.numeric)
        found = {name: (name,) for name in (*spec.stand_alone, *numbers)}
        found |= {" < ".join(chain): chain for chain in spec.hierarchies}
    others = [name for name in targets.normalize_by if all(name not in columns for columns in found.values())]
    return found | {name: (name,) for name in others}


def with_cells(study: Study, cells: Mapping[str, np.ndarray]) -> Study:
    """The study with other cells in some columns of its metadata."""
    assert study.metadata is not None
    sheet = dataclasses.replace(study.metadata, columns={**study.metadata.columns, **cells})
    return dataclasses.replace(study, metadata=sheet)


def given_by(sheet: Metadata, columns: tuple[str, ...], rows: np.ndarray, givers: np.ndarray) -> dict[str, np.ndarray]:
    """Cells of columns in which some rows have those of others."""
    found = {name: sheet.column(name).copy() for name in columns}
    for cells in found.values():
        cells[rows] = cells[givers]
    return found


class CovariateExchange(Method):
    """Exchange of each covariate between samples of different units."""

    name = "covariates"
    title = "Covariates"
    summary = "the increase of the error where a covariate has the value of a sample of another group"
    needs_truths = True
    in_auto = True

    def unable(self, subject: Subject) -> str:
        """Where there are none, or none to exchange with."""
        return (one_unit(subject.unit_N) or unmeasurable(subject)) if columns_read(subject) else NONE

    def num_predictions(self, subject: Subject) -> int:
        """One for each sample and covariate, and one for each sample as it is."""
        return num_draws(subject) * len(subject) * (1 + len(columns_read(subject)))

    def explain(self, subject: Subject) -> list[Effects]:
        """Increases of the error of each learner."""
        columns, sheet = columns_read(subject), subject.study.metadata
        assert sheet is not None

        def variants(draw: int) -> list[Study]:
            givers = subject.rows[donors_of(subject, draw)]
            cells = [given_by(sheet, own, subject.rows, givers) for own in columns.values()]
            return [with_cells(subject.study, one) for one in cells]

        support_G = np.array([_num_known(sheet, own, subject.rows) for own in columns.values()])
        names = tuple(columns)
        things = Things(level=COVARIATE, names=names, labels=names, support_G=support_G)
        return increases(subject, self.name, things, mean_increases(subject, variants))


def mean_increases(subject: Subject, variants: Callable[[int], list[Study]]) -> dict[str, np.ndarray]:
    """Learner -> increase of each sample's error in each variant of the study, ``N x G x T``; the mean over draws.

    Parameters
    ----------
    subject
        With truths.
    variants
        Makes the variants of the whole study for a permutation.
    """
    total: dict[str, np.ndarray] = {}
    for draw in range(num_draws(subject)):
        read = draw % subject.draws
        lost = _losses(subject, subject.study, read)
        found = [_losses(subject, study, read) for study in variants(draw)]
        for learner, own in lost.items():
            change = np.stack([one[learner] - own for one in found], axis=1) / num_draws(subject)
            total[learner] = total.get(learner, 0.0) + change
    return total


def _losses(subject: Subject, study: Study, read: int) -> dict[str, np.ndarray]:
    predicted = subject.model.predict(study, subject.rows, read)
    subject.on_done(len(subject))
    return {learner: losses(subject, found) for learner, found in predicted.items()}


def _num_known(sheet: Metadata, columns: tuple[str, ...], rows: np.ndarray) -> int:
    """Samples with a value in the first of some columns."""
    return int((sheet.labels(columns[0])[rows] != "").sum())


@dataclass(frozen=True, kw_only=True, eq=False)
class Setting:
    """A covariate set to one value in all samples.

    Attributes
    ----------
    name
        In words.
    cells
        The cells of its columns.
    moved_N
        Which explained samples have another value of their own.
    """

    name: str
    cells: Mapping[str, np.ndarray]
    moved_N: np.ndarray


def settings(subject: Subject) -> list[Setting]:
    """All settings: each level that a sample has, and a standard deviation more of each number."""
    spec, sheet = subject.model.predictor.manifest.covariate_spec, subject.study.metadata
    if spec is None or sheet is None:
        return []
    chains = [*((name,) for name in spec.stand_alone), *spec.hierarchies]
    levels = [one for chain in chains for one in _levels(subject, spec, sheet, chain)]
    return [*levels, *(_raised(subject, sheet, number) for number in spec.numeric)]


def _levels(subject: Subject, spec: CovariateSpec, sheet: Metadata, chain: tuple[str, ...]) -> list[Setting]:
    """A setting for each level of the finest column; the coarser ones are those of a sample that has it."""
    known = spec.categorical[spec.place(chain[0])].levels
    labels = sheet.labels(chain[0], known=known)
    found = []
    for level in known:
        having = np.flatnonzero(labels == level)
        if len(having):
            cells = given_by(sheet, chain, subject.rows, np.repeat(having[0], len(subject)))
            found.append(Setting(name=f"{chain[0]}={level}", cells=cells, moved_N=labels[subject.rows] != level))
    return found


def _raised(subject: Subject, sheet: Metadata, number: NumericColumn) -> Setting:
    """A standard deviation of the training samples more, where there is a value."""
    value_N, cells = sheet.numeric(number.name)[subject.rows], sheet.column(number.name).copy()
    known = ~np.isnan(value_N)
    cells[subject.rows[known]] = [repr(float(value)) for value in value_N[known] + number.spread]
    return Setting(name=f"{number.name} +{number.spread:.3g}", cells={number.name: cells}, moved_N=known)


class Sensitivity(Method):
    """Predictions where a covariate has one value in all samples."""

    name = "sensitivity"
    title = "Sensitivity to covariates"
    summary = "the change of a prediction where a covariate is set to a level, or is a standard deviation larger"
    in_auto = True

    def unable(self, subject: Subject) -> str:
        """Where there are no covariates, or none that can be set."""
        return "" if settings(subject) else NONE

    def num_predictions(self, subject: Subject) -> int:
        """One for each sample and setting, and one for each sample as it is."""
        return subject.draws * len(subject) * (1 + len(settings(subject)))

    def explain(self, subject: Subject) -> list[Effects]:
        """Changes of the predictions of each learner, in samples that have another value of their own."""
        chosen, total = settings(subject), dict[str, np.ndarray]()
        studies = [with_cells(subject.study, one.cells) for one in chosen]
        for draw in range(subject.draws):
            whole = self._predicted(subject, subject.study, draw)
            found = [self._predicted(subject, study, draw) for study in studies]
            for learner, own in whole.items():
                change = np.stack([one[learner] - own for one in found], axis=1) / subject.draws
                total[learner] = total.get(learner, 0.0) + change
        moved_NG = np.stack([one.moved_N for one in chosen], axis=1)
        names = tuple(one.name for one in chosen)
        return [self._effects(subject, learner, names, moved_NG, change) for learner, change in total.items()]

    def _predicted(self, subject: Subject, study: Study, draw: int) -> Mapping[str, np.ndarray]:
        found = subject.model.predict(study, subject.rows, draw)
        subject.on_done(len(subject))
        return found

    def _effects(
        self, subject: Subject, learner: str, names: tuple[str, ...], moved_NG: np.ndarray, change_NGO: np.ndarray
    ) -> Effects:
        effect, low, high = bootstrap_interval(change_NGO, moved_NG, subject.unit_N, seed=subject.seed)
        return Effects(
            method=self.name,
            learner=learner,
            level=COVARIATE,
            names=names,
            labels=names,
            outputs=subject.model.outputs,
            unit=subject.model.unit,
            effect_GO=effect,
            low_GO=low,
            high_GO=high,
            importance_GO=np.abs(change_NGO).mean(axis=0),
            support_G=moved_NG.sum(axis=0),
            by_sample_NGO=change_NGO,
            has_NG=moved_NG,
        )


register(CovariateExchange())
register(Sensitivity())
