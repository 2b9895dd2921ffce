"""Vectors from the cache are those that would be computed, to the bit, and of nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from aam.files import cache as input_cache
from aam.models import vector_cache as embedding_cache
from aam.models import vector_cache as vector_store
from aam.models.asv_encoder import AsvEncoder
from aam.models.vector_cache import StudyVectors, cached_asv_vectors, encode_asvs
from tests.models.model_cases import fresh_encoder, tokens


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache that keeps whatever took no time."""
    monkeypatch.setenv("AAM_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(vector_store, "SECONDS_WORTH_KEEPING", 0.0)
    input_cache._warn_once.cache_clear()
    yield tmp_path / "cache"
    input_cache._warn_once.cache_clear()


def entries(cache: Path) -> list[Path]:
    return sorted(cache.iterdir()) if cache.exists() else []


def asv_encoder(seed: int = 0, **changes: object) -> AsvEncoder:
    return fresh_encoder(seed=seed, **changes).asv_encoder


def test_the_second_time_they_are_read_and_have_the_same_bits(cache: Path) -> None:
    encoder, tokens_AL = asv_encoder(), tokens()
    expected = encode_asvs(encoder, tokens_AL)
    made, read = (cached_asv_vectors(encoder, tokens_AL, cache=True) for _ in range(2))
    assert made.line.startswith("encoded 24 ASVs once in ")
    assert read.line.startswith("vectors of 24 ASVs read from the cache in ")
    assert [entry.name.split("-")[0] for entry in entries(cache)] == ["vectors"]
    for vectors_AD in (made.vectors_AD, read.vectors_AD):
        assert torch.equal(vectors_AD, expected)
        assert vectors_AD.dtype == expected.dtype
    index = torch.tensor([3, 0, 3])
    assert torch.equal(read.vectors_AD[index], expected[index])


def test_they_are_mapped_and_writing_does_not_reach_the_file(cache: Path) -> None:
    encoder, tokens_AL = asv_encoder(), tokens()
    cached_asv_vectors(encoder, tokens_AL, cache=True)
    first = cached_asv_vectors(encoder, tokens_AL, cache=True).vectors_AD
    expected = first.clone()
    first.zero_()
    assert torch.equal(cached_asv_vectors(encoder, tokens_AL, cache=True).vectors_AD, expected)
    assert len(entries(cache)) == 1


def test_dropout_and_mode_play_no_role(cache: Path) -> None:
    encoder = asv_encoder(dropout=0.5).train()
    made, read = (cached_asv_vectors(encoder, tokens(), cache=True) for _ in range(2))
    assert torch.equal(made.vectors_AD, read.vectors_AD)
    assert encoder.training


@pytest.mark.parametrize(
    "change", ["seed", "one weight", "heads", "chunk", "order", "one base", "precision", "threads", "code", "version"]
)
def test_what_the_vectors_depend_on(change: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, tokens_AL = asv_encoder(), tokens()
    cached_asv_vectors(encoder, tokens_AL, cache=True)
    if change in ("seed", "heads", "chunk"):
        changed = {"seed": {"seed": 1}, "heads": {"attention_heads": 4}, "chunk": {"asv_chunk_size": 3}}[change]
        encoder = asv_encoder(**changed)
    elif change == "one weight":
        encoder.position_gain.data[5] += 1e-6
    elif change == "order":
        tokens_AL = tokens_AL[::-1]
    elif change == "one base":
        tokens_AL = tokens_AL.copy()
        tokens_AL[7, 2] = tokens_AL[7, 2] % 4 + 1
    elif change == "precision":
        monkeypatch.setattr(torch, "get_float32_matmul_precision", lambda: "high")
    elif change == "threads":
        monkeypatch.setattr(torch, "get_num_threads", lambda: 77)
    elif change == "code":
        monkeypatch.setattr(input_cache, "_code_sum", lambda floors: "another")
    else:
        monkeypatch.setattr(input_cache, "__version__", "another")
    found = cached_asv_vectors(encoder, tokens_AL, cache=True)
    assert found.line.startswith("encoded")
    assert len(entries(cache)) == 2
    assert torch.equal(found.vectors_AD, encode_asvs(encoder, tokens_AL.copy()))


def test_no_cache_neither_reads_nor_writes(cache: Path) -> None:
    encoder = asv_encoder()
    cached_asv_vectors(encoder, tokens(), cache=False)
    assert entries(cache) == []
    cached_asv_vectors(encoder, tokens(), cache=True)
    assert cached_asv_vectors(encoder, tokens(), cache=False).line.startswith("encoded")


def test_what_took_no_time_is_not_kept(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_store, "SECONDS_WORTH_KEEPING", 60.0)
    cached_asv_vectors(asv_encoder(), tokens(), cache=True)
    assert entries(cache) == []


def test_damage_is_told_and_the_vectors_are_made_anew(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    encoder = asv_encoder()
    expected = cached_asv_vectors(encoder, tokens(), cache=True).vectors_AD
    (file,) = entries(cache)[0].glob("*.npy")
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(content)
    found = cached_asv_vectors(encoder, tokens(), cache=True)
    assert found.line.startswith("encoded")
    assert torch.equal(found.vectors_AD, expected)
    assert "checksum of vectors_AD.npy differs" in caplog.text
    assert cached_asv_vectors(encoder, tokens(), cache=True).line.startswith("vectors of")


def test_a_cache_that_cannot_be_written_costs_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, cache: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("AAM_CACHE_DIR", str(tmp_path / "file" / "cache"))
    encoder = asv_encoder()
    assert torch.equal(cached_asv_vectors(encoder, tokens(), cache=True).vectors_AD, encode_asvs(encoder, tokens()))
    assert "could not be cached" in caplog.text


def test_two_encoders_with_the_same_weights_share_them(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached_asv_vectors(asv_encoder(), tokens(), cache=True)

    def never(*words: object) -> None:
        raise AssertionError("encoded again")

    monkeypatch.setattr(embedding_cache.AsvEncoder, "forward", never)
    found = cached_asv_vectors(asv_encoder(), np.asfortranarray(tokens()), cache=True)
    assert found.line.startswith("vectors of")


def reads(*asvs: int) -> csr_array:
    """One sample with these of the 24 ASVs."""
    counts = np.zeros((1, 24), dtype=np.int64)
    counts[0, list(asvs)] = 1
    return csr_array(counts)


def test_few_asvs_are_encoded_together_whatever_samples_have() -> None:
    encoder, tokens_AL = asv_encoder(), tokens()
    vectors = StudyVectors(encoder, tokens_AL, torch.device("cpu"), cache=False)
    assert torch.equal(vectors.of(reads(3)), encode_asvs(encoder, tokens_AL))


def test_of_many_asvs_those_of_the_samples_are_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, tokens_AL = asv_encoder(), tokens()
    expected, encoded = encode_asvs(encoder, tokens_AL), []
    monkeypatch.setattr(vector_store, "ALL_AT_ONCE", 23)
    monkeypatch.setattr(
        vector_store, "encode_asvs", lambda of, some, device: encoded.append(len(some)) or encode_asvs(of, some, device)
    )
    vectors = StudyVectors(encoder, tokens_AL, torch.device("cpu"), cache=False)
    first = vectors.of(reads(3, 20))
    torch.testing.assert_close(first[[3, 20]], expected[[3, 20]])
    assert not first[[0, 4, 23]].any()
    torch.testing.assert_close(vectors.of(reads(3, 4, 5, 6))[[3, 4, 5, 6, 20]], expected[[3, 4, 5, 6, 20]])
    vectors.of(reads(4, 20))
    assert encoded == [2, 3]
    whole = StudyVectors(encoder, tokens_AL, torch.device("cpu"), cache=False).of(reads(*range(24)))
    assert torch.equal(whole, expected)
