"""Several columns of classes in one model: what is written, judged, explained and compared of each."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from aam.evaluation.prediction_table import read_columns
from aam.learners.predictor import load_predictor
from tests.program import run_command

COLUMNS = ("--metadata-column", "half", "--metadata-column", "third", "--classifier", "--no-progress")


@pytest.fixture(scope="module")
def sheet(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The metadata with two columns of classes, of which the second is often missing, and both once."""
    columns = read_columns(study / "metadata.tsv")
    gradient = columns["gradient"].astype(float)
    half = np.where(gradient > np.median(gradient), "high", "low").astype(object)
    third = np.array(["c1", "c2", "c3"], dtype=object)[np.digitize(gradient, np.quantile(gradient, [1 / 3, 2 / 3]))]
    half[0], third[0], third[1::4] = "", "", ""
    columns |= {"half": half, "third": third}
    lines = ["\t".join(row) for row in zip(*columns.values(), strict=True)]
    path = tmp_path_factory.mktemp("sheet") / "sheet.tsv"
    path.write_text("\n".join(["\t".join(columns), *lines]) + "\n")
    return path


@pytest.fixture(scope="module")
def files(study: Path, sheet: Path) -> dict[str, Path]:
    return {"table": study / "table.biom", "metadata": sheet}


@pytest.fixture(scope="module")
def blend(files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "blend"
    options = {"learners": "jaccard,clr-linear", "test_size": 0.3, "class_weights": "balanced", "output_dir": run}
    assert run_command("train", *COLUMNS, "--no-forest-baseline", small=False, **files, **options) == 0
    return run


def test_each_column_has_its_own_results(blend: Path, files: dict[str, Path]) -> None:
    table = read_columns(blend / "test_predictions.tsv")
    shares = {
        name: np.column_stack([table[f"probability_{label}_{name}"].astype(float) for label in labels])
        for name, labels in (("half", ("high", "low")), ("third", ("c1", "c2", "c3")))
    }
    for name, own in shares.items():
        assert own.sum(axis=1) == pytest.approx(1, abs=1e-4)
        assert all(isinstance(json.loads(cell), list) for cell in table[f"prediction_set_{name}"])
    assert "" in table["observed_third"]
    labels = read_columns(files["metadata"])
    known = {*read_columns(blend / "out_of_fold_predictions.tsv")["sample-id"], *table["sample-id"]}
    assert labels["sample-id"][0] not in known  # it has neither label
    assert set(labels["sample-id"][1::4]) <= known
    page = (blend / "report.html").read_text()
    assert "half: " in page
    assert "third: " in page
    predictor = load_predictor(blend)
    assert np.array(predictor.manifest.weights).shape == (2, 2)
    assert len(predictor.manifest.calibrations) == 2
    assert "`half` (high, low), `third` (c1, c2, c3) (classification)" in (blend / "model" / "README.md").read_text()


def test_it_is_evaluated_and_predicts(blend: Path, files: dict[str, Path], tmp_path: Path) -> None:
    assert run_command("evaluate", blend, **files, output_dir=tmp_path / "e") == 0
    metrics, table = read_columns(tmp_path / "e" / "metrics.tsv"), read_columns(blend / "test_predictions.tsv")
    for name in ("half", "third"):
        known = table[f"observed_{name}"] != ""
        expected = balanced_accuracy_score(table[f"observed_{name}"][known], table[f"predicted_{name}"][known])
        chosen = (metrics["target"] == name) & (metrics["metric"] == "balanced_accuracy")
        assert metrics["value"][chosen][:1].astype(float) == pytest.approx([expected])
    words = {"model": blend, "table": files["table"], "output": tmp_path / "p.tsv"}
    assert run_command("predict", "--no-progress", **words) == 0
    predicted = read_columns(tmp_path / "p.tsv")
    row_of = {name: row for row, name in enumerate(predicted["sample-id"])}
    rows = [row_of[name] for name in table["sample-id"]]
    assert predicted["predicted_third"][rows].tolist() == table["predicted_third"].tolist()


def test_each_class_is_explained(blend: Path, files: dict[str, Path], tmp_path: Path) -> None:
    words = {"max_samples": 12, "max_groups": 6, "output_dir": tmp_path / "x"}
    assert run_command("explain", blend, "--no-progress", **files, **words) == 0
    effects = read_columns(tmp_path / "x" / "effects.tsv")
    names = {"half=high", "half=low", "third=c1", "third=c2", "third=c3"}
    assert set(effects["output"]) == names | {"half", "third"}
    removed = effects["method"] == "removal"
    assert set(effects["output"][removed]) == names
    of_high, of_low = (
        {
            i: float(e)
            for i, e, o in zip(*(effects[n][removed] for n in ("id", "effect", "output")), strict=True)
            if o == w
        }
        for w in ("half=high", "half=low")
    )
    assert of_high == pytest.approx({name: -effect for name, effect in of_low.items()}, abs=1e-6)


def test_it_is_compared_with_a_run_of_the_same(blend: Path, files: dict[str, Path], tmp_path: Path) -> None:
    other, folder = tmp_path / "other", tmp_path / "c"
    options = {"learners": "clr-linear", "test_size": 0.3, "output_dir": other}
    words = ("--no-forest-baseline", "--no-report")
    assert run_command("train", *COLUMNS, *words, small=False, **files, **options) == 0
    assert run_command("compare", blend, other, output_dir=folder) == 0
    assert set(read_columns(folder / "metrics.tsv")["target"]) == {"half", "third"}


def test_folds_judge_every_label_once(files: dict[str, Path], tmp_path: Path) -> None:
    words = ("--no-forest-baseline", "--report")
    options = {"learners": "jaccard", "cv": 3, "output_dir": tmp_path / "run"}
    assert run_command("train", *COLUMNS, *words, small=False, **files, **options) == 0
    table, metrics = (read_columns(tmp_path / "run" / f"cv_{name}.tsv") for name in ("predictions", "metrics"))
    known = table["observed_third"] != ""
    assert 0 < (~known).sum() < len(known)
    expected = balanced_accuracy_score(table["observed_third"][known], table["predicted_third"][known])
    chosen = (metrics["target"] == "third") & (metrics["predictor"] == "model")
    chosen &= metrics["metric"] == "balanced_accuracy"
    assert metrics["value"][chosen].astype(float) == pytest.approx([expected], rel=1e-5)


def test_a_network_of_experts_learns_both(files: dict[str, Path], tmp_path: Path) -> None:
    run, words = tmp_path / "run", ("--no-forest-baseline", "--report")
    assert run_command("train", *COLUMNS, *words, **files, experts=2, test_size=0.3, output_dir=run) == 0
    rows = np.genfromtxt(run / "metrics.csv", delimiter=",", names=True)
    assert rows["val_expert_1"] + rows["val_expert_2"] == pytest.approx(1)
    assert (rows["val_experts_per_sample"] > 1.5).all()
    both = [rows[f"val_balanced_accuracy_{name}"] for name in ("half", "third")]
    assert rows["val_balanced_accuracy"] == pytest.approx(np.mean(both, axis=0))
    assert "experts 5" in (run / "log.txt").read_text()
    assert "a mixture of 2 experts" in (run / "report.html").read_text()
    table = read_columns(run / "test_predictions.tsv")
    shares = [table[f"probability_{label}_third"].astype(float) for label in ("c1", "c2", "c3")]
    assert np.sum(shares, axis=0) == pytest.approx(1, abs=1e-4)


def test_experts_without_a_network_are_refused(
    files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {"learners": "jaccard", "experts": 4, "output_dir": tmp_path / "run"}
    assert run_command("train", *COLUMNS, small=False, **files, **options) == 2
    assert "--experts is for the network" in capsys.readouterr().err
