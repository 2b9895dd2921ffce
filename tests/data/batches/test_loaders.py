from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor

from aam.config import SamplingOptions
from aam.data.batches.batch import Batch
from aam.data.batches.dataset import Collate
from aam.data.batches.loaders import LoaderOptions, StudyDataModule
from aam.data.batches.truths import DrawnSamples, Truth
from aam.data.distances.dissimilarity import bray_curtis
from aam.data.study.split import Split
from tests.data.study_files import make_study, random_counts

COUNTS = random_counts(20, 40)
SPLIT = Split(np.arange(11), np.arange(11, 17), np.arange(17, 20))
EPOCHS, STEPS_PER_EPOCH = 3, 4


def drawn_distances(drawn: DrawnSamples) -> np.ndarray:
    return bray_curtis(drawn.counts_BA)


def module(num_workers: int = 0, batch_size: int = 3) -> StudyDataModule:
    study = make_study(COUNTS, rarefy_depth=150)
    collate = Collate.of(study, (Truth("distance", "pairs", drawn_distances),), np.arange(20, dtype=np.float32))
    options = LoaderOptions(batch_size=batch_size, num_workers=num_workers, seed=7)
    return StudyDataModule(study, SPLIT, collate, SamplingOptions(token_limit=10), options)


def tensors(batch: Batch) -> dict[str, Any]:
    plain = {name: value.tolist() if isinstance(value, Tensor) else value for name, value in vars(batch).items()}
    return {**plain, "layout": batch.layout.lengths, "truths": batch.truths.pairs["distance"].tolist()}


def test_workers_give_the_same_batches() -> None:
    alone, together = module().train_dataloader(), module(num_workers=2).train_dataloader()
    for epoch in range(2):
        alone.batch_sampler.set_epoch(epoch)
        together.batch_sampler.set_epoch(epoch)
        assert [tensors(batch) for batch in together] == [tensors(batch) for batch in alone]


def test_training_is_drawn_anew_and_the_rest_is_fixed() -> None:
    data = module()
    train, validation = data.train_dataloader(), data.val_dataloader()
    passes = []
    for epoch in range(2):
        train.batch_sampler.set_epoch(epoch)
        validation.batch_sampler.set_epoch(epoch)
        passes.append(([tensors(b) for b in train], [tensors(b) for b in validation]))
    assert passes[0][0] != passes[1][0]
    assert passes[0][1] == passes[1][1]
    assert sorted(row for batch in passes[0][0] for row in batch["rows_B"]) == list(range(11))
    assert [row for batch in passes[0][1] for row in batch["rows_B"]] == list(range(11, 17))


def test_further_loaders() -> None:
    data = module()
    assert torch.cat([batch.rows_B for batch in data.fixed_loader(data.split.test)]).tolist() == [17, 18, 19]
    rows = np.array([5, 2, 9])
    first, second = (next(iter(data.fixed_loader(rows, draw))) for draw in (0, 1))
    assert first.rows_B.tolist() == second.rows_B.tolist() == [5, 2, 9]
    assert first.counts_BS.tolist() != second.counts_BS.tolist()


def test_a_draw_does_not_depend_on_the_batch() -> None:
    def by_row(batch_size: int) -> dict[int, list[float]]:
        batches = module(batch_size=batch_size).fixed_loader(np.arange(20))
        return {
            int(row): sorted(zip(b.asvs_U[i[m]].tolist(), c[m].tolist(), strict=True))
            for b in batches
            for row, i, c, m in zip(b.rows_B, b.index_BS, b.counts_BS, b.mask_BS, strict=True)
        }

    assert by_row(2) == by_row(7) == by_row(20)


class Recorder(L.LightningModule):
    """Notes each training batch."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.seen: list[tuple[int, dict[str, Any]]] = []

    def training_step(self, batch: Batch, _: int) -> torch.Tensor:
        self.seen.append((self.current_epoch, tensors(batch)))
        return self.weight.sum()

    def validation_step(self, batch: Batch, _: int) -> None:
        self.log("val_size", float(len(batch)), batch_size=len(batch))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def train(folder: Path, resume: Path | None) -> list[Any]:
    trainer = L.Trainer(
        max_epochs=EPOCHS,
        accelerator="cpu",
        callbacks=[ModelCheckpoint(folder, every_n_train_steps=1, save_top_k=-1, filename="{step}")],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
    )
    recorder = Recorder()
    data = module()
    trainer.fit(recorder, data.train_dataloader(), data.val_dataloader(), ckpt_path=resume)
    return recorder.seen


@pytest.mark.filterwarnings("ignore")
def test_the_trainer_resumes_at_every_step(tmp_path: Path) -> None:
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    unbroken = train(tmp_path / "whole", None)
    assert len(unbroken) == EPOCHS * STEPS_PER_EPOCH
    assert [epoch for epoch, _ in unbroken] == sorted([0, 1, 2] * STEPS_PER_EPOCH)
    for step in range(1, len(unbroken)):
        rest = train(tmp_path / "rest", tmp_path / "whole" / f"step={step}.ckpt")
        assert rest == unbroken[step:], f"resumed at step {step}"
