from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from aam.models.folder.description import build_model
from aam.models.folder.weights import load_model, save_model
from aam.training.checkpoints.checkpoint import forget_best, keep_best, restore_best
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
