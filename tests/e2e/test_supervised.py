"""Every kind of target, loss and covariate through the command line: what is trained, written and predicted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aam.evaluation.prediction_table import read_columns
from tests.program import NOVELTY, run_command
from tests.qiime2_metadata import read_qiime2

NUMBERS = ["sample-id", "observed", "predicted", "predicted_low", "predicted_high"]


@pytest.fixture(scope="module")
def sheet(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study's metadata with further columns.

    ``age`` is 40 to 60 years by the gradient; ``ph`` follows it too, and every third sample lacks it; ``score`` is the
    gradient in another unit in each of two labs; cities lie within countries and move ``shifted``; ``warmth`` is a
    number. ``weight`` and ``empty_ph`` are for weights, and for a few cells that are missing.
    """
    rng = np.random.default_rng(0)
    columns = read_columns(study / "metadata.tsv")
    gradient = columns["gradient"].astype(float)
    number = len(gradient)
    city = rng.choice(["oslo", "bergen", "lund", "malmo"], number)
    country = np.where(np.isin(city, ["oslo", "bergen"]), "norway", "sweden")
    lab = np.where(np.arange(number) % 2 == 0, "a", "b")
    ph = np.round(5 + 3 * gradient, 3).astype(str)
    ph[::3] = ""
    score = np.where(lab == "a", 10 + gradient, 1000 + 100 * gradient)
    more = {
        "age": np.round(40 + 20 * gradient, 2),
        "ph": ph,
        "lab": lab,
        "score": np.round(score, 3),
        "city": city,
        "country": country,
        "shifted": np.round(gradient + 5.0 * (country == "sweden"), 4),
        "warmth": np.round(rng.normal(10, 4, number), 1),
        "weight": np.round(rng.uniform(0.5, 2, number), 2),
    }
    columns |= {name: np.array(values, dtype=object).astype(str).astype(object) for name, values in more.items()}
    folder = tmp_path_factory.mktemp("sheet")
    lines = ["\t".join(row) for row in zip(*columns.values(), strict=True)]
    path = folder / "sheet.tsv"
    path.write_text("\n".join(["\t".join(columns), *lines]) + "\n")
    return path


Train = Callable[..., Path]


@pytest.fixture
def train(study: Path, sheet: Path, tmp_path: Path) -> Train:
    """Trains on the study and returns the run's folder."""

    def run(*words: object, code: int = 0, **changes: object) -> Path:
        flags = {"table": study / "table.biom", "metadata": sheet, "output_dir": tmp_path / "run", "test_size": 0.2}
        bare = ("--no-forest-baseline", *words)
        assert run_command("train", *bare, **{**flags, "metadata_column": "age", **changes}) == code
        return tmp_path / "run"

    return run


def predicted(study: Path, run: Path, *words: object, code: int = 0, **flags: object) -> dict[str, np.ndarray]:
    """What ``aam predict`` says of all samples of the study."""
    output = run.parent / "predictions.tsv"
    given = {"model": run / "model", "table": study / "table.biom", "output": output, **flags}
    assert run_command("predict", "--overwrite", *words, **given) == code
    return read_columns(output) if code == 0 else {}


def of_test_part(run: Path) -> dict[str, np.ndarray]:
    return read_columns(run / "test_predictions.tsv")


def errors(columns: dict[str, np.ndarray], ending: str = "") -> tuple[float, float]:
    """Mean absolute errors of the model and of guessing the mean, in the user's units, on samples with a truth."""
    known = columns[f"observed{ending}"] != ""
    observed = columns[f"observed{ending}"][known].astype(float)
    said = columns[f"predicted{ending}"][known].astype(float)
    return float(np.abs(said - observed).mean()), float(np.abs(observed - observed.mean()).mean())


def is_as_good_as_guessing(columns: dict[str, np.ndarray], ending: str = "") -> bool:
    """Two epochs on 46 samples learn little: no worse than the mean within reason, and so in the target's own units."""
    model, guess = errors(columns, ending)
    return model < 1.5 * guess


def agrees(predictions: dict[str, np.ndarray], run: Path, name: str, to: float = 1e-3) -> bool:
    """Whether ``aam predict`` says of the test samples what the run said of them."""
    own = of_test_part(run)
    row_of = {sample_id: row for row, sample_id in enumerate(predictions["sample-id"])}
    rows = [row_of[sample_id] for sample_id in own["sample-id"]]
    found, expected = predictions[name][rows].astype(float), own[name].astype(float)
    return bool(np.allclose(found, expected, rtol=1e-4, atol=to))


def test_two_targets_of_which_samples_lack_one(train: Train, study: Path) -> None:
    run = train("--metadata-column", "age", "--report", metadata_column="ph")
    columns = of_test_part(run)
    endings = ("_age", "_ph")
    names = [f"{name}{ending}" for ending in endings for name in NUMBERS[1:]]
    assert list(columns) == ["sample-id", *names, *NOVELTY]
    assert (columns["observed_age"] != "").all()
    assert 0 < (columns["observed_ph"] == "").sum() < len(columns["observed_ph"])
    assert (columns["predicted_ph"] != "").all(), "what is missing is predicted as well"
    assert all(is_as_good_as_guessing(columns, ending) for ending in endings)
    metrics = read_columns(run / "metrics.csv", ",")
    assert {"val_mae_age", "val_mae_ph", "val_r2"} <= set(metrics)
    assert "val_mae" not in metrics
    assert json.loads((run / "data.json").read_text())["model"]["best_metric"] == "val_r2"
    found = predicted(study, run)
    assert list(found) == ["sample-id", *(name for name in names if not name.startswith("observed")), *NOVELTY]
    assert all(agrees(found, run, f"predicted{ending}") for ending in endings)
    for name in ("test_predictions.tsv", "val_predictions.tsv", "sample_embeddings.tsv"):
        _, kinds = read_qiime2(run / name)
        assert {column for column, kind in kinds.items() if kind == "categorical"} <= {"part", "group"}
    page = (run / "report.html").read_text()
    assert all(f"{column}: " in page for column in ("age", "ph"))


def test_classes_with_weights_and_smoothed_labels(train: Train, study: Path) -> None:
    words = ("--classifier", "--class-weights", "balanced", "--label-smoothing", "0.2")
    run = train(*words, metadata_column="group")
    columns = of_test_part(run)
    shares = np.column_stack([columns[name].astype(float) for name in columns if name.startswith("probability_")])
    assert shares.sum(axis=1) == pytest.approx(1, abs=1e-4)
    for said, held in zip(columns["predicted"], columns["prediction_set"], strict=True):
        assert said in json.loads(held)
    assert (
        json.loads((run / "model" / "config.json").read_text())["members"][0]["predictor"]["loss"]["label_smoothing"]
        == 0.2
    )
    found = predicted(study, run)
    assert all(agrees(found, run, name) for name in columns if name.startswith("probability_"))


def test_quantiles(train: Train, study: Path) -> None:
    run = train("--loss-type", "quantile", "--quantiles", "0.1,0.25,0.5,0.9")
    columns = of_test_part(run)
    levels = ["quantile_0.1", "quantile_0.25", "quantile_0.5", "quantile_0.9"]
    assert list(columns) == [*NUMBERS, *levels, *NOVELTY]
    quantiles = np.column_stack([columns[name].astype(float) for name in levels])
    assert (np.diff(quantiles, axis=1) > 0).all()
    assert (columns["quantile_0.5"] == columns["predicted"]).all()
    assert is_as_good_as_guessing(columns)
    found = predicted(study, run, "--output-variance", prediction_passes=3, interval_level=0.5)
    assert list(found) == ["sample-id", *NUMBERS[2:], *levels, "predicted_std", *NOVELTY]
    assert (found["predicted_std"].astype(float) > 0).any()
    assert agrees(predicted(study, run), run, "quantile_0.9")


def test_scaling_within_levels(train: Train, study: Path, sheet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = train("--normalize-by", "lab", metadata_column="score")
    columns = of_test_part(run)
    lab_of = dict(zip(*(read_columns(sheet)[name] for name in ("sample-id", "lab")), strict=True))
    for lab, centre, spread in (("a", 10.5, 2), ("b", 1050, 200)):
        own = [lab_of[sample_id] == lab for sample_id in columns["sample-id"]]
        assert any(own)
        assert np.abs(columns["predicted"][own].astype(float) - centre).max() < spread, "each lab in its own unit"
    assert agrees(predicted(study, run, metadata=sheet), run, "predicted", to=1e-1)
    capsys.readouterr()
    predicted(study, run, code=2)
    assert "--metadata is needed: the model uses the metadata column lab" in capsys.readouterr().err


TOLD = (
    "--categorical-columns", "lab", "--numeric-columns", "warmth", "--categorical-hierarchy", "city>country",
    "--categorical-embed-dim", "4",
)  # fmt: skip


def test_covariates_with_a_hierarchy(
    train: Train, study: Path, sheet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train(*TOLD, metadata_column="shifted")
    model, guess = errors(of_test_part(run))
    assert model < 0.4 * guess, "the country is most of it, and the linear path starts at it"
    assert agrees(predicted(study, run, metadata=sheet), run, "predicted")
    card = (run / "model" / "README.md").read_text()
    assert "must have the columns lab, city, country, warmth" in card
    new = sheet.with_name("new.tsv")
    new.write_text(sheet.read_text().replace("\toslo\t", "\ttromso\t"))
    capsys.readouterr()
    assert len(predicted(study, run, metadata=new)["predicted"]) == 60
    assert "a city unknown to the model (first: 'tromso')" in capsys.readouterr().out
    predicted(study, run, code=2)
    said = "--metadata is needed: the model uses the metadata columns lab, city, country, warmth"
    assert said in capsys.readouterr().err
    new.write_text("sample-id\tlab\nS00000001\ta\n")
    predicted(study, run, code=2, metadata=new)
    assert "no column 'city'" in capsys.readouterr().err


@pytest.mark.parametrize("fusion", ["add", "gmu", "cross-attention", "perceiver"])
def test_every_fusion_with_output_scaling(train: Train, study: Path, sheet: Path, fusion: str) -> None:
    more = ("--conditional-output-scaling", "country", "--categorical-fusion", fusion, "--categorical-lr", "0.01")
    run = train(*TOLD, *more, "--no-report", metadata_column="shifted", epochs=1)
    model, guess = errors(of_test_part(run))
    assert model < 0.4 * guess
    assert agrees(predicted(study, run, metadata=sheet), run, "predicted")


@pytest.mark.parametrize(
    "words",
    [
        ("--loss-type", "asymmetric", "--over-penalty", "3"),
        ("--loss-config", '{"age": "mae"}', "--learnable-output-scale"),
        ("--sample-weight-column", "weight", "--residual-regression-head"),
        ("--categorical-loss-weights", "auto", "--categorical-loss-weight-column", "city"),
        ("--target-transform", "boxcox", "--regressor-hidden-dims", "8,4"),
    ],
    ids=["asymmetric", "loss-config", "weights", "weights-of-levels", "boxcox"],
)
def test_ways_to_learn_a_number(train: Train, study: Path, words: tuple[str, ...]) -> None:
    run = train(*words, "--no-report")
    columns = of_test_part(run)
    assert list(columns) == [*NUMBERS, *NOVELTY]
    assert is_as_good_as_guessing(columns)
    low, said, high = (columns[name].astype(float) for name in ("predicted_low", "predicted", "predicted_high"))
    assert ((low < said) & (said < high)).all()
    assert agrees(predicted(study, run), run, "predicted")


def test_bounded_numbers_stay_within_what_was_trained_on(train: Train, study: Path) -> None:
    run = train("--bounded-targets")
    spec: dict[str, Any] = json.loads((run / "data.json").read_text())["targets"]["specs"][0]
    assert spec["transform"] == "minmax"
    found = predicted(study, run)["predicted"].astype(float)
    assert spec["shift"] <= found.min() < found.max() <= spec["shift"] + spec["scale"]
    assert is_as_good_as_guessing(of_test_part(run))


def test_mistakes_are_told(train: Train, capsys: pytest.CaptureFixture[str]) -> None:
    for words, problem in (
        (("--categorical-columns", "citty"), "no column 'citty'; did you mean 'city'?"),
        (("--categorical-columns", "sample-id"), "sample-id"),
        (("--categorical-hierarchy", "country>city"), "in several of 'city'"),
        (("--categorical-loss-weights", '{"paris": 2}', "--categorical-columns", "city"), "no level 'paris'"),
        (("--metadata-column", "subject"), "is not numeric"),
        (("--metadata-column", "ph", "--best-metric", "mae"), "choose from mae_age, mae_ph"),
    ):
        train(*words, code=2)
        assert problem in capsys.readouterr().err
