"""Simulated studies whose informative ASVs are known, and models fitted on them.

Legend of shapes: ``N`` training samples, ``A`` ASVs of the study, ``G`` groups.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aam import load_study
from aam.config.commands.simulate import SimulateOptions
from aam.data.study.study import Study
from aam.data.targets.fitting import fit_targets
from aam.data.targets.kinds import NUMBERS, TargetRules
from aam.explanation.groups import AsvGroups, asv_groups, clade_groups
from aam.explanation.method import Subject
from aam.explanation.model import ExplainedModel
from aam.learners.blend import fit_blend
from aam.learners.catalogue import AUTO, expand
from aam.learners.folds import deal_folds
from aam.learners.members import new_member, possible_members
from aam.learners.predictor import Combination, predictor_of
from aam.learners.protocol import Labelled, Task
from aam.learners.reference import Reference
from aam.simulation.study import Simulation, simulate_study

TARGET, SUBJECT = "gradient", "subject"
NUM_ASVS, RICHNESS, READS = 200, 40.0, 5_000
INFORMATIVE = 0.3
OF_A_SUBJECT = 4
EXPLAINED = 100
"""Samples of other subjects than those of training, whose predictions are explained."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Truth:
    """What is known of the ASVs of a study.

    Attributes
    ----------
    is_informative_A
        Whether the abundance of each follows the gradient.
    optimum_A
        Place on the gradient (0 to 1) where it does best; NaN for the others.
    """

    is_informative_A: np.ndarray
    optimum_A: np.ndarray

    def of(self, groups: AsvGroups) -> np.ndarray:
        """Share of the ASVs of each group that are informative."""
        return np.asarray((groups.members @ self.is_informative_A.astype(np.int64)) / groups.size_G)

    def optimum(self, groups: AsvGroups) -> np.ndarray:
        """Mean optimum of the ASVs of each group; NaN where one has none."""
        members = groups.members.toarray().astype(bool)
        return np.array([self.optimum_A[some].mean() for some in members])


@dataclass(frozen=True, kw_only=True, eq=False)
class Simulated:
    """A study: the first samples are those of training, the others are of other subjects.

    Attributes
    ----------
    study
        Its samples in the order in which they were simulated.
    truth
        What is known of its ASVs.
    num_training
        Samples of training.
    seed
        Of the simulation.
    """

    study: Study
    truth: Truth
    num_training: int
    seed: int

    @property
    def training(self) -> np.ndarray:
        """Rows of the training samples."""
        return np.arange(self.num_training)

    @property
    def explained(self) -> np.ndarray:
        """Rows of the samples that are explained."""
        return np.arange(self.num_training, self.num_training + EXPLAINED)

    @property
    def rest(self) -> np.ndarray:
        """Rows of all further samples."""
        return np.arange(self.num_training + EXPLAINED, len(self.study))

    @property
    def target_N(self) -> np.ndarray:
        """Value of each sample of the study."""
        return np.asarray(self.study.targets[TARGET], dtype=np.float64)

    @property
    def unit_N(self) -> np.ndarray:
        """Subject of each sample of the study, as numbers."""
        assert self.study.metadata is not None
        return np.unique(self.study.metadata.labels(SUBJECT), return_inverse=True)[1]

    @property
    def shares(self) -> np.ndarray:
        """Relative abundances, samples by ASVs."""
        reads = self.study.table.counts.toarray().astype(np.float64)
        return np.asarray(reads / reads.sum(axis=1, keepdims=True))

    def groups(self) -> tuple[AsvGroups, AsvGroups]:
        """ASVs and clades that enough of the training samples have."""
        counts = self.study.table.counts[self.training]
        return asv_groups(self.study).prevalent(counts), clade_groups(self.study).prevalent(counts)

    def subject(
        self,
        model: ExplainedModel,
        groups: Sequence[AsvGroups],
        rows: np.ndarray | None = None,
        target_N: np.ndarray | None = None,
    ) -> Subject:
        """What a method is given; rows and values are those of the study where left out."""
        rows = self.explained if rows is None else rows
        return Subject(
            model=model,
            study=self.study,
            rows=rows,
            groups=groups,
            unit_N=self.unit_N[rows],
            truths={TARGET: self.target_N if target_N is None else target_N},
            seed=self.seed,
        )


def simulated(num_training: int, effect: float, seed: int, num_rest: int = 0) -> Simulated:
    """Simulate a study.

    Parameters
    ----------
    num_training
        Samples of training; those that are explained come on top.
    effect
        Natural logarithm of the rise of an informative ASV at its optimum.
    seed
        Of the simulation.
    num_rest
        Further samples.
    """
    with tempfile.TemporaryDirectory() as folder:
        made = simulate_files(Path(folder) / "study", num_training, effect, seed, num_rest)
        return read_simulated(made, num_training, seed)


def simulate_files(folder: Path, num_training: int, effect: float, seed: int, num_rest: int = 0) -> Simulation:
    """The files of a simulated study; see :func:`simulated`."""
    return simulate_study(
        SimulateOptions(
            output_dir=folder,
            samples=OF_A_SUBJECT * math.ceil((num_training + EXPLAINED + num_rest) / OF_A_SUBJECT),
            asvs=NUM_ASVS,
            asvs_per_sample=RICHNESS,
            reads=READS,
            informative=INFORMATIVE,
            effect=effect,
            samples_per_subject=OF_A_SUBJECT,
            seed=seed,
        )
    )


def read_simulated(made: Simulation, num_training: int, seed: int) -> Simulated:
    """A study that was written, its samples in the order in which they were simulated."""
    study = load_study(table=made.table, tree=made.tree, metadata=made.metadata, metadata_column=(TARGET,))
    order = np.argsort(study.sample_ids.astype(str), kind="stable")
    truth = _truth(made.truth, study)
    return Simulated(study=study.take(order), truth=truth, num_training=num_training, seed=seed)


def fitted(
    data: Simulated, rows: np.ndarray | None = None, target_N: np.ndarray | None = None, seed: int | None = None
) -> ExplainedModel:
    """The blend that ``aam train`` fits on a simulated study, and its learners.

    Parameters
    ----------
    data
        The study.
    rows
        Training samples, if others than those of the study.
    target_N
        Value of each sample of the study, if another than its own.
    seed
        Of the learners; that of the study where left out.
    """
    return fit_model(
        data.study,
        TARGET,
        data.training if rows is None else rows,
        data.target_N if target_N is None else target_N,
        data.unit_N,
        data.seed if seed is None else seed,
    )


def fit_model(
    study: Study, column: str, rows: np.ndarray, target_N: np.ndarray, unit_N: np.ndarray, seed: int
) -> ExplainedModel:
    """The blend that ``aam train`` fits, and its learners.

    Parameters
    ----------
    study, column, target_N
        The study, its target, and the target's value of each sample.
    rows
        Training samples, in the order of their ids.
    unit_N
        Group of each sample of the study.
    seed
        Of the learners.
    """
    values = {column: target_N}
    rules = TargetRules(columns=(column,), kind=NUMBERS, transform="zscore")
    targets = fit_targets(rules, values, rows, "study", None)
    task = Task(targets=targets, reference=Reference.fit(study, rows, seed))
    names, _ = possible_members(expand([AUTO]), study, has_encoder=False)
    learned = targets.encode({column: target_N[rows]}).astype(np.float64)
    samples = Labelled(rows=rows, targets=learned, groups=unit_N[rows])
    members = [new_member(name, task, seed) for name in names]
    blend = fit_blend(members, names, study, samples, deal_folds(NUMBERS, samples, seed))
    weights = tuple(tuple(row) for row in blend.weights_MT.tolist())
    return ExplainedModel(predictor=predictor_of(members, Combination(weights=weights)), by_learner=True)


def _truth(path: Path, study: Study) -> Truth:
    known = {}
    for line in path.read_text(encoding="utf-8").splitlines()[1:]:
        asv, informative, optimum, *_ = line.split("\t")
        known[asv] = (informative == "yes", float(optimum or "nan"))
    found = [known[sequence] for sequence in map(str, study.table.sequences)]
    return Truth(is_informative_A=np.array([one[0] for one in found]), optimum_A=np.array([one[1] for one in found]))
