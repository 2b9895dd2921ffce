"""Explanations made by hand, small and with a known answer, for the tests of what shows them."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from aam.data.targets.kinds import CLASSES, NUMBERS, Predictions, TargetSpec
from aam.explanation.effects import Effects
from aam.explanation.groups import AsvGroups
from aam.learners.clades import Clades
from aam.report.explanation.data import ExplanationView

RISING, FALLING, UNCLEAR = "Faecalibacterium", "Bifidobacterium", "Blautia"
GENERA = (RISING, FALLING, UNCLEAR)
SIZE = 48
# four ASVs: two of the first genus, one of each other; the tree joins the first two, then the last two
PARENT = np.array([4, 4, 5, 5, 6, 6, -1])


def make_effects(
    effect_GO: np.ndarray, level: str = "genus", *, names: tuple[str, ...] = GENERA, **changes: Any
) -> Effects:
    """Effects with intervals of a tenth around them, and 0.2 around those smaller than that, in all samples."""
    half = np.where(np.abs(effect_GO) < 0.2, 0.2, 0.1)
    by_sample = np.repeat(effect_GO[None], SIZE, axis=0) * np.linspace(0.5, 1.5, SIZE)[:, None, None]
    number, outputs = effect_GO.shape
    values: dict[str, Any] = {
        "method": "removal",
        "learner": "model",
        "level": level,
        "names": names,
        "labels": names,
        "outputs": tuple(f"target {place}" for place in range(outputs)),
        "unit": "months",
        "effect_GO": effect_GO,
        "low_GO": effect_GO - half,
        "high_GO": effect_GO + half,
        "importance_GO": np.abs(effect_GO),
        "support_G": np.full(number, SIZE),
        "by_sample_NGO": by_sample,
        "has_NG": np.ones(by_sample.shape[:2], dtype=bool),
    }
    return Effects(**{**values, **changes})


def make_groups() -> dict[str, AsvGroups]:
    """Genera, ASVs and clades of the four ASVs."""
    eye = np.eye(4, dtype=np.int64)
    genera = csr_array(np.stack([eye[0] + eye[1], eye[2], eye[3]]))
    clades = csr_array(np.stack([eye[0] + eye[1], eye[2] + eye[3]]))
    asvs = tuple(f"asv{place}" for place in range(4))
    return {
        "genus": AsvGroups(level="genus", names=GENERA, labels=GENERA, members=genera),
        "asv": AsvGroups(level="asv", names=asvs, labels=asvs, members=csr_array(eye)),
        "clade": AsvGroups(
            level="clade",
            names=("clade-4", "clade-5"),
            labels=("clade 4 (2 ASVs)", "clade 5 (2 ASVs)"),
            members=clades,
        ),
    }


def make_counts() -> np.ndarray:
    """Reads: the first genus rises over the samples, the second falls, the third goes up and down."""
    steps = np.arange(SIZE)
    return np.stack([1 + steps, 1 + steps, 2 * (SIZE - steps), 5 + steps % 4], axis=1)


def make_view(**changes: Any) -> ExplanationView:
    """What a model of age rests on: the first genus raises it, the second lowers it, the third does nothing clear."""
    truth = np.linspace(0, 24, SIZE)
    groups = (np.arange(SIZE) % 12).astype(str).astype(object)
    table = Predictions(
        kind=NUMBERS,
        sample_ids=np.array([f"s{place}" for place in range(SIZE)], dtype=object),
        observed=truth,
        predicted=truth + np.where(np.arange(SIZE) % 2, 2.0, -2.0),
        groups=groups,
    )
    effect = np.array([[2.0], [-1.0], [0.05]])
    outputs = {"outputs": ("age",)}
    asvs = make_effects(np.array([[1.0], [0.5], [-1.0], [0.05]]), "asv", names=make_groups()["asv"].names, **outputs)
    clades = make_effects(np.array([[2.0], [-0.5]]), "clade", names=("clade-4", "clade-5"), **outputs)
    values: dict[str, Any] = {
        "model": "infants",
        "specs": [TargetSpec(column="age", kind=NUMBERS)],
        "predictions": {"age": table},
        "effects": [make_effects(effect, **outputs), asvs, clades],
        "groups": make_groups(),
        "asv_ids": np.array([f"asv{place}" for place in range(4)], dtype=object),
        "counts": csr_array(make_counts()),
        "clades": Clades(PARENT, np.arange(4), np.arange(1.0, 8.0)),
        "has_taxonomy": True,
        "group_column": "infant",
        "seen": "new groups",
        "methods": {"removal": ("Removal", "the change of a prediction without these reads")},
    }
    return ExplanationView(**{**values, **changes})


def make_class_view(classes: tuple[str, ...] = ("Cesarean", "Vaginal"), **changes: Any) -> ExplanationView:
    """What a model of classes rests on: the first genus speaks for the last class, the second for the first."""
    number = len(classes)
    codes = np.arange(SIZE) * number // SIZE
    probabilities = np.full((SIZE, number), 0.1)
    probabilities[np.arange(SIZE), codes] = 1.1 - 0.1 * number
    names = np.array(classes, dtype=object)
    old = make_view()
    table = Predictions(
        kind=CLASSES,
        sample_ids=old.predictions["age"].sample_ids,
        observed=names[codes],
        predicted=names[codes],
        classes=classes,
        probabilities=probabilities,
    )
    towards_last = np.zeros((3, number))
    towards_last[0, -1], towards_last[0, 0] = 0.3, -0.3
    towards_last[1, -1], towards_last[1, 0] = -0.25, 0.25
    effects = make_effects(towards_last, outputs=classes, unit="probability")
    spec = TargetSpec(column="delivery", kind=CLASSES, classes=classes)
    return dataclasses.replace(
        old,
        specs=[spec],
        predictions={"delivery": table},
        effects=[effects],
        clades=None,
        seen="new samples",
        **changes,
    )
