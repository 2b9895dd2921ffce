"""A frozen encoder sees each draw once, and the head learns what an encoder that is run each time would teach it."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch

from aam.config import ModelOptions, TrainConfig
from aam.config.option import from_flat
from aam.data.batch import Batch
from aam.data.sampler import ResumableLoader
from aam.files.run_directory import RunDirectory
from aam.files.run_log import logging_to_terminal
from aam.models.embedding_cache import encode_samples
from aam.training import frozen
from aam.training.fit import fit
from aam.training.prepare import Prepared, prepare_training
from tests.e2e.conftest import SMALL, encoder, study

__all__ = ["encoder", "study"]

SIZES = {name.removeprefix("--").replace("-", "_"): value for name, value in SMALL.items()}


def prepare(study: Path, encoder: Path, **options: object) -> Prepared:
    given = {"table": [str(study / "table.biom")], "metadata": str(study / "metadata.tsv"), "output_dir": "run"}
    given |= {"metadata_column": "gradient", "pretrained_encoder": str(encoder), "freeze_base": True}
    return prepare_training(from_flat(TrainConfig, {**given, **SIZES, **options}))


def metrics(path: Path) -> dict[str, list[float]]:
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) for row in rows] for name in rows[0] if name != "seconds"}


@pytest.mark.parametrize(("depth", "draws"), [("300", frozen.DRAWS), ("none", 1)])
def test_the_head_learns_what_it_learns_from_an_encoder_that_is_run_each_time(
    study: Path,
    encoder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    depth: str,
    draws: int,
) -> None:
    found = {}
    for most_bytes in (0, frozen.MOST_BYTES):
        monkeypatch.setattr(frozen, "MOST_BYTES", most_bytes)
        prepared = prepare(study, encoder, epochs=4, rarefy_depth=depth, dropout=0.2, progress=False)
        run = RunDirectory(tmp_path / str(most_bytes))
        run.checkpoints.mkdir(parents=True)
        before = prepared.model.head.hidden.weight.detach().clone()  # type: ignore[union-attr]
        with logging_to_terminal():
            fit(prepared, run, "train")
        assert not torch.equal(prepared.model.head.hidden.weight, before)  # type: ignore[union-attr]
        is_kept = f"in {draws} draw" in capsys.readouterr().out
        assert is_kept == bool(most_bytes)
        found[most_bytes] = {**metrics(run.metrics), **prepared.model.head.state_dict()}  # type: ignore[union-attr]
    plain, kept = found.values()
    assert plain.keys() == kept.keys()
    for name, values in plain.items():
        one, two = (torch.as_tensor(some, dtype=torch.float64) for some in (values, kept[name]))
        torch.testing.assert_close(one, two, rtol=1e-5, atol=1e-5, msg=name)


def rows_and_vectors(loader: ResumableLoader, epoch: int) -> tuple[list[int], torch.Tensor, list[Batch]]:
    loader.batch_sampler.set_epoch(epoch)
    batches = list(loader)
    rows = torch.cat([batch.rows_B for batch in batches])
    vectors = torch.cat([batch.vector_BD for batch in batches if batch.vector_BD is not None])
    return rows.tolist(), vectors[rows.argsort()], batches


def test_the_draws_go_round(study: Path, encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frozen, "DRAWS", 2)
    prepared = prepare(study, encoder)
    loader, _ = frozen.loaders(prepared)
    plain = prepared.data.train_dataloader()
    base, vectors_AD = prepared.model.base, prepared.frozen_vectors_AD  # type: ignore[union-attr]
    assert vectors_AD is not None
    seen = [rows_and_vectors(loader, epoch) for epoch in range(4)]
    for epoch in (0, 1):
        plain.batch_sampler.set_epoch(epoch)
        expected = encode_samples(base, vectors_AD, plain)
        vectors = expected["vector_BD"][expected["rows_B"].argsort()]
        torch.testing.assert_close(seen[epoch][1], vectors, rtol=1e-5, atol=1e-5)
        assert seen[epoch][0] == expected["rows_B"].tolist()
        assert torch.equal(seen[epoch + 2][1], seen[epoch][1])
        assert seen[epoch + 2][0] != seen[epoch][0]
    assert not torch.equal(seen[0][1], seen[1][1])


def test_a_resumed_run_sees_the_same_bits(study: Path, encoder: Path) -> None:
    """Whatever was encoded before."""
    unbroken, resumed = (frozen.loaders(prepare(study, encoder))[0] for _ in range(2))
    expected = [rows_and_vectors(unbroken, epoch)[2] for epoch in range(3)][2]
    resumed.batch_sampler.set_epoch(2)
    resumed.load_state_dict({"done": 1})
    for one, two in zip(expected[1:], resumed, strict=True):
        for name in ("rows_B", "vector_BD", "profile_BK", "target_B"):
            assert torch.equal(getattr(one, name), getattr(two, name)), name


def test_a_draw_is_encoded_once(study: Path, encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(frozen, "encode_samples", lambda *words: calls.append(words) or encode_samples(*words))
    monkeypatch.setattr(frozen, "DRAWS", 2)
    train, validation = frozen.loaders(prepare(study, encoder))
    for epoch in range(5):
        for loader in (train, validation):
            rows_and_vectors(loader, epoch)
    assert len(calls) == 2 + 1


def test_the_draws_fit_into_the_memory_for_them() -> None:
    options = ModelOptions(embedding_dim=128, num_soft_clades=256)
    most = frozen.MOST_BYTES // (4 * 384)
    assert frozen.num_draws(400, 100, options, is_random=True) == frozen.DRAWS
    assert frozen.num_draws(400, 100, options, is_random=False) == 1
    assert frozen.num_draws(most // 4, 0, options, is_random=True) == 4
    assert frozen.num_draws(most // 8, most // 2, options, is_random=True) == 4
    assert frozen.num_draws(most // 4, most // 2, options, is_random=True) == 0
    assert frozen.num_draws(most, 0, options, is_random=False) == 1
    assert frozen.num_draws(most + 1, 0, options, is_random=False) == 0
    assert frozen.num_draws(100, 2 * most, options, is_random=False) == 0


def test_nothing_is_kept_of_more_samples_than_that(study: Path, encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frozen, "MOST_BYTES", 4 * 32 * 40)
    for loader in frozen.loaders(prepare(study, encoder)):
        batch = next(iter(loader))
        assert batch.vector_BD is None
        assert len(batch.asvs_U) > 0
