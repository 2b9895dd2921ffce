from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from aam.errors import RunError
from aam.models.folder.description import build_model
from aam.models.folder.weights import load_model, save_model
from aam.training.checkpoints.checkpoint import (
    AtomicCheckpointIO,
    epochs_done,
    find_checkpoints,
    forget_best,
    keep_best,
    latest_checkpoint,
    restore_best,
)
from tests.models.folder.test_weights import PREDICTOR


def save(folder: Path, seed: int) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    state = dict(build_model(PREDICTOR).state_dict())
    save_model(folder, state, PREDICTOR)
    return state


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return dict(load_model(folder)[0].state_dict())


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("has_links", [True, False])
def test_what_was_best_at_a_checkpoint_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_links: bool
) -> None:
    if not has_links:
        monkeypatch.setattr(os, "link", lambda *_: (tmp_path / "there is no such thing").stat())
    model, checkpoint = tmp_path / "model", tmp_path / "epoch-1.ckpt"
    first = save(model, 1)
    keep_best(model, checkpoint)
    assert not same(first, save(model, 2))
    restore_best(checkpoint, model)
    assert same(weights(model), first)
    before = (model / "model.safetensors").stat().st_mtime_ns
    restore_best(checkpoint, model)
    assert (model / "model.safetensors").stat().st_mtime_ns == before
    forget_best(checkpoint)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_without_a_kept_model_the_one_that_is_there_stays(tmp_path: Path) -> None:
    keep_best(tmp_path / "model", tmp_path / "epoch-1.ckpt")
    state = save(tmp_path / "model", 1)
    restore_best(tmp_path / "epoch-1.ckpt", tmp_path / "model")
    assert same(weights(tmp_path / "model"), state)


def write(folder: Path, epoch: int) -> Path:
    writer = AtomicCheckpointIO()
    writer.save_checkpoint({"epoch": epoch, "weight": torch.full((3,), float(epoch))}, folder / f"epoch-{epoch:06d}")
    assert writer.failure is None
    return find_checkpoints(folder)[-1]


def test_the_newest_whole_checkpoint_is_found(tmp_path: Path) -> None:
    assert latest_checkpoint(tmp_path) is None
    first, second = (write(tmp_path, epoch) for epoch in (1, 2))
    assert latest_checkpoint(tmp_path) == second
    assert epochs_done(tmp_path) == 2
    content = AtomicCheckpointIO().load_checkpoint(second)
    assert (content["epoch"], content["weight"].tolist()) == (2, [2.0] * 3)
    second.write_bytes(second.read_bytes()[:-1])
    assert latest_checkpoint(tmp_path) == first
    first.write_bytes(b"")
    with pytest.raises(RunError, match="every checkpoint is damaged; start the run again with --overwrite"):
        latest_checkpoint(tmp_path)


def test_a_failed_checkpoint_is_noted_and_leaves_no_file(tmp_path: Path) -> None:
    writer = AtomicCheckpointIO()
    writer.save_checkpoint({"epoch": 1}, tmp_path / "absent" / "epoch-000001")
    assert str(writer.failure).startswith("cannot write checkpoint: ")
    assert list(tmp_path.iterdir()) == []
