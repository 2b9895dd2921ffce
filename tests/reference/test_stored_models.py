"""Model folders of older formats predict what they predicted when they were written.

With ``AAM_REFERENCE_EXACT=1`` to the last digit, as in :mod:`tests.reference.test_reference`.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.reference.cases import HERE, Workplace
from tests.reference.collect import table
from tests.reference.compare import differences
from tests.reference.stored_models import ENCODER, MODELS, predict, predictions_of
from tests.reference.test_reference import EXACT


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    return Workplace(tmp_path_factory.mktemp("stored") / "work")


@pytest.mark.parametrize("name", MODELS)
def test_a_stored_model_predicts_what_it_did(name: str, work: Workplace) -> None:
    expected, found = table(predictions_of(name)), table(predict(work, name))
    if name != ENCODER:
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
    assert sum(path.stat().st_size for path in folder.iterdir()) < 150_000
