"""`aam learning-curve` of a small study: its largest size is a cross-validation, and all predict the same samples."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import aam
from aam.cli.options import parse
from aam.config import CurveConfig, from_flat
from aam.evaluation.prediction_table import read_columns
from aam.learners import members
from aam.learners.trees import forest
from aam.workflows.learning_curve.compute import _shorter
from aam.workflows.learning_curve.plan import plan_curve
from aam.workflows.learning_curve.run import LearningCurve
from tests.program import run_command

FILES = {"figures", "curve.tsv", "forecasts.tsv", "learning_curve.json", "report.html"}


@pytest.fixture(scope="module", autouse=True)
def _few_trees() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forest, "NUM_TREES_OF_FOLD", 6)
        patch.setattr(members, "ForestSettings", partial(forest.ForestSettings, n_estimators=12))
        yield


def options(study: Path, **changes: object) -> dict[str, object]:
    given = {"table": study / "table.biom", "metadata": study / "metadata.tsv", "metadata_column": "gradient"}
    return {**given, "learners": "forest,jaccard", "group_column": "subject", **changes}


@pytest.fixture(scope="module")
def curve(study: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[LearningCurve, Path]:
    folder = tmp_path_factory.mktemp("curves") / "c"
    sizes = {"folds": 2, "sizes": (3, 4, 5), "repeats": 2}
    return aam.learning_curve(**options(study, learners=["forest", "jaccard"], **sizes, output_dir=folder)), folder


def test_the_largest_size_is_the_cross_validation(
    curve: tuple[LearningCurve, Path], study: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "cv"
    assert run_command("train", "--no-report", small=False, **options(study, cv=2, output_dir=folder)) == 0
    for learner, name in (("blend", "cv_predictions.tsv"), ("forest", "cv_forest_predictions.tsv")):
        (own,) = curve[0].curves["gradient"][learner].points[-1].repeats
        table = read_columns(folder / name)
        order = np.argsort(table["sample-id"].astype(str), kind="stable")
        assert own.sample_ids.tolist() == table["sample-id"][order].tolist()
        assert own.predicted == pytest.approx(table["predicted"][order].astype(float), rel=1e-8)


def test_all_sizes_are_judged_on_the_same_samples(curve: tuple[LearningCurve, Path]) -> None:
    points = curve[0].curves["gradient"]["blend"].points
    assert [point.units for point in points] == [3, 4, 5, 7.5]
    assert [len(point.repeats) for point in points] == [2, 2, 2, 1]
    ids = [repeat.sample_ids.tolist() for point in points for repeat in point.repeats]
    assert all(one == ids[0] for one in ids)
    assert len(ids[0]) == 60


def test_the_results_are_written(curve: tuple[LearningCurve, Path]) -> None:
    found, folder = curve
    assert {path.name for path in folder.iterdir()} == FILES
    assert len(read_columns(folder / "curve.tsv")["value"]) == 2 * 4 * 4
    assert read_columns(folder / "forecasts.tsv")["groups"].tolist() == ["15", "30", "60"] * 2
    assert json.loads((folder / "learning_curve.json").read_text())["results"] == list(found.summary)
    assert "Would more samples help?" in (folder / "report.html").read_text()
    assert set(found.figures) == {"learning-curve"}
    assert list(found.points.to_frame().columns)[:3] == ["target", "learner", "groups"]


def test_subsets_are_whole_nested_and_have_each_class(study: Path) -> None:
    given = options(study, metadata_column="group", classifier=True, folds=3, repeats=3)
    plan = plan_curve(from_flat(CurveConfig, given))
    again = plan_curve(from_flat(CurveConfig, given))
    assert plan.groups is not None
    classes = set(plan.study.targets["group"])
    for job, same in zip(plan.jobs, again.jobs, strict=True):
        rows = job.split.train
        assert rows.tolist() == same.split.train.tolist()
        groups = set(plan.groups[rows])
        assert len(groups) == job.units
        assert np.isin(plan.groups, list(groups)).sum() == len(rows)
        assert not groups & set(plan.groups[job.split.test])
        assert set(plan.study.targets["group"][rows]) == classes
    for job in plan.jobs:
        smaller = [
            one for one in plan.jobs if one.size == job.size - 1 and one.split.test.tolist() == job.split.test.tolist()
        ]
        inside = [set(one.split.train) <= set(job.split.train) for one in smaller if one.repeat == job.repeat]
        assert all(inside)
    assert len(plan.sizes) >= 2


def test_only_what_was_not_asked_for_is_said_to_be_shorter(study: Path) -> None:
    few = plan_curve(from_flat(CurveConfig, options(study, folds=2, repeats=1, sizes=(4,))))
    many = plan_curve(from_flat(CurveConfig, options(study, learners="auto", folds=4, repeats=2)))
    assert _shorter(few, 400) == "; shorter with fewer --sizes"
    hints = "--repeats 1, --folds 3, --learners forest,kernels, fewer --sizes"
    assert _shorter(many, 400) == f"; shorter with {hints}"
    assert _shorter(many, 200) == ""


def test_classes(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = {"folds": 2, "sizes": "5", "repeats": 1, "learners": "jaccard"}
    words = options(study, metadata_column="group", **few)
    assert run_command("learning-curve", "--classifier", "--no-progress", **words) == 0
    said = capsys.readouterr().out
    assert "nothing is written without --output-dir" in said
    assert "time: about" in said
    assert "Blend: 2 sizes are too few for a law (4 are needed)" in said
    assert "Random forest: balanced accuracy" in said


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"study_effect": "centre", "study_column": "group"}, "--study-column group"),
        ({"study_effect": "covariate", "balance_by": "study", "study_column": "group"}, "--balance-by study"),
        ({"earlier_samples": 2, "time_column": "gradient_true"}, "--earlier-samples 2 --time-column gradient_true"),
        ({"metadata_column": "group", "ordered": "group_1,group_2,group_3"}, "--ordered group_1"),
    ],
)
def test_it_learns_as_a_training_does(
    study: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, object], words: str
) -> None:
    few = {"folds": 2, "sizes": "5", "repeats": 1, "learners": "jaccard,clades-linear"}
    assert run_command("learning-curve", "--no-progress", **options(study, **{**few, **changes})) == 0
    said = capsys.readouterr().out
    assert "from 5 to" in said
    assert words in said.splitlines()[-1], "the next command has the same options"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sizes": "50"}, "--sizes: 50 is more than the"),
        ({"sizes": "3,3"}, "--sizes names a size twice"),
        ({"learners": "network"}, "leave the network out"),
        ({"folds": 40}, "has 15 groups for 40 folds"),
        ({"metadata_column": "nothing"}, "no column 'nothing'"),
        ({"study_effect": "adversary"}, "adversary trains the network, which a curve does not fit: take covariate"),
        ({"distances": "d.tsv"}, "--distances is for the network, which a curve does not fit"),
    ],
)
def test_what_cannot_be_is_refused(
    study: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, object], words: str
) -> None:
    assert run_command("learning-curve", **options(study, **changes)) == 2
    assert words in capsys.readouterr().err


def test_the_next_command_trains_alike(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = options(study, learners="forest", folds=2, sizes="3,4", repeats=1)
    assert run_command("learning-curve", **words) == 0
    (line,) = [one for one in capsys.readouterr().out.splitlines() if one.startswith("  aam train ")]
    config = parse("train", shlex.split(line)[2:]).config
    assert config.split.group_column == "subject"
    assert config.learners.learners == ("forest",)
    assert config.study.metadata == study / "metadata.tsv"
