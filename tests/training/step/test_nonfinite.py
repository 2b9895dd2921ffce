"""Steps whose loss or gradient is not finite: nothing of them reaches the weights, and they can be found again."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import pytest
import torch
from torch import Tensor

from aam.config import TrainConfig
from aam.config.option import from_flat
from aam.errors import NonFiniteError
from aam.models.target_heads import NumbersHead
from aam.runs.directory import RunDirectory
from aam.training.run.build_run import Prepared, prepare_training
from aam.training.run.fit import fit
from aam.training.run.strategy import quiet
from aam.training.step.module import TrainingModule
from aam.training.step.nonfinite import NonFiniteGuard, Step, find_non_finite

SIZES = {"embedding_dim": 8, "attention_heads": 2, "attention_layers": 1, "num_soft_clades": 4}
IDS = np.array([f"s{number}" for number in range(9)], dtype=object)
STEP = Step(number=7, epoch=2, norm=1.5, learning_rate=0.01)


@pytest.mark.parametrize(
    ("finite", "norm", "said"),
    [
        ([False, True, False, True], 1.0, "the loss (heads: count)"),
        ([False, False, False, False], math.nan, "the loss (heads: target, count)"),
        ([False, True, True, False], math.inf, "the weighted sum of the losses"),
        ([True, True, True, False], math.inf, "the gradient (norm inf)"),
    ],
)
def test_what_is_not_finite_is_named(finite: list[bool], norm: float, said: str) -> None:
    assert find_non_finite(("", "target", "count"), finite, norm) == said


def noted(guard: NonFiniteGuard, *losses: float, begins_step: bool = True) -> None:
    values = {"": sum(losses), **dict(zip(("target", "count"), losses, strict=True))}
    rows_B = torch.tensor([4, 2]) if begins_step else torch.tensor([8])
    guard.note({name: torch.tensor(value) for name, value in values.items()}, rows_B, begins_step=begins_step)


def test_all_batches_of_a_step_count(tmp_path: Path) -> None:
    guard = NonFiniteGuard(tmp_path, IDS, allowed=1)
    noted(guard, 1.0, math.nan)
    noted(guard, 1.0, 2.0, begins_step=False)
    finite_H = guard.flags(torch.tensor(3.0), with_gradient=True)
    assert finite_H.tolist() == [False, True, False, True]
    guard.answer(finite_H, STEP)
    written = json.loads((tmp_path / "nonfinite-7.json").read_text())
    assert written == {
        "what": "the loss (heads: count)",
        "step": 7,
        "epoch": 2,
        "left_out": True,
        "gradient_norm": 1.5,
        "learning_rate": 0.01,
        "batches": [
            {"samples": ["s4", "s2"], "loss": "nan", "losses": {"target": 1.0, "count": "nan"}},
            {"samples": ["s8"], "loss": 3.0, "losses": {"target": 1.0, "count": 2.0}},
        ],
    }
    noted(guard, 1.0, 1.0)
    assert guard.flags(torch.tensor(3.0), with_gradient=True).all(), "the next step begins anew"


def test_an_infinite_gradient_is_the_scalers_business_in_fp16(tmp_path: Path) -> None:
    guard = NonFiniteGuard(tmp_path, IDS)
    noted(guard, 1.0, 1.0)
    norm = torch.tensor(math.inf)
    assert not guard.flags(norm, with_gradient=True).all()
    assert guard.flags(norm, with_gradient=False).all()


def test_one_step_more_than_may_be_left_out(tmp_path: Path) -> None:
    guard = NonFiniteGuard(tmp_path, IDS, allowed=1, skipped=[3])
    noted(guard, math.inf, 1.0)
    expected = rf"^the loss \(heads: target\) is not finite at step 7; the weights .*{tmp_path}/nonfinite-7\.json"
    with pytest.raises(NonFiniteError, match=f"{expected}; 1 earlier step skipped"):
        guard.answer(guard.flags(torch.tensor(1.0), with_gradient=True), STEP)
    assert json.loads((tmp_path / "nonfinite-7.json").read_text())["left_out"] is False
    assert guard.skipped == [3]


def test_a_batch_that_cannot_be_saved_stops_the_run_too(tmp_path: Path) -> None:
    guard = NonFiniteGuard(tmp_path / "absent", IDS)
    noted(guard, math.nan, 1.0)
    with pytest.raises(NonFiniteError, match=r"the batch could not be saved: .*cannot be written"):
        guard.answer(guard.flags(torch.tensor(1.0), with_gradient=True), STEP)


class Steps(L.Callback):
    """The weights, the optimiser's state and its learning rate, before the first step and after each batch."""

    def __init__(self) -> None:
        self.weights: list[dict[str, Tensor]] = []
        self.states: list[Any] = []
        self.rates: list[float] = []
        self.steps: list[int] = []

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._note(trainer, pl_module)

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        self._note(trainer, pl_module)

    def _note(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        (optimizer,) = trainer.optimizers
        self.weights.append({name: value.clone() for name, value in module.state_dict().items()})
        self.states.append(copy.deepcopy(list(optimizer.state_dict()["state"].values())))
        self.rates.append(optimizer.param_groups[0]["lr"])
        self.steps.append(trainer.global_step)


def prepare(study: Path, **options: object) -> Prepared:
    given = {"table": [str(study / "table.biom")], "metadata": str(study / "metadata.tsv"), "output_dir": "run"}
    given |= {
        "metadata_column": "gradient",
        "learners": "network",
        "epochs": 2,
        "batch_size": 12,
        "progress": False,
        "token_limit": 5,
    }
    return prepare_training(from_flat(TrainConfig, {**given, **SIZES, **options}))


def failing_at(monkeypatch: pytest.MonkeyPatch, batches: set[int], value: float) -> None:
    """Let the loss of some batches (from 1) of training be another number."""
    real: Callable[..., Tensor] = NumbersHead.loss
    step = TrainingModule.training_step
    seen, training = [0], [False]

    def training_step(self: TrainingModule, *words: Any) -> Tensor:
        seen[0] += 1
        training[0] = True
        loss = step(self, *words)
        training[0] = False
        return loss

    def loss(self: NumbersHead, comparison: Any) -> Tensor:
        return real(self, comparison) * (value if training[0] and seen[0] in batches else 1.0)

    monkeypatch.setattr(NumbersHead, "loss", loss)
    monkeypatch.setattr(TrainingModule, "training_step", training_step)


@pytest.mark.parametrize("options", [{}, {"optimizer": "sgd"}, {"gradient_accumulation_steps": 2}])
def test_a_skipped_step_changes_only_the_schedule(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, object]
) -> None:
    failing_at(monkeypatch, {3}, math.nan)
    prepared = prepare(study, **options)
    guard = NonFiniteGuard(tmp_path, prepared.inputs.study.sample_ids, allowed=1)
    module, steps = TrainingModule(prepared.model, prepared.plan, guard=guard), Steps()
    batches = int(str(options.get("gradient_accumulation_steps", 1)))
    with quiet():
        trainer = L.Trainer(
            accelerator="cpu",
            max_epochs=2,
            accumulate_grad_batches=batches,
            gradient_clip_val=1.0,
            callbacks=[steps],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(module, prepared.data.train_dataloader())
    left_out = -(-3 // batches)
    assert guard.skipped == [left_out]
    before, after = (left_out - 1) * batches, left_out * batches
    assert all(torch.equal(steps.weights[before][name], value) for name, value in steps.weights[after].items())
    assert repr(steps.states[before]) == repr(steps.states[after])
    assert steps.steps[after] == steps.steps[before] + 1
    assert steps.rates[after] != steps.rates[before]
    assert any(not torch.equal(steps.weights[after][n], value) for n, value in steps.weights[-1].items())
    assert all(torch.isfinite(value).all() for value in steps.weights[-1].values())
    assert math.isfinite(module.train_losses()["train_loss"])
    written = json.loads((tmp_path / f"nonfinite-{left_out}.json").read_text())
    assert len(written["batches"]) == batches
    assert set(written["batches"][0]["samples"]) <= set(prepared.inputs.study.sample_ids)


@pytest.mark.parametrize(("value", "said"), [(math.nan, "heads: target"), (1e38, r"the gradient \(norm (inf|nan)\)")])
def test_the_run_stops_before_the_step(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: float, said: str
) -> None:
    failing_at(monkeypatch, {3}, value)
    prepared = prepare(study)
    run = RunDirectory(tmp_path)
    run.checkpoints.mkdir()
    with pytest.raises(NonFiniteError, match=f"{said}.* is not finite at step 3"):
        fit(prepared, run, "train")
    assert all(torch.isfinite(value).all() for value in prepared.model.state_dict().values())
    assert json.loads((tmp_path / "nonfinite-3.json").read_text())["epoch"] == 1


def test_an_epoch_all_of_whose_steps_are_left_out(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing_at(monkeypatch, {1}, math.nan)
    prepared = prepare(study, batch_size=60, skip_non_finite=1)
    run = RunDirectory(tmp_path)
    run.checkpoints.mkdir()
    assert fit(prepared, run, "train").skipped_steps == (1,)
    rows = run.metrics.read_text().splitlines()
    column = rows[0].split(",").index("train_loss")
    assert rows[1].split(",")[column] == "nan"
    assert math.isfinite(float(rows[2].split(",")[column]))
