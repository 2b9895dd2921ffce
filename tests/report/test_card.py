from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from aam.evaluation.run_results import read_run
from aam.models.folder.front_matter import figures_in, split_card
from aam.report.build import judge_run
from aam.report.card import write_cards
from tests.report.blends import write_blend
from tests.report.run_directories import write_classification, write_pretraining, write_regression


def card(folder: Path) -> str:
    """The card of the model of a run, which told no more than its name."""
    for name in ("model", "baseline"):
        (folder / name).mkdir()
        (folder / name / "README.md").write_text("# AAM model\n")
    record = read_run(folder)
    targets = [] if record.targets is None else record.targets.specs
    write_cards(record, {spec.column: judge_run(record, spec)[0] for spec in targets})
    return (folder / "model" / "README.md").read_text()


def test_the_test_result_stands_beside_the_baselines(tmp_path: Path) -> None:
    text = card(write_regression(tmp_path))
    record = read_run(tmp_path)
    assert record.targets is not None
    judgement = judge_run(record, record.targets.specs[0])[0]
    assert judgement.part == "test"
    facts, text = split_card(text, tmp_path)
    best = next(iter(figures_in(facts)))
    assert text.startswith("# AAM model\n\n## Results\n\nOn 60 held-out test samples, the mean absolute error")
    assert "| | AAM | Random forest | Mean of the training samples |" in text
    found = judgement.results["model"]["mae"]
    assert (best.metric, best.part, best.value, best.low, best.high) == ("mae", "test", *dataclasses.astuple(found))
    assert facts["aam"]["samples"] == 240
    mae = judgement.results["forest"]["mae"]
    assert f" | {mae.value:.2f} ({mae.low:.2f} to {mae.high:.2f}) | " in text
    assert "There was no test set" not in text
    assert "- Samples were dealt one by one" in text
    assert "- `table.biom` (4.8 MB, SHA-256 0f0f0f0f0f0f0f0f...)" in text
    assert "- samples: 180 train, 60 validation, 60 test; 3,104 ASVs" in text
    assert "- length of ASVs: 150 bases" in text
    assert "made by AAM 0.1.0 on 20" in text
    assert "This is the random forest" in (tmp_path / "baseline" / "README.md").read_text()


@pytest.mark.parametrize("kind", ["validation", "out of fold"])
def test_without_a_test_part_the_card_says_so(kind: str, tmp_path: Path) -> None:
    text = card(
        write_classification(tmp_path, ["a", "b"]) if kind == "validation" else write_blend(tmp_path, test=False)
    )
    assert "- There was no test set." in text
    if kind == "validation":
        assert "which also chose the model" in text
    else:
        assert "- samples of one baby were kept together (42 groups in training)" in text
        assert "dealt one by one" not in text


def test_the_card_of_an_encoder(tmp_path: Path) -> None:
    text = card(write_pretraining(tmp_path))
    assert "On 150 validation samples, which also chose the best epoch:" in text
    assert "- Distance correlation: 0.9" in text
