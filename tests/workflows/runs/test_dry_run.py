from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aam.config import CheckConfig, HeadOptions, from_flat
from aam.data.targets.targets import Targets
from aam.errors import InputError
from aam.models.sequence_encoder import SelfSupervision, SequenceEncoder
from aam.models.sequence_predictor import PredictorPlan, SequencePredictor, num_parameters
from aam.models.size_estimate import sharded_units
from aam.training.step.sharding import units_of
from aam.workflows.runs.dry_run import PlannedRun, plan_run
from tests.data.study_files import write_study


def prospect(folder: Path, **options: Any) -> PlannedRun:
    files = write_study(folder)
    (folder / "taxa.tsv").write_text("Feature ID\tTaxon\n" + "".join(f"{s}\td__{s[0]}\n" for s in files.sequences))
    flat = {"table": [folder / "table.tsv"], "metadata": folder / "metadata.tsv", "tree": folder / "tree.nwk"}
    small = {"embedding_dim": 16, "attention_layers": 1, "num_soft_clades": 8}
    network = {"learners": "network"} if "metadata_column" in options else {}
    return plan_run(from_flat(CheckConfig, {**flat, **small, **network, **options}))


@pytest.mark.parametrize(
    ("options", "supervision"),
    [
        ({}, {"encoder_type": "unifrac", "nucleotides": True, "counts": True}),
        ({"encoder_type": "faith_pd", "nuc_penalty": 0}, {"encoder_type": "faith_pd", "counts": True}),
        ({"encoder_type": "combined", "count_penalty": 0}, {"encoder_type": "combined", "nucleotides": True}),
        ({"encoder_type": "taxonomy"}, {"encoder_type": "taxonomy", "nucleotides": True, "counts": True}),
        ({"penalty": 0}, {"encoder_type": None, "nucleotides": True, "counts": True}),
    ],
)
def test_the_weights_of_pretraining(tmp_path: Path, options: dict[str, Any], supervision: dict[str, Any]) -> None:
    with_taxa = {"taxonomy": tmp_path / "taxa.tsv", "taxonomy_level": 1} if "taxonomy" in options.values() else {}
    found = prospect(tmp_path, **options, **with_taxa)
    classes = found.inputs.study.taxonomy_classes
    heads = {"nucleotides": False, "counts": False, "taxonomy_classes": classes, **supervision}
    encoder = SequenceEncoder(found.plan.config.model, SelfSupervision(**heads))
    assert found.weights == f"{num_parameters(encoder):,}"


def test_the_memory_of_several_processes(tmp_path: Path) -> None:
    one, two, sharded = (
        prospect(tmp_path, device="cpu", max_memory_gb=3, **options).memory
        for options in ({}, {"devices": 2}, {"devices": 2, "fsdp": True})
    )
    assert two.limit == one.limit / 2
    assert one.expected > two.expected > sharded.expected


def test_the_units_of_a_sharded_model(tmp_path: Path) -> None:
    found = prospect(tmp_path)
    encoder = SequenceEncoder(
        found.plan.config.model, SelfSupervision(encoder_type="unifrac", nucleotides=True, counts=True)
    )
    assert sharded_units(found.plan.config.model, num_parameters(encoder)) == units_of(encoder)


@pytest.mark.parametrize("columns", [["age"], ["age", "weight2"]])
def test_the_weights_of_a_training(tmp_path: Path, columns: list[str]) -> None:
    write_study(tmp_path)
    sheet = (tmp_path / "metadata.tsv").read_text().splitlines()
    lines = [sheet[0] + "\tweight2", *(f"{line}\t{number}" for number, line in enumerate(sheet[1:]))]
    (tmp_path / "sheet.tsv").write_text("\n".join(lines))
    found = prospect(tmp_path, metadata_column=columns, metadata=tmp_path / "sheet.tsv")
    targets = found.inputs.targets
    assert isinstance(targets, Targets)
    config = found.plan.config
    plan = PredictorPlan(targets=targets, head=config.head, loss=config.loss, covariates=config.covariates)
    nothing = SelfSupervision(encoder_type=None, nucleotides=False, counts=False)
    model = SequencePredictor(SequenceEncoder(config.model, nothing), plan)
    assert found.weights == f"{num_parameters(model):,}"
    other = prospect(tmp_path, metadata_column=columns, metadata=tmp_path / "sheet.tsv", regressor_hidden_dims=[4])
    assert other.weights.startswith("about ")
    assert config.head == HeadOptions(target_layer_norm=False)


def test_an_output_directory_that_a_run_would_be_refused(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("x")
    with pytest.raises(InputError) as caught:
        prospect(tmp_path, output_dir=mine, metadata_column=["no such column"])
    assert caught.value.problems[0].startswith("mine: the folder is not empty and does not contain a run")
    assert len(caught.value.problems) > 1
    assert [path.name for path in mine.iterdir()] == ["thesis.txt"]
    prospect(tmp_path, output_dir=tmp_path / "new")
    assert not (tmp_path / "new").exists()
