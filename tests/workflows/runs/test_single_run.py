"""What a run writes down of its inputs is what it read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from aam.cli.options import parse
from aam.config import TrainConfig, replace
from aam.errors import InputError
from aam.files.atomic import sha256_file
from aam.training.plan.supervision import read_inputs
from aam.training.run.build_run import Prepared, prepare_predictor, prepare_training
from aam.workflows.runs.single_run import train_into_directory
from tests.program import SMALL


@pytest.fixture
def config(study: Path, tmp_path: Path) -> TrainConfig:
    """A run on copies of the files of a study."""
    for name in ("table.biom", "metadata.tsv"):
        (tmp_path / name).write_bytes((study / name).read_bytes())
    paths = {"--table": "table.biom", "--metadata": "metadata.tsv", "--output-dir": "run"}
    words = [word for name, file in paths.items() for word in (name, str(tmp_path / file))]
    more = [word for pair in {**SMALL, "--epochs": "1"}.items() for word in pair]
    column = ["--metadata-column", "gradient", "--learners", "network", "--no-forest-baseline", "--no-report"]
    found: TrainConfig = parse("train", [*words, *column, *more]).config
    return found


def replaced(path: Path) -> None:
    """Another file of the same size takes the place of one."""
    other = path.with_name("other")
    other.write_bytes(path.read_bytes()[::-1])
    other.replace(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (replaced, "changed while it was read; retry once no other program is writing to it"),
        (lambda path: path.write_bytes(path.read_bytes() + b"\n"), "changed while it was read; "),
        (Path.unlink, "was read, but cannot be read again for its checksum "),
    ],
)
@pytest.mark.parametrize("name", ["table.biom", "metadata.tsv"])
def test_an_input_that_changes_after_it_was_read_begins_no_run(
    config: TrainConfig, tmp_path: Path, name: str, change: Callable[[Path], object], words: str
) -> None:
    def prepare() -> Prepared:
        inputs = read_inputs(config)
        change(tmp_path / name)
        return prepare_predictor(config, inputs)

    with pytest.raises(InputError) as caught:
        train_into_directory(config, "train", "aam train", prepare)
    assert str(caught.value).startswith(f"{name}: {words}")
    assert not (tmp_path / "run").exists()


def test_an_encoder_that_changes_is_refused_too(config: TrainConfig, encoder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "encoder"
    shutil.copytree(encoder / "model", folder)
    told = replace(config, pretrained_encoder=folder)

    def prepare() -> Prepared:
        prepared = prepare_training(told)
        replaced(folder / "model.safetensors")
        return prepared

    with pytest.raises(InputError, match=r"^model\.safetensors: changed while it was read; "):
        train_into_directory(told, "train", "aam train", prepare)


def test_the_checksums_of_a_run_are_those_of_its_inputs(config: TrainConfig, tmp_path: Path) -> None:
    train_into_directory(config, "train", "aam train", lambda: prepare_training(config))
    recorded = json.loads((tmp_path / "run" / "data.json").read_text())["inputs"]
    paths = [tmp_path / name for name in ("table.biom", "metadata.tsv")]
    expected = [{"path": str(p), "bytes": p.stat().st_size, "sha256": sha256_file(p)} for p in paths]
    assert sorted(recorded, key=lambda item: item["path"]) == sorted(expected, key=lambda item: item["path"])
