from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from aam.cli.commands.rf_baseline import run
from aam.cli.main import main
from aam.config import ForestConfig, from_flat
from aam.data.targets.kinds import CLASSES, NUMBERS, TargetSpec
from aam.errors import ConfigError, InputError
from aam.evaluation.prediction_table import read_predictions
from tests.data.study_files import caterpillar, write_sheet, write_table

SAMPLES, ASVS = 60, 24


@pytest.fixture
def study(tmp_path: Path) -> dict[str, object]:
    """Two ASVs rise with the age, the others do not; the site follows the age."""
    rng = np.random.default_rng(0)
    age = rng.uniform(0, 10, SAMPLES).round(2)
    rates = np.tile(rng.gamma(1, 20, ASVS), (SAMPLES, 1))
    rates[:, 3] = 2 + 40 * age
    rates[:, 7] = 2 + 40 * (10 - age)
    counts = rng.poisson(rates)
    sample_ids = [f"s{i:02d}" for i in range(SAMPLES)]
    sequences = ["".join(rng.choice(list("ACGT"), 30)) for _ in range(ASVS)]
    rows = [
        [s, f"{a}", "young" if a < 5 else "old", f"m{i % 15}"]
        for i, (s, a) in enumerate(zip(sample_ids, age, strict=True))
    ]
    rows[5][1] = ""
    write_table(tmp_path / "table.tsv", counts, sample_ids, sequences)
    write_sheet(tmp_path / "metadata.tsv", ["sample-id", "age", "site", "subject"], rows)
    (tmp_path / "tree.nwk").write_text(caterpillar(sequences, rng))
    flat = {
        "table": [str(tmp_path / "table.tsv")],
        "metadata": str(tmp_path / "metadata.tsv"),
        "metadata_column": "age",
    }
    return {**flat, "output": str(tmp_path / "forest.tsv"), "n_estimators": 40, "n_jobs": 1}


def forest(study: dict[str, object], **changes: object) -> list[dict[str, str]]:
    """Run the command, and read the metrics that it wrote."""
    config = from_flat(ForestConfig, {**study, **changes})
    run(config)
    with config.forest.output.with_name("forest.metrics.tsv").open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def value(rows: list[dict[str, str]], part: str, predictor: str, name: str) -> float:
    (row,) = [r for r in rows if (r["part"], r["predictor"], r["metric"]) == (part, predictor, name)]
    assert float(row["low"]) <= float(row["value"]) <= float(row["high"])
    return float(row["value"])


@pytest.mark.parametrize("features", ["asv", "clr", "clades"])
def test_numbers(study: dict[str, object], features: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(str(study["output"])).parent
    tree = {"tree": str(folder / "tree.nwk")} if features == "clades" else {}
    rows = forest(study, features=features, test_size=0.2, **tree)
    for part in ("validation", "test"):
        assert value(rows, part, "forest", "mae") < 0.6 * value(rows, part, "guess", "mae")
        assert value(rows, part, "forest", "r2") > 0.5
    predictions = read_predictions(folder / "forest.tsv", TargetSpec(column="age", kind=NUMBERS))
    assert list(predictions) == ["validation", "test"]
    assert sum(map(len, predictions.values())) == {r["part"]: int(r["samples"]) for r in rows}["test"] * 2
    printed = capsys.readouterr().out
    assert "'age' is missing" in printed
    assert "Random forest" in printed
    assert "correlation" in printed
    assert max(map(len, printed.partition("features)")[2].partition("predictions:")[0].splitlines())) <= 80
    assert "forest.metrics.tsv" in printed


def test_clades_come_from_the_sequences_where_there_is_no_tree(study: dict[str, object]) -> None:
    rows = forest(study, features="clades")
    assert value(rows, "validation", "forest", "r2") > 0.3


def test_classes_in_groups(study: dict[str, object]) -> None:
    rows = forest(study, metadata_column="site", classifier=True, group_column="subject")
    assert value(rows, "validation", "forest", "balanced_accuracy") > 0.8
    assert value(rows, "validation", "majority", "balanced_accuracy") == 0.5
    output = Path(str(study["output"]))
    target = TargetSpec(column="site", kind=CLASSES, classes=("old", "young"))
    found = read_predictions(output, target)["validation"]
    assert {int(i[1:]) % 15 for i in found.sample_ids}.isdisjoint(
        {int(f"{i:02d}") % 15 for i in range(SAMPLES) if f"s{i:02d}" not in set(found.sample_ids)}
    )
    assert found.probabilities is not None
    assert found.probabilities.sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_counts_have_an_exposure(study: dict[str, object], capsys: pytest.CaptureFixture[str]) -> None:
    """Rates rise with the age, and counts mostly with the days in which they were counted."""
    folder, rng = Path(str(study["output"])).parent, np.random.default_rng(1)
    header, *rows = [line.split("\t") for line in (folder / "metadata.tsv").read_text().splitlines()]
    days = rng.integers(1, 40, len(rows))
    cells = [[*row, str(day), str(rng.poisson(day * float(row[1] or 5)))] for row, day in zip(rows, days, strict=True)]
    write_sheet(folder / "metadata.tsv", [*header, "days", "episodes"], cells)
    counted = {"metadata_column": "episodes", "count_target": True, "features": "asv"}
    without = value(forest(study, **counted), "validation", "forest", "d2")
    exposed = forest(study, **counted, exposure_column="days", overwrite=True, output_dir=str(folder / "model"))
    assert "learn 'episodes' for each unit of 'days'" in capsys.readouterr().out
    assert value(exposed, "validation", "forest", "d2") > max(0.5, without)
    with (folder / "forest.tsv").open(newline="") as file:
        assert {row["exposure"] for row in csv.DictReader(file, delimiter="\t")} <= {str(day) for day in days}
    assert '"exposure_column": "days"' in (folder / "model" / "config.json").read_text()
    with pytest.raises(ConfigError, match="--exposure-column needs --count-target"):
        from_flat(ForestConfig, {**study, "exposure_column": "days"})
    with pytest.raises(ConfigError, match="'episodes' is the target: name another column"):
        from_flat(ForestConfig, {**study, **counted, "exposure_column": "episodes"})


def test_the_lists_of_a_run_are_used(study: dict[str, object]) -> None:
    folder = Path(str(study["output"])).parent
    lists = {"train": range(0, 40), "val": range(40, 50), "test": range(50, 60)}
    for name, numbers in lists.items():
        (folder / f"{name}_samples.txt").write_text("".join(f"s{i:02d}\n" for i in numbers if i != 5))
    forest(study, **{f"{name}_samples": str(folder / f"{name}_samples.txt") for name in lists})
    found = read_predictions(folder / "forest.tsv", TargetSpec(column="age", kind=NUMBERS))
    assert sorted(found["validation"].sample_ids) == [f"s{i}" for i in range(40, 50)]
    assert sorted(found["test"].sample_ids) == [f"s{i}" for i in range(50, 60)]


def test_results_are_seeded_and_never_overwritten_unasked(study: dict[str, object]) -> None:
    output = Path(str(study["output"]))
    forest(study)
    first = output.read_bytes()
    with pytest.raises(InputError, match=r"forest\.tsv: exists already; --overwrite"):
        forest(study)
    forest(study, overwrite=True)
    assert output.read_bytes() == first
    forest(study, overwrite=True, random_seed=1)
    assert output.read_bytes() != first


def test_a_folder_is_no_output(study: dict[str, object]) -> None:
    with pytest.raises(InputError, match="is a folder"):
        forest(study, output=str(Path(str(study["output"])).parent))


@pytest.mark.parametrize("features", ["asv", "clades"])
def test_the_forest_is_kept_and_predicts_tables_never_seen(
    study: dict[str, object], features: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What ``aam predict`` says is what the command said of the same samples, to the last digit; with intervals."""
    folder = Path(str(study["output"])).parent
    forest(study, features=features, group_column="subject", output_dir=str(folder / "model"))
    assert f"model: {folder / 'model'}" in capsys.readouterr().out
    words = ["--model", folder / "model", "--table", folder / "table.tsv", "--output", folder / "new.tsv"]
    assert main(["predict", *map(str, words)]) == 0
    with (folder / "new.tsv").open(newline="") as file:
        found = {row["sample-id"]: row for row in csv.DictReader(file, delimiter="\t")}
    said = read_predictions(folder / "forest.tsv", TargetSpec(column="age", kind=NUMBERS))["validation"]
    assert len(found) == SAMPLES
    assert [found[name]["predicted"] for name in said.sample_ids] == [f"{value:.10g}" for value in said.predicted]
    assert all(float(r["predicted_low"]) < float(r["predicted"]) < float(r["predicted_high"]) for r in found.values())
    assert main(["info", str(folder / "model")]) == 0
    shown = capsys.readouterr().out
    assert "1 forest" in shown
    assert "'age', a number" in shown


def test_classes_are_kept_with_their_sets(study: dict[str, object]) -> None:
    folder = Path(str(study["output"])).parent
    forest(study, metadata_column="site", classifier=True, output_dir=str(folder / "model"))
    words = ["--model", folder / "model", "--table", folder / "table.tsv", "--output", folder / "new.tsv"]
    assert main(["predict", *map(str, words)]) == 0
    with (folder / "new.tsv").open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert {"probability_old", "probability_young", "prediction_set"} <= set(rows[0])
    assert all(row["predicted"] in row["prediction_set"] for row in rows)


def test_a_model_folder_is_not_taken_from_others(study: dict[str, object]) -> None:
    """All is refused before the forest is fitted."""
    folder = Path(str(study["output"])).parent
    (folder / "mine").mkdir()
    (folder / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"mine: holds notes\.txt, which is not part of a model"):
        forest(study, output_dir=str(folder / "mine"))
    with pytest.raises(InputError, match="is a file; --output-dir names a folder"):
        forest(study, output_dir=str(folder / "tree.nwk"))
    forest(study, output_dir=str(folder / "model"))
    before = (folder / "model" / "model.safetensors").read_bytes()
    with pytest.raises(InputError, match=r"model: holds a model already; --overwrite or another --output-dir"):
        forest(study, output=str(folder / "other.tsv"), output_dir=str(folder / "model"))
    forest(study, overwrite=True, random_seed=1, output_dir=str(folder / "model"))
    assert (folder / "model" / "model.safetensors").read_bytes() != before


def test_importing_the_command_is_cheap() -> None:
    heavy = ("torch", "sklearn", "matplotlib", "pandas", "skbio")
    code = f"import sys, aam.cli.commands.rf_baseline; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
