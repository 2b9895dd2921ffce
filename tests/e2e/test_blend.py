"""`aam train` of a blend through the command line: what is written, predicted and repeated."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aam.evaluation.prediction_table import read_columns
from aam.learners import members
from aam.learners.predictor import load_predictor
from aam.learners.trees import extra_trees, forest
from tests.factories import write_biom
from tests.program import run_command
from tests.qiime2_metadata import read_qiime2

ALWAYS = {"config.yaml", "data.json", "log.txt", "train_samples.txt", "model", "baseline", "finished.json"}
ALWAYS |= {"out_of_fold_predictions.tsv", "forest_predictions.tsv", "coverage.json"}
TESTED = {"test_samples.txt", "test_predictions.tsv"}


@pytest.fixture(scope="module", autouse=True)
def _few_trees() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extra_trees, "NUM_TREES", 12)
        patch.setattr(extra_trees, "NUM_TREES_OF_FOLD", 6)
        patch.setattr(forest, "NUM_TREES_OF_FOLD", 6)
        patch.setattr(members, "ForestSettings", partial(forest.ForestSettings, n_estimators=12))
        yield


@pytest.fixture(scope="module")
def sheet(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study's metadata with a second target that some lack, a covariate and weights."""
    columns = read_columns(study / "metadata.tsv")
    gradient = columns["gradient"].astype(float)
    ph = [f"{5 + 3 * value:.3f}" if row % 4 else "" for row, value in enumerate(gradient)]
    weight = [f"{0.5 + row % 3}" for row in range(len(gradient))]
    season = [("wet", "dry", "")[row % 3] for row in range(len(gradient))]
    columns |= {"ph": np.array(ph), "weight": np.array(weight), "season": np.array(season)}
    lines = ["\t".join(row) for row in zip(*columns.values(), strict=True)]
    path = tmp_path_factory.mktemp("sheet") / "sheet.tsv"
    path.write_text("\n".join(["\t".join(columns), *lines]) + "\n")
    return path


def train(study: Path, sheet: Path, folder: Path, *words: object, **changes: object) -> int:
    inputs = {"table": study / "table.biom", "metadata": sheet, "output_dir": folder, "learners": "auto"}
    return run_command("train", *words, **{**inputs, **changes}, small=False)


@pytest.fixture(scope="module")
def run(study: Path, sheet: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two numbers, of groups, with a tree, weights, covariates and a test part."""
    folder = tmp_path_factory.mktemp("runs") / "numbers"
    words = ("--metadata-column", "gradient", "--metadata-column", "ph", "--report")
    options = {"test_size": 0.2, "group_column": "subject", "tree": study / "tree.nwk"}
    weights = {"sample_weight_column": "weight", "categorical_columns": "season"}
    assert train(study, sheet, folder, *words, **options, **weights) == 0
    return folder


@pytest.fixture(scope="module")
def classes(study: Path, sheet: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes, without a test part."""
    folder = tmp_path_factory.mktemp("runs") / "classes"
    words = ("--classifier", "--no-report")
    assert train(study, sheet, folder, *words, metadata_column="group", group_column="subject") == 0
    return folder


def ids(path: Path) -> list[str]:
    return path.read_text().split()


def test_the_run_has_its_files(run: Path, classes: Path) -> None:
    assert {path.name for path in run.iterdir()} == {*ALWAYS, *TESTED, "report.html"}
    assert {path.name for path in classes.iterdir()} == ALWAYS
    trained, tested = ids(run / "train_samples.txt"), ids(run / "test_samples.txt")
    assert len({*trained, *tested}) == len(trained) + len(tested) == 60
    assert sorted(read_columns(run / "out_of_fold_predictions.tsv")["sample-id"]) == sorted(trained)
    assert sorted(read_columns(run / "test_predictions.tsv")["sample-id"]) == sorted(tested)
    parts = read_columns(run / "forest_predictions.tsv")["part"]
    sizes = {part: int((parts == part).sum()) for part in set(parts)}
    assert sizes == {"out_of_fold": len(trained), "test": len(tested)}
    assert set(json.loads((run / "coverage.json").read_text())) == {"gradient", "ph"}
    assert {one["part"] for one in json.loads((run / "coverage.json").read_text()).values()} == {"test"}
    assert json.loads((classes / "coverage.json").read_text())["group"]["part"] == "out_of_fold"


def test_all_tables_of_samples_are_qiime2_metadata(
    run: Path, classes: Path, study: Path, sheet: Path, tmp_path: Path
) -> None:
    predicted(run, study, sheet, tmp_path / "p.tsv")
    tables = [*run.glob("*_predictions.tsv"), *classes.glob("*_predictions.tsv"), tmp_path / "p.tsv"]
    assert len(tables) == 6
    for path in tables:
        own, kinds = read_qiime2(path)
        assert own == list(read_columns(path)["sample-id"])
        texts = {name for name, kind in kinds.items() if kind == "categorical"}
        assert texts <= {"part", "group", "observed", "predicted", "prediction_set"}


def test_the_record_tells_of_the_members(run: Path, classes: Path) -> None:
    for folder, columns, number in ((run, ("gradient", "ph"), 10), (classes, ("group",), 8)):
        data = json.loads((folder / "data.json").read_text())
        found = data["learners"]
        assert len(found) == number == len(load_predictor(folder).learners)
        for column in columns:
            assert sum(one["weights"][column] for one in found) == pytest.approx(1)
            assert min(one["weights"][column] for one in found) >= 0
        without_tree = ["trees-phylogeny", "unifrac-phylogeny"] if folder == classes else []
        assert [one["name"] for one in data["left_out"]] == without_tree
        assert data["folds"]["number"] == 5
        assert data["model"]["parameters"] == 0
    data = json.loads((run / "data.json").read_text())
    groups = read_columns(run / "out_of_fold_predictions.tsv")["group"]
    assert data["folds"]["groups"] == len(set(groups))
    assert data["samples"] == {"train": len(groups), "test": 60 - len(groups)}


def figures(folder: Path, name: str) -> dict[str, Any]:
    found = json.loads((folder / "data.json").read_text())["learners"]
    return next(one["figures"] for one in found if one["name"] == name)


def test_figures_are_those_of_the_files(run: Path) -> None:
    """The forest's own out-of-fold predictions are a file: its mean absolute error by hand."""
    table = read_columns(run / "forest_predictions.tsv")
    for column in ("gradient", "ph"):
        observed = table[f"observed_{column}"]
        known = (table["part"] == "out_of_fold") & (observed != "")
        error = np.abs(observed[known].astype(float) - table[f"predicted_{column}"][known].astype(float)).mean()
        assert figures(run, "forest")[column]["mae"] == pytest.approx(error, rel=1e-6)


def test_it_learns_something(run: Path, classes: Path) -> None:
    for name in ("out_of_fold_predictions.tsv", "test_predictions.tsv"):
        table = read_columns(run / name)
        observed, predicted, low, high = (
            table[f"{word}_gradient"].astype(float)
            for word in ("observed", "predicted", "predicted_low", "predicted_high")
        )
        assert np.corrcoef(observed, predicted)[0, 1] > 0.5
        assert ((low < predicted) & (predicted < high)).all()
    table = read_columns(classes / "out_of_fold_predictions.tsv")
    assert (table["observed"] == table["predicted"]).mean() > 0.5


def predicted(run: Path, study: Path, sheet: Path, output: Path, model: str = "model") -> dict[str, np.ndarray]:
    words = {"model": run / model, "table": study / "table.biom", "metadata": sheet, "output": output}
    assert run_command("predict", **words) == 0
    return read_columns(output)


def test_new_samples_are_predicted_as_test_samples(run: Path, study: Path, sheet: Path, tmp_path: Path) -> None:
    said = read_columns(run / "test_predictions.tsv")
    found = predicted(run, study, sheet, tmp_path / "p.tsv")
    row_of = {name: row for row, name in enumerate(found["sample-id"])}
    rows = [row_of[name] for name in said["sample-id"]]
    for column in ("gradient", "ph"):
        for word in ("predicted", "predicted_low", "predicted_high"):
            assert said[f"{word}_{column}"].tolist() == found[f"{word}_{column}"][rows].tolist()
    table = read_columns(run / "forest_predictions.tsv")
    alone = predicted(run, study, sheet, tmp_path / "f.tsv", "baseline")
    tested = table["part"] == "test"
    rows = [row_of[name] for name in table["sample-id"][tested]]
    assert table["predicted_ph"][tested].tolist() == alone["predicted_ph"][rows].tolist()


def files_of(run: Path) -> dict[str, bytes]:
    names = ("out_of_fold_predictions.tsv", "forest_predictions.tsv", "coverage.json", "model/model.safetensors")
    return {name: (run / name).read_bytes() for name in names}


def test_the_same_seed_gives_the_same_bytes(classes: Path, study: Path, sheet: Path, tmp_path: Path) -> None:
    words = ("--classifier", "--no-report")
    for seed in (42, 7):
        options = {"metadata_column": "group", "group_column": "subject", "seed": seed}
        assert train(study, sheet, tmp_path / str(seed), *words, **options) == 0
    one, again, other = map(files_of, (classes, tmp_path / "42", tmp_path / "7"))
    assert {name for name in one if one[name] != again[name]} == set()
    assert {name for name in one if one[name] != other[name]} == set(one)


def test_the_order_of_samples_does_not_matter(run: Path, study: Path, sheet: Path, tmp_path: Path) -> None:
    """The table backwards; the parts are given as lists, of which the validation samples are learned from too."""
    import biom

    table = biom.load_table(str(study / "table.biom"))
    names = table.ids("sample")[::-1]
    counts = np.array([table.data(name, "sample", dense=True) for name in names])
    write_biom(tmp_path / "table.biom", counts.astype(int), list(names), list(table.ids("observation")))
    words = ("--metadata-column", "gradient", "--metadata-column", "ph", "--no-report")
    options = {"group_column": "subject", "tree": study / "tree.nwk", "sample_weight_column": "weight"}
    lists = {"test_samples": run / "test_samples.txt", "categorical_columns": "season"}
    trained = ids(run / "train_samples.txt")
    subject_of = dict(zip(*(read_columns(sheet)[name] for name in ("sample-id", "subject")), strict=True))
    first = subject_of[trained[0]]
    for name in ("train_samples", "val_samples"):
        own = [sample for sample in trained if (subject_of[sample] == first) == (name == "val_samples")]
        lists[name] = tmp_path / f"{name}.txt"
        lists[name].write_text("\n".join(own) + "\n")
    assert train(tmp_path, sheet, tmp_path / "run", *words, **options, **lists) == 0
    assert "validation samples joined the training samples: a blend" in (tmp_path / "run" / "log.txt").read_text()
    assert "validation samples joined" not in (run / "log.txt").read_text()
    for name in ("out_of_fold_predictions.tsv", "test_predictions.tsv"):
        one, other = (read_columns(folder / name) for folder in (run, tmp_path / "run"))
        rows = [one["sample-id"].tolist().index(sample) for sample in other["sample-id"]]
        for column in ("predicted_gradient", "predicted_ph", "predicted_low_ph"):
            numbers = [table[column].astype(float) for table in (one, other)]
            assert numbers[0][rows] == pytest.approx(numbers[1], rel=1e-6)


def test_class_weights_and_sample_weights_matter(classes: Path, study: Path, sheet: Path, tmp_path: Path) -> None:
    words = ("--classifier", "--no-report")
    options = {"metadata_column": "group", "group_column": "subject"}
    found = [read_columns(classes / "out_of_fold_predictions.tsv")]
    for name, more in (("one", {"class_weights": "9,1,1"}), ("other", {"sample_weight_column": "weight"})):
        assert train(study, sheet, tmp_path / name, *words, **options, **more) == 0
        found.append(read_columns(tmp_path / name / "out_of_fold_predictions.tsv"))
    plain, first, weighted = (table["probability_group_1"].astype(float) for table in found)
    assert first.mean() > plain.mean() + 0.05
    assert (weighted != plain).any()


def test_one_learner_is_a_model(study: Path, sheet: Path, tmp_path: Path) -> None:
    words = ("--no-report", "--no-forest-baseline")
    assert train(study, sheet, tmp_path / "run", *words, metadata_column="gradient", learners="jaccard") == 0
    assert not (tmp_path / "run" / "baseline").exists()
    assert not (tmp_path / "run" / "forest_predictions.tsv").exists()
    assert np.array(load_predictor(tmp_path / "run").manifest.weights).tolist() == [[1.0]]
    assert figures(tmp_path / "run", "jaccard")["gradient"]["mae"] > 0


def test_a_blend_without_the_forest_is_compared_with_it(
    study: Path, sheet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is the forest that would be a member: the same samples, folds and seed."""
    words, options = ("--no-report",), {"metadata_column": "gradient", "test_size": 0.2}
    assert train(study, sheet, tmp_path / "one", *words, **options, learners="jaccard") == 0
    said = capsys.readouterr().out
    assert "for a random forest" in said
    assert f"kept in {tmp_path / 'one' / 'baseline'}" in said
    assert train(study, sheet, tmp_path / "two", *words, **options, learners="jaccard,forest") == 0
    beside, member = (tmp_path / name / "forest_predictions.tsv" for name in ("one", "two"))
    assert beside.read_bytes() == member.read_bytes()
    found = [predicted(tmp_path / name, study, sheet, tmp_path / f"{name}.tsv", "baseline") for name in ("one", "two")]
    assert found[0]["predicted"].tolist() == found[1]["predicted"].tolist()
    assert [one.kind for one in load_predictor(tmp_path / "one").learners] == ["kernel"]


def test_a_blend_of_nothing_is_refused(
    study: Path, sheet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {"metadata_column": "gradient", "learners": "unifrac-phylogeny"}
    assert train(study, sheet, tmp_path / "run", **options) == 2
    assert "no learner is left (unifrac-phylogeny needs --tree)" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
