"""Model folders of every format predict what they predicted when they were written.

With ``AAM_REFERENCE_EXACT=1`` to the last digit, as in :mod:`tests.reference.test_reference`.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from safetensors.numpy import save_file

from aam.cli.main import main
from aam.errors import CheckpointError
from aam.models.folder.container import read_model_folder
from aam.models.folder.migrations import FORMAT, OLDEST
from aam.version import __version__
from tests.reference.cases import HERE, Workplace
from tests.reference.collect import table
from tests.reference.compare import differences
from tests.reference.stored_models import ENCODER, MODELS, predict, predictions_of
from tests.reference.test_reference import EXACT

TABLE_AND_OUTPUT = ("--table", "study/new_table.tsv", "--output", "refused.tsv")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    return Workplace(tmp_path_factory.mktemp("stored") / "work")


@pytest.mark.parametrize("name", MODELS)
def test_a_stored_model_predicts_what_it_did(name: str, work: Workplace) -> None:
    expected, found = table(predictions_of(name)), table(predict(work, name))
    if name != ENCODER and not name.startswith("format6"):
        # Formats before 6 say nothing of the training samples; in format 5 novelty was another number.
        expected.pop("novelty", None)
        assert set(found.pop("novelty")) == {""}
        assert set(found.pop("warning")) == {"novelty unknown"}
        familiar = found.pop("familiar_reads")
        assert familiar == expected.pop("familiar_reads", [""] * len(familiar))
    unlike = differences(name, {"predictions": expected}, {"predictions": found}, EXACT)
    assert not unlike, "\n".join(unlike[:40])


def test_a_stored_encoder_is_a_start_for_training(work: Workplace, capsys: pytest.CaptureFixture[str]) -> None:
    options = {"metadata_column": "gradient", "pretrained_encoder": HERE / ENCODER, "epochs": 1}
    run = work.train("run", "--no-forest-baseline", **options)
    assert len(run["metrics.csv"]["val_loss"]) == 1
    assert "tensors of" in capsys.readouterr().out


@pytest.mark.parametrize("name", MODELS)
def test_the_folders_are_still_those_of_the_format(name: str) -> None:
    folder: Path = HERE / name
    assert f"format{json.loads((folder / 'config.json').read_text())['format']}" == folder.parent.name
    assert sum(path.stat().st_size for path in folder.iterdir()) < 210_000


def test_every_format_that_is_read_has_a_stored_folder() -> None:
    stored = {int(name.partition("/")[0].removeprefix("format")) for name in MODELS}
    assert stored == set(range(OLDEST, FORMAT + 1))


@pytest.mark.parametrize("number", range(1, OLDEST))
def test_a_format_of_no_release_is_refused(number: int, work: Workplace, capsys: pytest.CaptureFixture[str]) -> None:
    folder = HERE / f"format{number}" / "regressor"
    words = f"(format {number}); this is aam {__version__} (format {FORMAT}): train the model again"
    for command in (["info", str(folder)], ["predict", "--model", str(folder), *TABLE_AND_OUTPUT]):
        with contextlib.chdir(work.folder):
            assert main(command) == 2
        told = " ".join(capsys.readouterr().err.split())
        assert words in told
        assert f"format{number}/regressor/model.safetensors" in told


def test_a_newer_format_asks_for_a_newer_program(tmp_path: Path) -> None:
    """Its description and arrays may be of any kind: nothing but the number is read."""
    weights = tmp_path / "model.safetensors"
    save_file({}, weights, metadata={"aam": json.dumps({"format": FORMAT + 1, "aam": "9.0.0"})})
    words = rf"made by aam 9\.0\.0 \(format {FORMAT + 1}\); this is aam .* \(format {FORMAT}\): update it"
    with pytest.raises(CheckpointError, match=words):
        read_model_folder(tmp_path)
