"""`aam evaluate`: what is judged, what is written, and what is refused."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error

import aam
from aam.cli.main import main
from aam.data.study.perturbation import thinned
from aam.errors import ConfigError, InputError
from aam.evaluation.prediction_table import read_columns
from aam.learners.predictor import load_predictor
from aam.workflows.evaluate.robustness import chosen_samples, copies
from aam.workflows.evaluate.run import EvaluationResult
from aam.workflows.runs.results import TrainResult
from tests.report.pages import Page, check_self_contained

ALL = {"predictions", "metrics", "by_study", "by_level", "gaps", "errors_by_column", "worst_samples", "robustness"}


def files(study: Path) -> dict[str, Any]:
    return {"table": study / "table.biom", "metadata": study / "metadata.tsv", "progress": False}


@pytest.fixture(scope="module")
def trained(study: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    """Forests of the gradient; two fifths of the samples are held out."""
    folder = tmp_path_factory.mktemp("evaluate") / "run"
    options = {"metadata_column": "gradient", "group_column": "subject", "test_size": 0.4, "learners": "forest"}
    return aam.train(**files(study), **options, output_dir=folder, report=False)


@pytest.fixture(scope="module")
def halves(study: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The study's table in two files, whose names are those of studies."""
    import biom

    whole = biom.load_table(str(study / "table.biom"))
    folder = tmp_path_factory.mktemp("halves")
    for name, ids in (("one", whole.ids()[:30]), ("two", whole.ids()[30:])):
        part = whole.filter(ids, inplace=False).to_tsv()
        (folder / f"{name}.tsv").write_text(part)
    return folder / "one.tsv", folder / "two.tsv"


@pytest.fixture(scope="module")
def found(
    trained: TrainResult, study: Path, halves: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[EvaluationResult, Path]:
    folder = tmp_path_factory.mktemp("evaluate") / "result"
    own = {**files(study), "table": halves}
    return aam.evaluate(model=trained.run, **own, by=["group"], robustness_samples=12, output_dir=folder), folder


def test_only_new_samples_are_judged(found: tuple[EvaluationResult, Path], trained: TrainResult) -> None:
    result, folder = found
    table = read_columns(folder / "predictions.tsv")
    test = set((trained.run / "test_samples.txt").read_text().split())
    assert set(table["sample-id"]) == test
    assert result.evaluation.num_trained == 0
    assert result.evaluation.group_column == "subject", "that of the training run"
    assert any("that the model learned from: left out" in note for note in result.evaluation.notes)
    assert not any("of new groups it may know less" in note for note in result.evaluation.notes)
    assert any("this is no second test" in line for line in result.summary)


def test_metrics_are_those_of_the_predictions(found: tuple[EvaluationResult, Path]) -> None:
    result, folder = found
    table = read_columns(folder / "predictions.tsv")
    observed, predicted = (table[name].astype(float) for name in ("observed", "predicted"))
    expected = mean_absolute_error(observed, predicted)
    assert result.metrics["gradient"]["mae"] == pytest.approx(expected)
    rows = [row for row in result.tables["metrics"].records() if row["predictor"] == "model"]
    assert next(row["value"] for row in rows if row["metric"] == "mae") == pytest.approx(expected)
    worst = result.tables["worst_samples"]["error"]
    assert abs(worst[0]) == pytest.approx(np.abs(observed - predicted).max())


def test_each_table_is_a_study(found: tuple[EvaluationResult, Path]) -> None:
    table = found[0].tables["by_study"]
    assert table["level"].tolist() == ["one", "two"]
    assert table["samples"].sum() == found[0].evaluation.num_samples


def test_every_table_is_written(found: tuple[EvaluationResult, Path]) -> None:
    result, folder = found
    record = json.loads((folder / "evaluation.json").read_text())
    assert {f"{name}.tsv" for name in ALL} <= set(record["files"])
    written = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert written == set(record["files"])
    assert "figures/robustness.pdf" in written
    assert record["samples_learned_from"] == 0
    assert record["metrics"]["gradient"]["mae"]["value"] == result.metrics["gradient"]["mae"]
    for name, table in result.tables.items():
        assert list(read_columns(folder / f"{name}.tsv")) == list(table)


def test_the_report_stands_alone(found: tuple[EvaluationResult, Path]) -> None:
    result, folder = found
    page = Page(folder / "report.html")
    check_self_contained(page)
    for title in ("By study", "Within levels", "What errors go along with", "Largest errors", "Robustness"):
        assert title in page.words
    assert {"by-study", "by-group", "errors-facts", "robustness"} <= set(result.figures)


def test_undisturbed_samples_are_predicted_as_before(found: tuple[EvaluationResult, Path]) -> None:
    result, folder = found
    rows = chosen_samples(result.evaluation.num_samples, 12, 42)
    table = read_columns(folder / "predictions.tsv")
    error = np.abs(table["observed"].astype(float) - table["predicted"].astype(float))[rows]
    curve = result.tables["robustness"]
    assert curve["disturbance"][0] == "none"
    assert curve["mae"][0] == pytest.approx(error.mean())
    assert curve["change"][0] == 0
    assert curve.where(curve["disturbance"] == "depth")["size"].tolist() == [1000, 500, 200, 100]
    assert curve.where(curve["disturbance"] == "contamination")["size"].tolist() == [0.01, 0.02, 0.05, 0.1, 0.2, 0.5]
    assert curve["mae"][-1] > curve["mae"][0], "without four fifths of its ASVs a sample says less"


def test_copies_are_predicted_as_if_alone(trained: TrainResult, study: Path) -> None:
    predictor = load_predictor(trained.run)
    samples = aam.load_study(table=study / "table.biom", metadata=study / "metadata.tsv").take(np.arange(10))
    few = thinned(samples.table.counts, 100, samples.keys, seed=1)
    many = copies(samples, [samples.table.counts, few])
    alone = dataclasses.replace(samples, table=dataclasses.replace(samples.table, counts=few))
    rows = np.arange(10)
    np.testing.assert_allclose(predictor.predict(many, rows), predictor.predict(samples, rows))
    np.testing.assert_allclose(predictor.predict(many, rows + 10), predictor.predict(alone, rows))
    assert len(many.lengths) <= len(samples.lengths)


def test_the_same_seed_gives_the_same_result(trained: TrainResult, study: Path) -> None:
    options = {"model": trained.run, **files(study), "robustness_samples": 10}
    first, second = (aam.evaluate(**options).tables["robustness"] for _ in range(2))
    np.testing.assert_array_equal(first["mae_low"], second["mae_low"])
    assert (aam.evaluate(**options, seed=7).tables["robustness"]["mae"] != first["mae"]).any()


def test_samples_learned_from_are_judged_if_asked(trained: TrainResult, study: Path, tmp_path: Path) -> None:
    options = {"model": trained.run, **files(study), "robustness": False}
    result = aam.evaluate(**options, include_trained=True, output_dir=tmp_path / "out")
    assert "held-out" not in (tmp_path / "out" / "report.html").read_text(), "some were learned from"
    assert not any("new samples, " in line or "new samples (" in line for line in result.summary), "some were learned"
    assert result.evaluation.num_samples == 60
    assert 0 < (result.evaluation.num_trained or 0) < 60
    assert any("The model learned from" in line for line in result.summary)
    assert any("of groups ('subject') that the model learned from" in note for note in result.evaluation.notes)
    assert "robustness" not in result.tables
    first = (trained.run / "train_samples.txt").read_text().split()[0]
    with pytest.raises(InputError, match="learned from all 1 samples"):
        aam.evaluate(**options, where=f"[sample-id] = '{first}'")


def test_a_model_alone_knows_no_training(trained: TrainResult, study: Path, tmp_path: Path) -> None:
    aam.load_model(trained.run).save(tmp_path / "model")
    result = aam.evaluate(model=tmp_path / "model", **files(study), robustness=False)
    assert result.evaluation.num_trained is None
    assert result.evaluation.num_samples == 60
    assert any("not known" in note for note in result.evaluation.notes)


def test_classes_and_those_that_are_unknown(study: Path, tmp_path: Path) -> None:
    options = {"metadata_column": "group", "classifier": True, "test_size": 0.5, "learners": "forest"}
    run = aam.train(**files(study), **options, output_dir=tmp_path / "run", report=False).run
    lines = (study / "metadata.tsv").read_text().splitlines()
    place = lines[0].split("\t").index("group")
    test = (run / "test_samples.txt").read_text().split()
    rows = [line.split("\t") for line in lines[1:]]
    for row in rows:
        row[place] = "another" if row[0] in test[:2] else row[place]
    (tmp_path / "m.tsv").write_text("\n".join([lines[0], *map("\t".join, rows)]) + "\n")
    own = {**files(study), "metadata": tmp_path / "m.tsv"}
    result = aam.evaluate(model=run, **own, by=["gradient"], robustness_samples=10, output_dir=tmp_path / "out")
    assert any("2 samples of classes that the model does not know (another)" in n for n in result.evaluation.notes)
    assert result.evaluation.num_samples == len(test) - 2
    confusion = result.tables["confusion"]
    assert confusion.where(confusion["column"] == "all")["samples"].sum() == len(test) - 2
    assert set(confusion["column"]) == {"all", "gradient"}
    assert "Confusion" in Page(tmp_path / "out" / "report.html").words or result.figures["confusion"]
    assert 0 <= result.tables["robustness"]["balanced_accuracy"][0] <= 1


def test_several_targets_have_rows_of_their_own(study: Path, tmp_path: Path) -> None:
    sheet = [line.split("\t") for line in (study / "metadata.tsv").read_text().splitlines()]
    place = sheet[0].index("gradient")
    second = ["second", *(f"{10 - float(row[place]):g}" if i % 3 else "" for i, row in enumerate(sheet[1:]))]
    text = "\n".join("\t".join([*row, extra]) for row, extra in zip(sheet, second, strict=True)) + "\n"
    (tmp_path / "m.tsv").write_text(text)
    own = {**files(study), "metadata": tmp_path / "m.tsv"}
    options = {"metadata_column": ["gradient", "second"], "test_size": 0.5, "learners": "forest"}
    run = aam.train(**own, **options, output_dir=tmp_path / "run", report=False).run
    result = aam.evaluate(model=run, **own, robustness_samples=10)
    assert list(result.metrics) == ["gradient", "second"]
    assert set(result.tables["errors_by_column"]["target"]) == {"gradient", "second"}
    assert {"robustness-gradient", "robustness-second"} <= set(result.figures)
    robustness = result.tables["robustness"]
    counts = {name: robustness.where(robustness["target"] == name)["samples"][0] for name in result.metrics}
    assert counts["second"] < counts["gradient"], "samples without a truth of a target are passed over"


def test_an_earlier_evaluation_is_replaced_whole(trained: TrainResult, study: Path, tmp_path: Path) -> None:
    options = {"model": trained.run, **files(study), "robustness": False, "output_dir": tmp_path / "out"}
    aam.evaluate(**options, by=["group"])
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        aam.evaluate(**options)
    aam.evaluate(**options, overwrite=True, report=False)
    left = {path.name for path in (tmp_path / "out").iterdir()}
    assert "mine.txt" in left
    assert not {"gaps.tsv", "report.html"} & left
    assert not list((tmp_path / "out" / "figures").iterdir())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"by": ["sexx"]}, "no column 'sexx'"),
        ({"group_column": "nothing"}, "no column 'nothing'"),
        ({"where": "gradient > 1e9"}, "holds for none of 60 samples"),
        ({"group_column": "one"}, "all samples are of one group"),
    ],
)
def test_what_cannot_be_judged_is_refused(
    trained: TrainResult, study: Path, tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    lines = (study / "metadata.tsv").read_text().splitlines()
    (tmp_path / "m.tsv").write_text("\n".join([f"{lines[0]}\tone", *(f"{line}\tx" for line in lines[1:])]) + "\n")
    with pytest.raises(InputError, match=words):
        aam.evaluate(model=trained.run, **{**files(study), "metadata": tmp_path / "m.tsv"}, **changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"metadata": None}, "metadata is required"),
        ({"by": ["group", "group"]}, "by names a column twice"),
        ({"robustness": False, "robustness_samples": 50}, "robustness_samples needs robustness"),
        ({"overwrite": True}, "need output_dir"),
    ],
)
def test_options_that_do_not_go_together(
    trained: TrainResult, study: Path, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        aam.evaluate(model=trained.run, **{**files(study), **changes})


def test_the_folder_of_the_model_is_left_alone(trained: TrainResult, study: Path) -> None:
    with pytest.raises(InputError, match=r"is an input of this command"):
        aam.evaluate(model=trained.run, **files(study), output_dir=trained.run, overwrite=True)
    with pytest.raises(InputError):
        aam.evaluate(model=trained.model, **files(study), output_dir=trained.model, overwrite=True)
    assert aam.load_model(trained.run).columns == ("gradient",)


def test_the_command_says_what_comes_next(
    trained: TrainResult, study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--table", study / "table.biom", "--metadata", study / "metadata.tsv", "--no-robustness", "--no-progress"]
    assert main(["evaluate", *map(str, [trained.run, *words])]) == 0
    said = capsys.readouterr().out
    assert "add --output-dir" in said
    assert "the mean absolute error of gradient is" in said
    assert main(["evaluate", *map(str, [trained.run, *words, "--output-dir", tmp_path / "out"])]) == 0
    assert "worst_samples.tsv" in capsys.readouterr().out
