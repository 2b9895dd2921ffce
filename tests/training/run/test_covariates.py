"""Runs whose model is told covariates: their start, what is hidden from them, and frozen encoders."""

from __future__ import annotations

from pathlib import Path

import lightning as L
import numpy as np
import pytest
import torch

from aam.data.batches.batch import Batch
from aam.data.study.covariates import features
from aam.evaluation.prediction_table import read_columns
from aam.log import logging_to_terminal
from aam.models.sequence_predictor import SequencePredictor
from aam.runs.directory import RunDirectory
from aam.training.memory import kept_draws
from aam.training.run import frozen_draws as frozen
from aam.training.run.build_run import Prepared
from aam.training.run.fit import fit
from aam.training.run.strategy import quiet
from aam.training.step.module import TrainingModule
from tests.training.small_runs import prepare_small

TOLD = {"categorical_columns": ["group", "site"], "numeric_columns": ["depth"], "categorical_embed_dim": 4}


@pytest.fixture(scope="module")
def sheet(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study's sheet with a number that follows the site, the site, and a depth."""
    rng = np.random.default_rng(0)
    columns = read_columns(study / "metadata.tsv")
    number = len(columns["sample-id"])
    site = rng.choice(["gut", "oral", "skin"], number).astype(object)
    moved = {"gut": 0.0, "oral": 10.0, "skin": 20.0}
    value = [f"{moved[name] + float(g):.4f}" for name, g in zip(site, columns["gradient"], strict=True)]
    columns |= {"site": site, "depth": np.round(rng.normal(5, 2, number), 2).astype(str), "value": np.array(value)}
    path = tmp_path_factory.mktemp("sheet") / "sheet.tsv"
    rows = ["\t".join(row) for row in zip(*columns.values(), strict=True)]
    path.write_text("\n".join(["\t".join(columns), *rows]) + "\n")
    return path


def prepare(study: Path, sheet: Path, **options: object) -> Prepared:
    return prepare_small(study, **{"metadata": str(sheet), "metadata_column": "value", **TOLD, **options})


def trained(prepared: Prepared, folder: Path) -> dict[str, np.ndarray]:
    """The metrics of a run."""
    run = RunDirectory(folder)
    run.checkpoints.mkdir(parents=True)
    with logging_to_terminal():
        fit(prepared, run, "train")
    return {name: values.astype(float) for name, values in read_columns(run.metrics, ",").items() if name != "seconds"}


def predictor_of(prepared: Prepared) -> SequencePredictor:
    assert isinstance(prepared.model, SequencePredictor)
    return prepared.model


@pytest.mark.parametrize("fusion", ["concat", "perceiver"])
@pytest.mark.parametrize("scaling", [[], ["site"]])
def test_a_run_starts_at_the_linear_fit(study: Path, sheet: Path, fusion: str, scaling: list[str]) -> None:
    prepared = prepare(study, sheet, categorical_fusion=fusion, conditional_output_scaling=scaling)
    model = predictor_of(prepared).eval()
    assert (model.head.conditional_scaling is not None) == bool(scaling)
    batches = list(prepared.data.val_dataloader())
    with torch.no_grad():
        learned = torch.cat([model.predict(model(batch)) for batch in batches])[:, 0].numpy()
    rows = torch.cat([batch.rows_B for batch in batches]).numpy()
    assert prepared.inputs.targets is not None
    said = prepared.inputs.targets.specs[0].decode(learned)
    truth = prepared.study.targets["value"][rows]
    assert np.abs(said - truth).mean() < 0.2 * np.abs(truth - truth.mean()).mean()
    assert model.head.linear_path is not None
    spec = prepared.inputs.covariate_spec
    assert spec is not None
    assert model.head.linear_path.in_features == 16 + spec.num_features


def test_batches_carry_the_covariates_of_their_samples(study: Path, sheet: Path) -> None:
    prepared = prepare(study, sheet)
    covariates, spec = prepared.inputs.covariates, prepared.inputs.covariate_spec
    assert covariates is not None
    assert spec is not None
    for batch in prepared.data.train_dataloader():
        assert batch.category_BC is not None
        assert batch.number_BM is not None
        rows = batch.rows_B.numpy()
        assert (batch.category_BC.numpy() == covariates.category_NC[rows]).all()
        expected = features(spec, *covariates)[rows][:, -2:]
        assert (batch.number_BM.numpy() == expected).all()


def hidden(prepared: Prepared, epoch: int, batch: Batch, training: bool = True) -> torch.Tensor:
    """The levels that a batch has once some are hidden."""
    module = TrainingModule(prepared.model, prepared.plan)
    with quiet():
        module.trainer = L.Trainer(accelerator="cpu", devices=1, logger=False, enable_checkpointing=False)
    module.train(training)
    module.trainer.fit_loop.epoch_progress.current.completed = epoch
    found = module.on_before_batch_transfer(batch, 0).category_BC
    assert found is not None
    return found


def test_hidden_levels_depend_on_seed_epoch_and_samples_alone(study: Path, sheet: Path) -> None:
    prepared = prepare(study, sheet, unknown_level_rate=0.5)

    def batch() -> Batch:
        return next(iter(prepared.data.train_dataloader()))

    plain = batch().category_BC
    first = hidden(prepared, 0, batch())
    assert torch.equal(hidden(prepared, 0, batch()), first)
    assert not torch.equal(hidden(prepared, 1, batch()), first)
    assert plain is not None
    assert ((first == plain) | (first == 0)).all()
    assert (first != plain).any()
    assert (first == plain).any()
    assert torch.equal(hidden(prepared, 0, batch(), training=False), plain), "nothing is hidden in validation"
    other = prepare(study, sheet, unknown_level_rate=0.5, seed=1)
    assert not torch.equal(hidden(other, 0, batch()), first)
    never = prepare(study, sheet, unknown_level_rate=0)
    assert torch.equal(hidden(never, 0, batch()), plain)


def test_what_reads_covariates_learns_by_its_own_rate(study: Path, sheet: Path) -> None:
    options = {"categorical_lr": 0.02, "conditional_output_scaling": ["site"], "scheduler": "none"}
    prepared = prepare(study, sheet, **options)
    model = predictor_of(prepared)
    groups = TrainingModule(model, prepared.plan).configure_optimizers().param_groups
    rate_of = {id(parameter): group["lr"] for group in groups for parameter in group["params"]}
    own = {n for n, p in model.named_parameters() if rate_of[id(p)] == 0.02}
    parts = ("covariate_encoder.", "fusion.", "head.conditional_scaling.")
    assert own == {name for name, _ in model.named_parameters() if name.startswith(parts)}
    assert all(any(name.startswith(part) for name in own) for part in parts)


FROZEN = {"freeze_base": True, "epochs": 3}


def test_kept_draws_carry_the_covariates(study: Path, sheet: Path, encoder: Path, tmp_path: Path) -> None:
    prepared = prepare(study, sheet, pretrained_encoder=str(encoder), **FROZEN)
    covariates = prepared.inputs.covariates
    assert covariates is not None
    for loader in frozen.loaders(prepared, tmp_path):
        for batch in loader:
            assert batch.vector_BD is not None
            assert batch.category_BC is not None
            assert batch.number_BM is not None
            rows = batch.rows_B.numpy()
            assert (batch.category_BC.numpy() == covariates.category_NC[rows]).all()
            assert (batch.number_BM.numpy() == covariates.number_NM[rows]).all()


def test_kept_draws_teach_what_a_running_encoder_teaches(
    study: Path, sheet: Path, encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for most in (kept_draws.MOST_BYTES, 0):
        monkeypatch.setattr(kept_draws, "MOST_BYTES", most)
        monkeypatch.setattr(kept_draws, "MOST_BYTES_ON_DISK", most)
        options = {"unknown_level_rate": 0.3, "conditional_output_scaling": ["site"], "categorical_lr": 1e-2}
        prepared = prepare(study, sheet, pretrained_encoder=str(encoder), **FROZEN, **options)
        found.append(trained(prepared, tmp_path / str(most)))
    kept, plain = found
    assert kept.keys() == plain.keys()
    for name, values in plain.items():
        assert values == pytest.approx(kept[name], rel=1e-4, abs=1e-5), name


def test_covariates_that_ask_the_asvs_need_them_in_every_epoch(
    study: Path, sheet: Path, encoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {"categorical_fusion": "cross-attention", "lr": 1e-2}
    prepared = prepare(study, sheet, pretrained_encoder=str(encoder), **FROZEN, **options)
    model = predictor_of(prepared)
    assert model.plan.covariates.read_asvs
    assert model.fusion is not None
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    found = trained(prepared, tmp_path / "run")
    assert "are kept in" not in capsys.readouterr().out
    moved = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert any(name.startswith("fusion.") for name in moved)
    assert not [name for name in moved if name.startswith("base.")]
    assert np.isfinite(found["val_loss"]).all()
