"""Ordered classes and counts through the command line: trained, predicted, evaluated, compared, explained."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, d2_tweedie_score

from aam.evaluation.prediction_table import read_columns
from aam.learners import members
from aam.learners.predictor import load_predictor
from aam.learners.trees import forest
from tests.program import Run, run_command

LEVELS = ("group_1", "group_2", "group_3")
FEW: dict[str, Any] = {"learners": "forest,clr-linear", "group_column": "subject", "small": False}


@pytest.fixture(scope="module", autouse=True)
def _few_trees() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forest, "NUM_TREES_OF_FOLD", 6)
        patch.setattr(members, "ForestSettings", partial(forest.ForestSettings, n_estimators=10))
        yield


@pytest.fixture(scope="module")
def sheet(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study's metadata with counts, and the days in which they were counted."""
    columns, rng = read_columns(study / "metadata.tsv"), np.random.default_rng(0)
    gradient = columns["gradient"].astype(float)
    days = rng.integers(5, 40, size=len(gradient))
    columns |= {"days": days.astype(str), "level": np.array([LEVELS[int(x)] for x in (gradient * 3).clip(0, 2.99)])}
    columns["visits"] = rng.poisson(2 * np.exp(2 * gradient)).astype(str)
    columns["episodes"] = rng.poisson(days * 0.2 * np.exp(gradient)).astype(str)
    lines = ["\t".join(row) for row in zip(*columns.values(), strict=True)]
    path = tmp_path_factory.mktemp("sheet") / "sheet.tsv"
    path.write_text("\n".join(["\t".join(columns), *lines]) + "\n")
    return path


def ordered(sheet: Path, **changes: Any) -> dict[str, Any]:
    return {"metadata": sheet, "metadata_column": "level", "ordered": ",".join(LEVELS), **changes}


def places(labels: np.ndarray) -> np.ndarray:
    return np.array([LEVELS.index(label) for label in labels])


def of_samples(table: dict[str, np.ndarray], other: dict[str, np.ndarray], name: str) -> np.ndarray:
    """A column of another table, for the samples of the first."""
    row_of = {sample: row for row, sample in enumerate(other["sample-id"])}
    return other[name][[row_of[sample] for sample in table["sample-id"]]]


def test_a_blend_of_ordered_levels(
    train: Run, study: Path, sheet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("--forest-baseline", "--report", **ordered(sheet, **FEW)) == 0
    run, said = tmp_path / "run", capsys.readouterr()
    table = read_columns(run / "out_of_fold_predictions.tsv")
    kappa = cohen_kappa_score(places(table["observed"]), places(table["predicted"]), weights="quadratic")
    assert f"the quadratic weighted kappa of level is {kappa:.2f};" in said.out + said.err
    page = (run / "report.html").read_text()
    assert "Errors and probabilities by level" in page
    assert "Cumulative frequencies" in page
    spec = load_predictor(run).targets.specs[0]
    assert spec.classes == LEVELS
    files = {"table": study / "table.biom", "metadata": sheet}
    assert run_command("predict", model=run, table=files["table"], output=tmp_path / "p.tsv") == 0
    new = read_columns(tmp_path / "p.tsv")
    shares = np.column_stack([new[f"probability_{level}"].astype(float) for level in LEVELS])
    assert shares.sum(axis=1) == pytest.approx(np.ones(60), abs=1e-4)
    assert places(new["predicted"]).tolist() == shares.argmax(axis=1).tolist()
    where = {"model": run, "output_dir": tmp_path / "judged", "group_column": "subject"}
    assert run_command("evaluate", "--include-trained", "--no-robustness", **files, **where) == 0
    assert "quadratic weighted kappa" in (tmp_path / "judged" / "report.html").read_text().lower()


def test_a_network_of_ordered_levels_is_stored(train: Run, study: Path, sheet: Path, tmp_path: Path) -> None:
    assert train(**ordered(sheet, test_size=0.3)) == 0
    run = tmp_path / "run"
    tested = read_columns(run / "test_predictions.tsv")
    assert set(tested["predicted"]) <= set(LEVELS)
    flags = {"model": run, "table": study / "table.biom", "output": tmp_path / "p.tsv"}
    assert run_command("predict", **flags) == 0
    again = of_samples(tested, read_columns(tmp_path / "p.tsv"), "probability_group_2")
    assert again.astype(float) == pytest.approx(tested["probability_group_2"].astype(float), abs=1e-5)


def test_folds_of_ordered_levels(train: Run, sheet: Path, tmp_path: Path) -> None:
    assert train("--report", "--forest-baseline", **ordered(sheet, cv=3, learners="forest", small=False)) == 0
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Predicted and true levels" in page
    assert " levels on average; " in page
    metrics = read_columns(tmp_path / "run" / "cv_metrics.tsv")
    table = read_columns(tmp_path / "run" / "cv_predictions.tsv")
    chosen = (metrics["predictor"] == "model") & (metrics["metric"] == "qwk")
    kappa = cohen_kappa_score(places(table["observed"]), places(table["predicted"]), weights="quadratic")
    assert metrics["value"][chosen].astype(float) == pytest.approx([kappa], abs=1e-5)


def test_a_blend_of_counts_with_an_exposure(
    train: Run, study: Path, sheet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = {"metadata": sheet, "metadata_column": "episodes", "exposure_column": "days", **FEW}
    assert train("--count-target", "--forest-baseline", "--report", **flags) == 0
    run, said = tmp_path / "run", capsys.readouterr()
    table = read_columns(run / "out_of_fold_predictions.tsv")
    observed, predicted = table["observed"].astype(float), table["predicted"].astype(float)
    days = table["exposure"].astype(float)
    assert (days == of_samples(table, read_columns(sheet), "days").astype(float)).all()
    value = d2_tweedie_score(observed / days, predicted / days, power=1, sample_weight=days)
    assert f"of episodes is {value:.2f};" in said.out + said.err
    assert "learn 'episodes' for each unit of 'days', a count (mean 0." in said.out + said.err
    assert "Calibration of the expected counts" in (run / "report.html").read_text()
    assert predicted.mean() == pytest.approx(observed.mean(), rel=0.15)
    low, high = (table[f"predicted_{end}"].astype(float) for end in ("low", "high"))
    assert ((low == np.rint(low)) & (high == np.rint(high)) & (low >= 0)).all()
    files = {"model": run, "table": study / "table.biom", "output": tmp_path / "p.tsv"}
    assert run_command("predict", **files) == 2
    assert "--metadata is needed: the model uses the metadata column days" in capsys.readouterr().err
    assert run_command("predict", metadata=sheet, **files) == 0
    once = read_columns(tmp_path / "p.tsv")
    longer = read_columns(sheet) | {"days": (10 * read_columns(sheet)["days"].astype(float)).astype(str)}
    other = tmp_path / "longer.tsv"
    other.write_text("\n".join("\t".join(row) for row in [list(longer), *zip(*longer.values(), strict=True)]) + "\n")
    assert run_command("predict", "--overwrite", metadata=other, **files) == 0
    ten = read_columns(tmp_path / "p.tsv")["predicted"].astype(float)
    assert ten == pytest.approx(10 * once["predicted"].astype(float), rel=1e-5)


@pytest.mark.parametrize("distribution", ["poisson", "negative-binomial"])
def test_a_network_of_two_counts(distribution: str, train: Run, study: Path, sheet: Path, tmp_path: Path) -> None:
    words = ("--count-target", "--metadata-column", "visits")
    flags = {"metadata": sheet, "metadata_column": "episodes", "count_distribution": distribution, "test_size": 0.3}
    assert train(*words, **flags) == 0
    run = tmp_path / "run"
    tested = read_columns(run / "test_predictions.tsv")
    files = {"model": run, "table": study / "table.biom", "output": tmp_path / "p.tsv"}
    assert run_command("predict", **files) == 0
    again = of_samples(tested, read_columns(tmp_path / "p.tsv"), "predicted_visits").astype(float)
    assert again == pytest.approx(tested["predicted_visits"].astype(float), rel=1e-4)
    assert (again > 0).all()


@pytest.mark.parametrize(
    ("words", "flags", "said"),
    [
        ((), {"metadata_column": "level", "ordered": "group_1,group_3"}, "'group_2' is not one of the levels"),
        (("--count-target",), {"metadata_column": "gradient"}, "are not counts (whole numbers from 0"),
        (("--count-target",), {"metadata_column": "level"}, "column 'level'"),
        ((), {"metadata_column": "level", "ordered": "group_1"}, "--ordered needs two levels or more"),
        (("--count-target",), {"metadata_column": "visits", "ordered": "1,2"}, "--count-target is for numbers"),
        ((), {"metadata_column": "visits", "exposure_column": "days"}, "--exposure-column needs --count-target"),
        ((), {"metadata_column": "visits", "count_distribution": "poisson"}, "--count-distribution needs"),
        (
            ("--count-target",),
            {"metadata_column": "visits", "exposure_column": "days"},
            "--exposure-column needs --count-distribution poisson",
        ),
        (
            ("--count-target",),
            {"metadata_column": "visits", "loss_type": "mse"},
            "--loss-type is for numbers on a scale",
        ),
        ((), {"metadata_column": "level", "ordered": "group_1,group_2", "loss_type": "mse"}, "not for --ordered"),
        (
            ("--count-target",),
            {"metadata_column": "visits", "target_transform": "zscore"},
            "--target-transform is for numbers on a scale, not for --count-target",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(
    words: tuple[str, ...],
    flags: dict[str, Any],
    said: str,
    train: Run,
    sheet: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert train(*words, metadata=sheet, **flags) == 2
    errors = capsys.readouterr().err
    assert said in errors
    assert "Traceback" not in errors
