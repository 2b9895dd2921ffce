"""A frozen encoder sees each draw once, and the head learns what an encoder that is run each time would teach it."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import torch

from aam.config import ModelOptions
from aam.data.batches.batch import Batch
from aam.data.batches.sampler import ResumableLoader
from aam.log import logging_to_terminal
from aam.models import vector_cache as vector_store
from aam.models.vector_cache import SampleParts, encode_samples, in_memory, on_disk
from aam.runs.directory import RunDirectory
from aam.training.memory import kept_draws, measure
from aam.training.memory.kept_draws import keep_draws, kept_in_memory
from aam.training.run import frozen_draws as frozen
from aam.training.run.build_run import Prepared
from aam.training.run.fit import fit
from tests.training.small_runs import prepare_small


def prepare(study: Path, encoder: Path, **options: object) -> Prepared:
    return prepare_small(study, **{"pretrained_encoder": str(encoder), "freeze_base": True, **options})


def metrics(path: Path) -> dict[str, list[float]]:
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) for row in rows] for name in rows[0] if name != "seconds"}


PLACES = {"plain": (0, 0), "memory": (10**9, 0), "disk": (0, 10**9)}
"""Bytes that may be kept in memory and on disk."""


@pytest.mark.parametrize(
    ("depth", "draws", "places"), [("300", kept_draws.DRAWS, list(PLACES)), ("none", 1, ["plain", "memory"])]
)
def test_frozen_draws_teach_what_the_encoder_teaches(
    study: Path,
    encoder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    depth: str,
    draws: int,
    places: list[str],
) -> None:
    found = {}
    for place in places:
        for name, most in zip(("MOST_BYTES", "MOST_BYTES_ON_DISK"), PLACES[place], strict=True):
            monkeypatch.setattr(kept_draws, name, most)
        prepared = prepare(study, encoder, epochs=4, rarefy_depth=depth, dropout=0.2, progress=False)
        run = RunDirectory(tmp_path / place)
        run.checkpoints.mkdir(parents=True)
        before = prepared.model.head.hidden[0].weight.detach().clone()  # type: ignore[union-attr]
        with logging_to_terminal():
            fit(prepared, run, "train")
        assert not torch.equal(prepared.model.head.hidden[0].weight, before)  # type: ignore[union-attr]
        said = capsys.readouterr().out
        assert (f"for {draws} draw" in said) == (place != "plain")
        assert ("on disk (" in said) == (place == "disk")
        learned = {**metrics(run.metrics), **prepared.model.head.state_dict()}  # type: ignore[union-attr]
        found[place] = {name: torch.as_tensor(values, dtype=torch.float64) for name, values in learned.items()}
    plain, kept = found["plain"], found["memory"]
    assert plain.keys() == kept.keys()
    for name, values in plain.items():
        torch.testing.assert_close(values, kept[name], rtol=1e-5, atol=1e-5, msg=name)
    for name, values in found.get("disk", {}).items():
        assert torch.equal(values, kept[name]), name


def rows_and_vectors(loader: ResumableLoader, epoch: int) -> tuple[list[int], torch.Tensor, list[Batch]]:
    loader.batch_sampler.set_epoch(epoch)
    batches = list(loader)
    rows = torch.cat([batch.rows_B for batch in batches])
    vectors = torch.cat([batch.vector_BD for batch in batches if batch.vector_BD is not None])
    return rows.tolist(), vectors[rows.argsort()], batches


def test_the_draws_go_round(study: Path, encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_draws, "DRAWS", 2)
    prepared = prepare(study, encoder)
    loader, _ = frozen.loaders(prepared, Path("unused"))
    plain = prepared.data.train_dataloader()
    base, vectors_AD = prepared.model.base, prepared.frozen_vectors_AD  # type: ignore[union-attr]
    assert vectors_AD is not None
    seen = [rows_and_vectors(loader, epoch) for epoch in range(4)]
    for epoch in (0, 1):
        plain.batch_sampler.set_epoch(epoch)
        expected = in_memory(encode_samples(base, vectors_AD, plain))
        vectors = expected["vector_BD"][expected["rows_B"].argsort()]
        torch.testing.assert_close(seen[epoch][1], vectors, rtol=1e-5, atol=1e-5)
        assert seen[epoch][0] == expected["rows_B"].tolist()
        assert torch.equal(seen[epoch + 2][1], seen[epoch][1])
        assert seen[epoch + 2][0] != seen[epoch][0]
    assert not torch.equal(seen[0][1], seen[1][1])


def test_a_resumed_run_sees_the_same_bits(
    study: Path, encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever was encoded before, and wherever it is kept."""
    prepared = prepare(study, encoder)
    unbroken = frozen.loaders(prepared, tmp_path)[0]
    expected = [rows_and_vectors(unbroken, epoch)[2] for epoch in range(3)][2]
    for most_bytes in (kept_draws.MOST_BYTES, 0):
        monkeypatch.setattr(kept_draws, "MOST_BYTES", most_bytes)
        resumed = frozen.loaders(prepared, tmp_path)[0]
        resumed.batch_sampler.set_epoch(2)
        resumed.load_state_dict({"done": 1})
        for one, two in zip(expected[1:], resumed, strict=True):
            for name in ("rows_B", "vector_BD", "profile_BK", "target_BT"):
                assert torch.equal(getattr(one, name), getattr(two, name)), name


def test_a_draw_is_encoded_once(study: Path, encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(frozen, "encode_samples", lambda *words: calls.append(words) or encode_samples(*words))
    monkeypatch.setattr(kept_draws, "DRAWS", 2)
    train, validation = frozen.loaders(prepare(study, encoder), tmp_path)
    for epoch in range(5):
        for loader in (train, validation):
            rows_and_vectors(loader, epoch)
    assert len(calls) == 2 + 1
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_costs_time_and_a_line_but_no_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def parts_of(epoch: int) -> Iterator[SampleParts]:
        for rows in torch.arange(9).split(4):
            yield {"rows_B": rows, "vector_BD": rows[:, None] + torch.tensor([0.5, 100.0 * epoch])}

    def encode(epoch: int, gather: frozen.Gather) -> SampleParts:
        asked.append(epoch)
        return gather(parts_of(epoch))

    def fills_up(parts: Iterable[SampleParts], folder: Path) -> SampleParts:
        if asked.count(1):
            raise OSError(28, "No space left on device")
        return on_disk(parts, folder)

    asked: list[int] = []
    monkeypatch.setattr(frozen, "on_disk", fills_up)
    draws = frozen.EncodedDraws(encode, range(3), tmp_path)
    for epoch in range(7):
        batch = draws.__getitems__([(epoch, 7), (epoch, 2)])
        assert batch.rows_B.tolist() == [7, 2]
        assert batch.vector_BD is not None
        assert batch.vector_BD.tolist() == [[7.5, 7 + 100 * (epoch % 3)], [2.5, 2 + 100 * (epoch % 3)]]
    # Draw 0 is on disk, 1 is begun there and encoded again, and from then on 1 and 2 take turns in memory.
    assert asked == [0, 1, 1, 2, 1, 2]
    assert len(draws.draws) == 2
    assert caplog.text.count("No space left on device") == 1


def test_how_many_draws_are_kept_and_where() -> None:
    options = ModelOptions(embedding_dim=128, num_soft_clades=256)
    row = 4 * 384
    memory, disk = kept_draws.MOST_BYTES // row, kept_draws.MOST_BYTES_ON_DISK // row

    def kept(num_train: int, num_validation: int, is_random: bool = True) -> tuple[int, bool]:
        found = keep_draws(num_train, num_validation, options, is_random)
        return found.draws, found.on_disk

    assert kept(400, 100) == (kept_draws.DRAWS, False)
    assert kept(400, 100, is_random=False) == (1, False)
    assert kept(memory // 16, 0) == (16, False)
    assert kept(memory // 16 + 1, 0) == (16, True)
    assert kept(memory // 20, memory // 2) == (16, True)
    assert kept(memory, 0, is_random=False) == (1, False)
    assert kept(memory + 1, 0, is_random=False) == (1, True)
    assert kept(disk // 5, 0) == (5, True)
    assert kept(disk // 5, disk // 2) == (0, False)
    assert kept(100, 2 * disk, is_random=False) == (0, False)
    assert keep_draws(400, 100, options, True, with_contexts=True).draws == 0


def test_the_bytes_that_are_kept_are_in_the_memory_plan(
    study: Path, encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "bytes_in_use", lambda device: 10**8)
    monkeypatch.setattr(measure, "memory_limit", lambda device, options: 10**11)
    prepared = prepare(study, encoder, epochs=3)
    loaders = frozen.loaders(prepared, tmp_path)
    for epoch in range(3):
        for loader in loaders:
            rows_and_vectors(loader, epoch)
    parts = [part for loader in loaders for part in loader.dataset.draws.values()]  # type: ignore[attr-defined]
    held = sum(some[name].nbytes for some in parts for name in ("vector_BD", "profile_BK"))
    assert len(parts) == 3 + 1
    assert kept_in_memory(prepared.plan.config, prepared.data) == held
    assert kept_in_memory(prepared.plan.config, prepared.data, with_contexts=True) == 0
    monkeypatch.setattr(kept_draws, "MOST_BYTES", 0)
    assert kept_in_memory(prepared.plan.config, prepared.data) == 0
    without = prepare(study, encoder, epochs=3)
    assert prepared.memory.expected == without.memory.expected + held
    assert prepared.memory.limit == without.memory.limit == 10**11


@pytest.mark.parametrize("reason", ["too many samples", "contexts"])
def test_what_cannot_be_kept_is_encoded_by_the_model(
    study: Path, encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    if reason == "too many samples":
        for name in ("MOST_BYTES", "MOST_BYTES_ON_DISK"):
            monkeypatch.setattr(kept_draws, name, 4 * 32 * 40)
    for loader in frozen.loaders(prepare(study, encoder), tmp_path, with_contexts=reason == "contexts"):
        batch = next(iter(loader))
        assert batch.vector_BD is None
        assert len(batch.asvs_U) > 0


def test_vectors_from_the_cache_prepare_the_same_run_to_the_bit(
    study: Path,
    encoder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("AAM_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(vector_store, "SECONDS_WORTH_KEEPING", 0)
    runs = []
    for cache, words in ((False, "encoded "), (True, "encoded "), (True, "vectors of ")):
        with logging_to_terminal():
            runs.append(prepare(study, encoder, cache=cache))
        said = capsys.readouterr().out.splitlines()
        assert [line for line in said if line.startswith(words) and ("once in" in line or "from the cache in" in line)]
        assert bool(list(tmp_path.glob("vectors-*"))) == cache
    first = runs[0]
    assert first.frozen_vectors_AD is not None
    for other in runs[1:]:
        assert other.frozen_vectors_AD is not None
        assert torch.equal(other.frozen_vectors_AD, first.frozen_vectors_AD)
        for name, weight in first.model.state_dict().items():
            assert torch.equal(other.model.state_dict()[name], weight), name


def test_augmented_draws_teach_what_the_encoder_teaches(
    study: Path, encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mixtures of classes, with their shares, from kept draws and from an encoder that is run each time."""
    found = {}
    for place in ("plain", "memory"):
        monkeypatch.setattr(kept_draws, "MOST_BYTES", PLACES[place][0])
        monkeypatch.setattr(kept_draws, "MOST_BYTES_ON_DISK", 0)
        options = {"metadata_column": "group", "classifier": True, "augment": "mixup=0.5,phylomix=0.4,drop=0.5"}
        prepared = prepare(study, encoder, epochs=3, rarefy_depth="none", dropout=0.2, progress=False, **options)
        run = RunDirectory(tmp_path / place)
        run.checkpoints.mkdir(parents=True)
        fit(prepared, run, "train")
        learned = {**metrics(run.metrics), **prepared.model.head.state_dict()}  # type: ignore[union-attr]
        found[place] = {name: torch.as_tensor(values, dtype=torch.float64) for name, values in learned.items()}
    for name, values in found["plain"].items():
        torch.testing.assert_close(values, found["memory"][name], rtol=1e-5, atol=1e-5, msg=name)
