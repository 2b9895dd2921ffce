"""Which taxa come out of `infant_ecam`: models of five folds of the children explain those that they have not seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import r2_score

from aam import load_study
from aam.data.targets.kinds import NUMBERS
from aam.explanation.catalogue import METHODS
from aam.explanation.effects import Effects
from aam.explanation.groups import ASV, AsvGroups, asv_groups
from aam.explanation.method import Subject
from aam.explanation.model import MODEL
from aam.explanation.results.association import associate
from aam.explanation.results.pool import pool
from aam.learners.folds import deal_folds
from aam.learners.protocol import Labelled
from benchmarks.explain.studies import fit_model

STUDY, TARGET, GROUP = "infant_ecam", "month_of_life", "host_subject_id"
CHILDREN = "mom_child='C'"
FOLDS, SEED, SHOWN = 5, 42, 20
NAMES = Path(__file__).parent / "names.tsv"
KNOWN_BASES, MOST_APART = 100, 3
UNNAMED = "not named"


@dataclass(frozen=True, kw_only=True)
class Found:
    """An ASV and what its removal does to the predicted age.

    Attributes
    ----------
    asv, name
        Its sequence, and what it is called by ``names.tsv``.
    rank, rank_in_carriers
        By the mean size of the effect over all samples, and over those that have the ASV.
    effect, low, high
        Mean effect in months in the samples that have it, with its interval.
    stable
        Whether it is stable over folds.
    prevalence, share
        Share of the samples that have it, and mean share of the reads.
    correlation
        Spearman's, of its share with the age.
    """

    asv: str
    name: str
    rank: int
    rank_in_carriers: int
    effect: float
    low: float
    high: float
    stable: bool
    prevalence: float
    share: float
    correlation: float


def infants(data: Path) -> list[dict[str, Any]]:
    """R2 of the held-out predictions, and all ASVs, the most important first."""
    folder = data / STUDY
    study = load_study(
        table=folder / "table.biom",
        metadata=folder / "metadata.tsv",
        tree=folder / "tree.nwk",
        metadata_column=(TARGET,),
        where=CHILDREN,
    )
    study = study.take(np.argsort(study.sample_ids.astype(str), kind="stable"))
    assert study.metadata is not None
    target_N = np.asarray(study.targets[TARGET], dtype=np.float64)
    unit_N = np.unique(study.metadata.labels(GROUP), return_inverse=True)[1]
    rows = np.arange(len(study))
    samples = Labelled(rows=rows, targets=target_N[:, None], groups=unit_N)
    fold_N = deal_folds(NUMBERS, samples, SEED, FOLDS)
    groups = asv_groups(study).prevalent(study.table.counts)
    predicted_N, parts, units = np.empty(len(rows)), [], []
    for fold in range(FOLDS):
        held_out = rows[fold_N == fold]
        model = fit_model(study, TARGET, rows[fold_N != fold], target_N, unit_N, SEED)
        predicted_N[held_out] = model.predict(study, held_out)[MODEL][:, 0]
        subject = Subject(model=model, study=study, rows=held_out, groups=[groups], unit_N=unit_N[held_out])
        parts.append([one for one in METHODS["removal"].explain(subject) if one.learner == MODEL])
        units.append(unit_N[held_out])
        print(f"fold {fold + 1} of {FOLDS}", flush=True)
    (effects,) = pool(parts, units, seed=SEED)
    known = associate(groups, study.table.counts, predicted_N[:, None], target_N[:, None])
    assert known.truth_correlation_GO is not None
    rows_found = _found(effects, groups, known.prevalence_G, known.share_G, known.truth_correlation_GO[:, 0])
    return [{"r2": float(r2_score(target_N, predicted_N)), "samples": len(rows), "groups": len(groups)}, *rows_found]


def _found(
    effects: Effects, groups: AsvGroups, prevalence_G: np.ndarray, share_G: np.ndarray, correlation_G: np.ndarray
) -> list[dict[str, Any]]:
    assert effects.level == ASV
    assert effects.names == groups.names
    importance_G = effects.importance_GO[:, 0]
    in_carriers_G = importance_G / np.maximum(prevalence_G, 1e-12)
    rank_G, rank_in_carriers_G = (np.argsort(np.argsort(-one)) + 1 for one in (importance_G, in_carriers_G))
    stable_GO, names = effects.is_stable_GO, read_names()
    assert stable_GO is not None
    found = [
        Found(
            asv=name,
            name=name_of(name, names),
            rank=int(rank_G[group]),
            rank_in_carriers=int(rank_in_carriers_G[group]),
            effect=float(effects.effect_GO[group, 0]),
            low=float(effects.low_GO[group, 0]),
            high=float(effects.high_GO[group, 0]),
            stable=bool(stable_GO[group, 0]),
            prevalence=float(prevalence_G[group]),
            share=float(share_G[group]),
            correlation=float(correlation_G[group]),
        )
        for group, name in enumerate(effects.names)
    ]
    return [asdict(one) for one in sorted(found, key=lambda one: one.rank)]


def read_names(path: Path = NAMES) -> Mapping[str, str]:
    """First bases of a sequence -> name; see the head of the file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    cells = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return {sequence: name for sequence, name, *_ in cells}


def name_of(sequence: str, names: Mapping[str, str]) -> str:
    """Name of the reference with the same first bases, or of the nearest one that differs in three at most."""
    first = sequence[:KNOWN_BASES]
    if first in names:
        return names[first]
    apart, name = min((sum(a != b for a, b in zip(first, known, strict=True)), name) for known, name in names.items())
    return f"near {name} ({apart} of {KNOWN_BASES} bases differ)" if apart <= MOST_APART else UNNAMED
