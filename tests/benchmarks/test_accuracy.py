from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from aam.data.targets.kinds import NUMBERS, Predictions
from benchmarks.__main__ import benchmarks
from benchmarks.accuracy import folds as accuracy_folds
from benchmarks.accuracy import network as accuracy
from benchmarks.accuracy.folds import Benchmark, Samples, make_folds, write_folds
from benchmarks.accuracy.table import Result, summarise
from tests.data.study_files import caterpillar, write_sheet, write_table
from tests.factories import random_sequences

NUM_SAMPLES, NUM_ASVS = 60, 12


@pytest.fixture
def samples() -> Samples:
    rng = np.random.default_rng(0)
    ids = np.array([f"s{i:03d}" for i in range(120)], dtype=object)
    groups = np.array([f"g{i}" for i in rng.integers(24, size=120)], dtype=object)
    return Samples(ids, rng.random(120), groups)


def test_samples_are_tested_once_and_groups_stay_together(samples: Samples) -> None:
    group_of = dict(zip(samples.ids, samples.groups, strict=True))
    folds = make_folds(samples, 4, 1, classifier=False)
    assert sorted(i for fold in folds for i in fold["test"]) == sorted(samples.ids)
    for fold in folds:
        assert sorted(i for part in fold.values() for i in part) == sorted(samples.ids)
        groups = [{group_of[i] for i in part} for part in fold.values()]
        assert sum(map(len, groups)) == len(set().union(*groups))
        assert len(fold["train"]) > 2 * len(fold["val"]) > 0


def test_folds_depend_on_the_seed(samples: Samples) -> None:
    first, again, other = (make_folds(samples, 4, seed, classifier=False) for seed in (1, 1, 2))
    assert first == again
    shared = [max(len({*fold["test"]} & {*there["test"]}) for there in other) for fold in first]
    assert sum(shared) < 0.7 * len(samples.ids)


def test_folds_are_balanced(samples: Samples) -> None:
    labels = Samples(samples.ids, np.where(samples.values < 0.3, "low", "high"), samples.groups)
    value_of = dict(zip(labels.ids, labels.values, strict=True))
    shares = [np.mean([value_of[i] == "low" for i in f["test"]]) for f in make_folds(labels, 4, 1, classifier=True)]
    assert np.ptp(shares) < 0.15


def test_other_folds_are_not_mixed_in(samples: Samples, tmp_path: Path) -> None:
    folds = make_folds(samples, 4, 1, classifier=False)
    folders = write_folds(tmp_path, folds)
    assert write_folds(tmp_path, folds) == folders
    assert (folders[2] / "test.txt").read_text().split() == folds[2]["test"]
    assert len((folders[0] / "train_val.txt").read_text().split()) == len(folds[0]["train"]) + len(folds[0]["val"])
    with pytest.raises(SystemExit, match="other folds"):
        write_folds(tmp_path, folds[1:])


def test_models_are_compared_on_the_samples_that_all_have() -> None:
    values, groups = np.arange(30.0), {f"s{i:02d}": f"g{i // 3}" for i in range(30)}
    ids = np.array(list(groups), dtype=object)
    good = Predictions(kind=NUMBERS, sample_ids=ids, observed=values, predicted=values + 1)
    poor = Predictions(kind=NUMBERS, sample_ids=ids, observed=values, predicted=values[::-1].copy()).select(
        np.arange(29, 1, -1)
    )
    results = {
        "good": Result([good.select(np.arange(10)), good.select(np.arange(10, 30))], 1.0),
        "poor": Result([poor], 2.0),
    }
    found = summarise(results, groups, "poor")
    assert (found["samples"], found["left_out"]) == (28, 2)
    assert found["models"]["good"]["metrics"]["mae"] == [1, 1, 1]
    value, low, high = found["models"]["good"]["difference"]["r2"]
    assert 0 < low < value < high
    assert not found["models"]["poor"]["difference"]
    assert len(found["models"]["good"]["folds"]) == 2


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A study of which one ASV tells the target; the options that measure it."""
    rng = np.random.default_rng(0)
    target = rng.uniform(0, 10, NUM_SAMPLES).round(2)
    rates = np.tile(rng.gamma(1, 30, NUM_ASVS) + 1, (NUM_SAMPLES, 1))
    rates[:, 3] = 2 + 40 * target
    ids, sequences = [f"s{i:02d}" for i in range(NUM_SAMPLES)], random_sequences(NUM_ASVS, 30)
    folder = tmp_path / "data" / "tiny"
    folder.mkdir(parents=True)
    write_table(folder / "table.biom", rng.poisson(rates), ids, sequences)
    rows = [
        [name, f"{y}", "high" if y > 5 else "low", f"m{i % 15}"]
        for i, (name, y) in enumerate(zip(ids, target, strict=True))
    ]
    write_sheet(folder / "metadata.tsv", ["sample-id", "y", "level", "subject"], rows)
    (folder / "tree.nwk").write_text(caterpillar(sequences, rng))
    tiny = {"tiny": Benchmark("y", "subject")}
    monkeypatch.setattr(accuracy_folds, "STUDIES", tiny)
    monkeypatch.setattr(accuracy, "STUDIES", tiny)
    places = {"--data": "data", "--work": "work", "--output": "out"}
    given = [word for name, place in places.items() for word in (name, str(tmp_path / place))]
    return ["--study", "tiny", *given, "--folds", "3", "--trees", "20", "--jobs", "1"]


def test_forests_are_measured_and_not_fitted_twice(
    study: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accuracy.measure(accuracy.arguments([*study, "--models", "forest-asv,forest-clades-all"]))
    found = json.loads((tmp_path / "out" / "tiny.json").read_text())
    assert found["samples"] == NUM_SAMPLES
    assert found["models"]["forest-asv"]["metrics"]["r2"][0] > 0.7
    assert found["models"]["guess"]["metrics"]["r2"][0] <= 0
    assert found["models"]["forest-clades-all"]["seconds"] > 0
    text = (tmp_path / "out" / "tiny.md").read_text()
    assert "| forest-clades-all |" in text
    monkeypatch.setattr(accuracy, "aam", None)
    accuracy.measure(accuracy.arguments([*study, "--models", "forest-asv"]))
    with pytest.raises(SystemExit, match="other options"):
        accuracy.measure(accuracy.arguments([*study, "--models", "forest-asv", "--seed", "42", "--trees", "21"]))


def test_classes_are_measured(study: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accuracy, "STUDIES", {"tiny": Benchmark("level", "subject", "y > 0", classifier=True)})
    accuracy.measure(accuracy.arguments([*study, "--models", "forest-clr"]))
    models = json.loads((tmp_path / "out" / "tiny.json").read_text())["models"]
    assert models["guess"]["metrics"]["balanced_accuracy"][0] < 0.7
    assert models["forest-clr"]["metrics"]["balanced_accuracy"][0] > 0.8


def test_an_unknown_model_is_refused(study: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        accuracy.arguments([*study, "--models", "forest-asv,boost"])
    assert "unknown model boost" in capsys.readouterr().err


def test_benchmarks_are_listed() -> None:
    assert "accuracy.network" in dict(benchmarks())
