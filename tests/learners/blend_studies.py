"""Small studies of related sequences with a tree, and tasks of numbers and classes, for the learners of a blend."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from skbio import TreeNode

from aam.config import CovariateOptions
from aam.data.study.covariates import CovariateSpec
from aam.data.study.study import Study
from aam.data.targets.kinds import CLASSES, NUMBERS, TargetSpec
from aam.data.targets.targets import Targets
from aam.learners.protocol import Labelled, Task
from aam.learners.reference import Reference
from aam.phylogeny.tree import read_tree
from aam.phylogeny.unifrac import Phylogeny
from tests.data.study_files import caterpillar, make_study

SIZE, ASVS = 44, 60
TRAIN, NEW = np.arange(36), np.arange(36, SIZE)
GROUPS = np.array([f"g{row // 3}" for row in range(len(TRAIN))], dtype=object)
AGE = TargetSpec(column="age", kind=NUMBERS, transform="none")
MASS = replace(AGE, column="mass")
SITE = TargetSpec(column="site", kind=CLASSES, classes=("gut", "skin", "soil"), majority="gut")


def related_sequences(number: int, length: int = 50, seed: int = 0) -> list[str]:
    """Different sequences, in order, each a few bases from one of six ancestors."""
    rng = np.random.default_rng(seed)
    ancestors = rng.choice(list("ACGT"), (6, length))
    found: set[str] = set()
    while len(found) < number:
        bases = ancestors[rng.integers(6)].copy()
        bases[rng.integers(length, size=4)] = rng.choice(list("ACGT"), 4)
        found.add("".join(bases))
    return sorted(found)


def random_reads(seed: int = 0) -> np.ndarray:
    """Reads of 60 ASVs, the last six of which only the new samples have."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 200, (SIZE, ASVS)) * (rng.random((SIZE, ASVS)) < 0.35)
    counts[:, 0] += 5
    counts[: len(TRAIN), -6:] = 0
    counts[len(TRAIN) :, -6:] += 3
    return counts


def tiny_study(folder: Path | None = None, seed: int = 0, **columns: list[str]) -> tuple[Study, TreeNode | None]:
    """A study and, where there is a folder, its tree, to scikit-bio too."""
    sequences = related_sequences(ASVS)
    study = make_study(random_reads(seed), sequences=sequences, columns=columns or None)
    if folder is None:
        return study, None
    text = caterpillar(sequences, np.random.default_rng(seed))
    (folder / "t.nwk").write_text(text)
    tree = read_tree(folder / "t.nwk")
    return replace(study, tree=tree, phylogeny=Phylogeny(tree, sequences)), TreeNode.read(io.StringIO(text))


def truths_of(study: Study, rows: np.ndarray, *specs: TargetSpec) -> np.ndarray:
    """Numbers that some ASVs tell (every fourth mass is missing), or codes of classes."""
    shares = study.table.counts.toarray() / study.table.counts.sum(axis=1)[:, None]
    age = 10 * shares[:, :8].sum(axis=1) + np.random.default_rng(1).normal(0, 0.1, len(study))
    if specs[0].classes:
        return np.searchsorted(np.quantile(age, [0.3, 0.7]), age)[rows][:, None].astype(float)
    mass = np.where(np.arange(len(study)) % 4 == 0, np.nan, -(age**2))
    return np.column_stack([age, mass])[rows][:, : len(specs)]


def vectors_of(tokens: np.ndarray) -> np.ndarray:
    """Vectors of ASVs as an encoder might make them: projections of their bases."""
    bases = (tokens[:, :, None] == np.arange(1, 5)).reshape(len(tokens), -1)
    return (bases @ np.random.default_rng(3).normal(size=(bases.shape[1], 8))).astype(np.float32)


def task_of(
    study: Study, *specs: TargetSpec, covariates: bool = False, reference: bool = True, encoder: bool = False
) -> Task:
    """The task of some targets; the covariate is the column ``season``."""
    spec = None
    if covariates:
        assert study.metadata is not None
        spec = CovariateSpec.fit(CovariateOptions(categorical_columns=("season",)), study.metadata, TRAIN)
    return Task(
        targets=Targets(specs=specs),
        covariate_spec=spec,
        data={"trim_length": None, "rarefy_depth": None},
        reference=Reference.fit(study, TRAIN, encode=vectors_of if encoder else None) if reference else None,
    )


def labelled(study: Study, *specs: TargetSpec, **fields: Any) -> Labelled:
    """The training samples with their truths."""
    return Labelled(rows=TRAIN, targets=truths_of(study, TRAIN, *specs), **fields)


SEASONS = ["wet", "dry", "cold", "dry"] * (SIZE // 4)
