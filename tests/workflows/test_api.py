"""AAM from Python: what the commands do, with keyword arguments."""

from __future__ import annotations

import inspect
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import aam
from aam.cli.main import main
from aam.cli.options import parse
from aam.config import (
    CompareConfig,
    CurveConfig,
    EvaluateConfig,
    ForestConfig,
    PredictConfig,
    PretrainConfig,
    TrainConfig,
    TuneConfig,
    from_flat,
)
from aam.config.commands.embed import EmbedConfig
from aam.config.commands.study import StudyConfig
from aam.config.option import fields
from aam.errors import CheckpointError, ConfigError, InputError
from aam.runs.record_schema import read_record
from aam.workflows.forest_baseline import fit_forest_baseline
from aam.workflows.runs.results import TrainResult
from tests.program import SMALL

TINY: dict[str, Any] = {name.removeprefix("--").replace("-", "_"): value for name, value in SMALL.items()}
FUNCTIONS = {
    "load_study": StudyConfig,
    "pretrain": PretrainConfig,
    "train": TrainConfig,
    "cross_validate": TrainConfig,
    "predict": PredictConfig,
    "evaluate": EvaluateConfig,
    "embed": EmbedConfig,
    "compare": CompareConfig,
    "learning_curve": CurveConfig,
    "tune": TuneConfig,
}


@pytest.fixture(scope="module")
def trained(study: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    return aam.train(**inputs(study), **TINY, output_dir=tmp_path_factory.mktemp("api") / "my run", report=False)


def inputs(study: Path) -> dict[str, Any]:
    return {
        "table": study / "table.biom",
        "metadata": study / "metadata.tsv",
        "metadata_column": "gradient",
        "learners": "network",
        "forest_baseline": False,
        "progress": False,
    }


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_option_is_a_documented_keyword(name: str) -> None:
    function = getattr(aam, name)
    keywords = inspect.signature(function).parameters
    for _, field, _ in fields(FUNCTIONS[name]):
        assert field.name in keywords
        assert f"\n{field.name}" in function.__doc__
    assert not re.search("--[a-z]", function.__doc__), "options are keywords here"


def test_the_result_says_where_and_how_good(trained: TrainResult) -> None:
    assert trained.model == trained.run / "model"
    assert trained.config.optim.epochs == 2
    assert trained.metrics["gradient"]["mae"] > 0
    assert set(trained.judgements["gradient"].results) == {"model", "guess"}


def test_the_record_has_a_command_that_makes_the_run(trained: TrainResult, study: Path) -> None:
    program, command, *words = shlex.split(read_record(trained.run / "data.json")["command"])
    assert (program, command) == ("aam", "train")
    given = {**inputs(study), **TINY, "output_dir": trained.run, "report": False}
    assert parse("train", words).config == from_flat(TrainConfig, given)


def test_it_is_what_the_command_line_trains(trained: TrainResult, study: Path, tmp_path: Path) -> None:
    command = read_record(trained.run / "data.json")["command"]
    words = [*shlex.split(command)[1:], "--no-cache"]
    words[words.index("--output-dir") + 1] = str(tmp_path / "run")
    assert main(words) == 0
    theirs = (tmp_path / "run" / "val_predictions.tsv").read_text()
    assert (trained.run / "val_predictions.tsv").read_text() == theirs


def test_predictions_are_those_of_the_table(trained: TrainResult, study: Path, tmp_path: Path) -> None:
    files = {"model": trained.run, "table": study / "table.biom"}
    found = aam.predict(**files, progress=False)["gradient"]
    again = aam.predict(**files, progress=False, output=tmp_path / "p.tsv")["gradient"]
    np.testing.assert_array_equal(found.predicted, again.predicted)
    lines = (tmp_path / "p.tsv").read_text().splitlines()
    assert [line.split("\t")[:2] for line in lines[1:]] == [
        [sample, f"{value:.10g}"] for sample, value in zip(found.sample_ids, found.predicted, strict=True)
    ]
    model = aam.load_model(trained.run)
    of_study = model.predict(aam.load_study(table=files["table"]))["gradient"]
    np.testing.assert_array_equal(of_study.predicted, found.predicted)
    assert model.columns == ("gradient",)
    model.save(tmp_path / "copy")
    assert aam.load_model(tmp_path / "copy").columns == ("gradient",)


def test_a_forest_is_a_model_as_well(study: Path, tmp_path: Path) -> None:
    files = {"table": study / "table.biom", "metadata": study / "metadata.tsv"}
    given = {**files, "metadata_column": "gradient", "n_estimators": 20, "n_jobs": 1}
    outputs = {"output": tmp_path / "f.tsv", "output_dir": tmp_path / "forest"}
    assert fit_forest_baseline(from_flat(ForestConfig, {**given, **outputs})).model == tmp_path / "forest"
    forest = aam.load_model(tmp_path / "forest")
    assert repr(forest) == "<CombinedModel of 1 forest; predicts gradient>"
    forest.save(tmp_path / "copy")
    samples = aam.load_study(table=files["table"])
    found = forest.predict(samples, interval_level=0.5)["gradient"]
    assert found.low is not None
    for folder in ("forest", "copy"):
        same = aam.predict(model=tmp_path / folder, **files, interval_level=0.5, progress=False)["gradient"]
        np.testing.assert_array_equal(found.predicted, same.predicted)
        np.testing.assert_array_equal(found.low, same.low)
    assert forest.embed(samples).shape[0] == len(samples)
    np.testing.assert_array_equal(aam.AAMRegressor.load(tmp_path / "forest").predict(samples), found.predicted)


def test_an_encoder_predicts_nothing(study: Path, tmp_path: Path) -> None:
    result = aam.pretrain(table=study / "table.biom", output_dir=tmp_path / "e", progress=False, **TINY)
    assert result.metrics == {}
    encoder = aam.load_model(result.model)
    assert encoder.embed(aam.load_study(table=study / "table.biom")).shape == (60, 16)
    with pytest.raises(CheckpointError, match="no target"):
        encoder.predict(aam.load_study(table=study / "table.biom"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epoch": 3}, "unknown key epoch; did you mean epochs?"),
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"cv": 3}, "cv trains a model for each fold: that is cross_validate"),
        ({"devices": 2}, "devices: Python trains in its own process; start several with `aam train`"),
        ({"test_samples": "t.txt"}, "test_samples needs train_samples"),
    ],
)
def test_options_are_refused_in_the_words_of_python(
    study: Path, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        aam.train(**{**inputs(study), "output_dir": tmp_path / "run", **changes})
    assert str(caught.value).startswith(message)
    assert not (tmp_path / "run").exists()


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="table, metadata_column, output_dir are required"):
        aam.train(epochs=3)
    with pytest.raises(ConfigError, match="number of folds: cv"):
        aam.cross_validate(table="t", metadata="m", metadata_column="y", output_dir=tmp_path / "run")
    with pytest.raises(InputError, match=r"t\.biom: .*no such file"):
        aam.load_study(table=tmp_path / "t.biom")


def test_a_run_goes_on(trained: TrainResult) -> None:
    with pytest.raises(InputError, match="the run is finished"):
        aam.train(resume_from=trained.run)


def test_the_options_of_a_file(trained: TrainResult, tmp_path: Path) -> None:
    again = aam.train(config=trained.run / "config.yaml", output_dir=tmp_path / "again", epochs=1)
    assert (again.config.optim.epochs, again.epochs) == (1, 1)
    assert again.config.table == trained.config.table


def test_the_process_stays_the_callers(study: Path, tmp_path: Path) -> None:
    before = torch.random.get_rng_state(), signal.getsignal(signal.SIGINT), torch.are_deterministic_algorithms_enabled()
    aam.train(**inputs(study), **{**TINY, "epochs": 1}, output_dir=tmp_path / "run", report=False)
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert signal.getsignal(signal.SIGINT) is before[1]
    assert torch.are_deterministic_algorithms_enabled() == before[2]


def test_importing_aam_loads_nothing() -> None:
    code = "import sys, aam; print([name for name in ('torch', 'numpy', 'sklearn', 'rich') if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
