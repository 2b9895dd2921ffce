"""What judges a search: the untuned default predicts what `aam train` with the same options does."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aam.config import TuneConfig, from_flat, replace
from aam.errors import InputError
from aam.workflows.runs.train import train
from aam.workflows.tune.fit import Fitter
from aam.workflows.tune.plan import TunePlan, plan_search

EARLIER = {"metadata_column": "steady", "earlier_samples": 2, "time_column": "day"}
NETWORK = {
    "learners": "network",
    "epochs": 4,
    "lr": 0.02,
    "embedding_dim": 8,
    "attention_layers": 1,
    "num_soft_clades": 4,
}
CASES: dict[str, dict[str, Any]] = {
    "earlier": EARLIER,
    "earlier, network": {**EARLIER, **NETWORK, "device": "cpu"},
    "two classes": {"metadata_column": ["group", "plot"], "classifier": True},
    "whole studies": {"metadata_column": "steady", "study_column": "site", "whole_studies": True},
    "centred studies": {"metadata_column": "steady", "study_column": "site", "study_effect": "centre"},
}


@pytest.fixture(scope="module")
def sheet(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The metadata with days, a target that a subject keeps, two plots in each subject, and sites of two subjects."""
    with (study / "metadata.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    subjects = list(dict.fromkeys(row["subject"] for row in rows))
    for row in rows:
        own = [one for one in rows if one["subject"] == row["subject"]]
        row["day"] = str(7 * own.index(row))
        row["plot"] = "ab"[own.index(row) % 2]
        row["part"] = "test" if row["subject"] == subjects[0] else "train"
        row["site"] = f"site_{subjects.index(row['subject']) // 2}"
    for row in rows:
        values = [float(one["gradient"]) for one in rows if one["subject"] == row["subject"]]
        row["steady"] = str(round(sum(values) / len(values), 4))
    path = tmp_path_factory.mktemp("sheet") / "metadata.tsv"
    with path.open("w") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter="\t")
        writer.writeheader()
        writer.writerows(rows)
    return path


def planned(study: Path, sheet: Path, tmp_path: Path, **changes: Any) -> TunePlan:
    given = {"table": study / "table.biom", "metadata": sheet, "group_column": "subject", "progress": False}
    given |= {"learners": "jaccard,clr-linear", "folds": 2, "test_size": 0.25, "output_dir": tmp_path / "search"}
    return plan_search(from_flat(TuneConfig, {**given, **changes}))


@pytest.mark.parametrize("case", CASES)
def test_the_default_is_what_aam_train_predicts(study: Path, sheet: Path, tmp_path: Path, case: str) -> None:
    plan = planned(study, sheet, tmp_path, **CASES[case])
    (part,) = plan.parts
    found = Fitter(plan.study).predict(plan.training, part.outer).tables
    own = {"forest_baseline": False, "report": False, "output_dir": tmp_path / "run"}
    judged = train(replace(plan.training, **own)).judgements
    assert len(found) == len(judged)
    for table, judgement in zip(found, judged.values(), strict=True):
        trained = judgement.predictions["model"]
        assert judgement.part == "test"
        assert table.sample_ids.tolist() == trained.sample_ids.tolist()
        if table.probabilities is not None:
            assert table.probabilities == pytest.approx(trained.probabilities, abs=1e-5)
        else:
            assert table.predicted == pytest.approx(trained.predicted, rel=1e-5)
    if "earlier_samples" in CASES[case]:
        alone = replace(plan.training, earlier_samples=0, time_column=None)
        other = Fitter(plan.study).predict(alone, part.outer).tables[0]
        assert not np.allclose(other.predicted, found[0].predicted)


@pytest.mark.parametrize("changes", [{"test_size": 0.25}, {"outer_folds": 3}, {"split_column": "part"}])
def test_whole_studies_stay_whole_in_all_folds(
    study: Path, sheet: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    wanted = {**CASES["whole studies"], "test_size": 0.0, **changes}
    plan = planned(study, sheet, tmp_path, **wanted)
    for part in plan.parts:
        outer = () if "split_column" in changes else ((plan.study, part.outer),)
        for seen, split in (*outer, *((part.study, fold) for fold in part.folds)):
            assert seen.metadata is not None
            sites = seen.metadata.labels("site")
            assert not set(sites[split.test]) & set(sites[split.joined().train])
    last = plan.parts[-1].study.metadata
    assert last is not None
    assert plan.units == len(set(last.labels("site")))


@pytest.mark.parametrize(("name", "seen"), [("folds", 6), ("outer_folds", 8)])
def test_too_many_folds_are_those_of_the_search(study: Path, sheet: Path, tmp_path: Path, name: str, seen: int) -> None:
    option = f"--{name.replace('_', '-')}"
    with pytest.raises(
        InputError, match=f"'site' has {seen} groups for 9 folds; at least 9 are needed; a smaller {option}"
    ):
        planned(study, sheet, tmp_path, **{**CASES["whole studies"], "test_size": 0.0, name: 9})
