"""Tables that a model was not made for (rows C10 of the matrix)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np

from aam.config.commands.predict import PredictOptions
from aam.data.readers.strand import reverse_complement
from aam.data.targets.targets import Targets
from aam.learners.novelty.familiarity import Familiarity
from aam.learners.predictor import load_predictor, save_predictor
from aam.learners.trees.forest import ForestSettings, fit_forest
from aam.workflows.model_input import CheckedTable
from tests.badinputs.cases import Read, bad_rows
from tests.data.study_files import Files, make_study, random_counts, write_table
from tests.factories import random_sequences
from tests.models.model_cases import REGRESSION

SEQUENCES = random_sequences(20, length=60)
NONE_KNOWN = "(0.0% of its reads are known)"
ALL_THE_SAME = "or --allow-unfamiliar to predict all the same"


def stranger(folder: Path, change: Callable[[str], str]) -> Read:
    """A forest, and a table whose sequences are changed ones of its training samples."""
    counts = random_counts(30, len(SEQUENCES))
    study = make_study(counts, sequences=SEQUENCES, targets={"age": counts[:, 0] + 0.5})
    data = {"trim_length": None, "rarefy_depth": None}
    forest = fit_forest(
        study, np.arange(30), Targets(specs=(REGRESSION,)), settings=ForestSettings(n_jobs=1), data=data
    )
    forest.task = dataclasses.replace(forest.task, familiarity=Familiarity.fit(study, np.arange(30)))
    save_predictor(folder / "model", [forest])
    ids = [f"s{row}" for row in range(30)]
    write_table(folder / "table.tsv", counts, ids, [change(sequence) for sequence in SEQUENCES])
    predictor, table = load_predictor(folder / "model"), Files(folder, counts, ids, SEQUENCES).table()
    checked = CheckedTable.of(predictor, predictor.read(table), table)
    return lambda: checked.raise_if_refused(PredictOptions(model=folder / "model"))


bad_rows(
    (
        "C10 other strand",
        f"table.tsv: its sequences lie on the other strand than those of training {NONE_KNOWN}; "
        f"add --reverse-complement auto, {ALL_THE_SAME}",
        stranger,
        reverse_complement,
    ),
    (
        "C10 longer",
        f"table.tsv: its sequences have 64 bases, those of training 60 {NONE_KNOWN}; "
        f"add --trim-length 60, {ALL_THE_SAME}",
        stranger,
        lambda sequence: f"{sequence}ACGT",
    ),
    (
        "C10 shorter",
        f"table.tsv: its sequences have 50 bases, those of training 60 {NONE_KNOWN}; "
        f"train again with --trim-length 50, {ALL_THE_SAME}",
        stranger,
        lambda sequence: sequence[:50],
    ),
    (
        "C10 later",
        f"table.tsv: its sequences begin 5 bases after those of training {NONE_KNOWN}; "
        f"cut primers as for training, {ALL_THE_SAME}",
        stranger,
        lambda sequence: sequence[5:],
    ),
    (
        "C10 another region",
        "table.tsv: its sequences resemble none of training: another region of the gene, or no 16S "
        f"{NONE_KNOWN}; take a model of the same region, {ALL_THE_SAME}",
        stranger,
        lambda sequence: sequence[::2] + sequence[1::2],
    ),
)
