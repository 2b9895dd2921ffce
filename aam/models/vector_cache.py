"""ASV vectors kept between runs: the same weights make the same vectors of the same sequences.

They are kept in the cache of :mod:`aam.files.cache`, all ASVs that are encoded together in one entry: the last bits of
a vector depend on which ASVs are encoded beside it, and a run that reads its vectors is to be, to the bit, the run that
made them.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from aam.alphabet import PAD
from aam.data.batches.batch import Batch
from aam.data.counts.blocks import present
from aam.files.array_folder import Parsed
from aam.files.cache import CacheCodec, entry_of, find_entry, keep_entry
from aam.models.asv_encoder import AsvEncoder
from aam.models.sequence_encoder import SequenceEncoder
from aam.text import plural

SampleParts = dict[str, Tensor]
"""Values by the name of the batch's part, each with a row for each sample."""


def in_memory(parts: Iterable[SampleParts]) -> SampleParts:
    """The samples of all batches, one after the other."""
    by_name: dict[str, list[Tensor]] = {}
    for some in parts:
        for name, part in some.items():
            by_name.setdefault(name, []).append(part)
    return {name: torch.cat(some) for name, some in by_name.items()}


def on_disk(parts: Iterable[SampleParts], folder: Path) -> SampleParts:
    """The samples of all batches, mapped from files without a name: they are gone with the process, however it ends.

    Parameters
    ----------
    parts
        At least one batch; all have the same parts.
    folder
        Where there is room for them.

    Raises
    ------
    OSError
        Where the disk does not take them.
    """
    batches = iter(parts)
    first = next(batches)
    with ExitStack() as opened:
        files = {name: opened.enter_context(tempfile.TemporaryFile(dir=folder)) for name in first}
        for some in chain([first], batches):
            for name, part in some.items():
                files[name].write(part.contiguous().numpy().data)
        return {name: _mapped(file, first[name]) for name, file in files.items()}


def _mapped(file: IO[bytes], like: Tensor) -> Tensor:
    """All rows in a file, of the type and width of a tensor."""
    file.flush()
    os.fsync(file.fileno())  # a disk on a network may say only now that it is full
    values = np.memmap(file, dtype=like.numpy().dtype, mode="r+")
    return torch.from_numpy(values).unflatten(0, (-1, *like.shape[1:]))


ASVS_PER_BLOCK = 512


@torch.no_grad()
def encode_asvs(encoder: AsvEncoder, tokens_AL: np.ndarray, device: torch.device | str = "cpu") -> Tensor:
    """Encode every ASV of a study in evaluation mode.

    Parameters
    ----------
    encoder
        The ASV encoder, on ``device``.
    tokens_AL
        Codes of ``aam.alphabet``, one row an ASV.
    device
        Where to compute and to keep the result.

    Returns
    -------
    Tensor
        ``A x D``.
    """
    training = encoder.training
    encoder.eval()
    bases_A = (tokens_AL != PAD).sum(axis=1)
    order = np.argsort(bases_A, kind="stable")
    vectors_AD = torch.empty(len(tokens_AL), encoder.norm.normalized_shape[0], device=device)
    for some in np.array_split(order, -(-len(order) // ASVS_PER_BLOCK)):
        tokens_UL = torch.from_numpy(tokens_AL[some, : bases_A[some[-1]]]).to(device)
        vectors_AD[torch.from_numpy(some).to(device)] = encoder(
            tokens_UL, bases_A[some].tolist(), with_patches=False
        ).asv_UD
    encoder.train(training)
    return vectors_AD


@torch.no_grad()
def encode_samples(encoder: SequenceEncoder, vectors_AD: Tensor, batches: Iterable[Batch]) -> Iterator[SampleParts]:
    """Encode samples in evaluation mode, batch by batch.

    Parameters
    ----------
    encoder
        The encoder, on the device of ``vectors_AD``; its mode is given back at the end.
    vectors_AD
        Its vectors of all ASVs of the study.
    batches
        The samples.

    Yields
    ------
    SampleParts
        What :func:`~aam.data.batches.batch.encoded_batch` takes: all that the batch has of each sample, and what the
        encoder makes of it, on the host.
    """
    training = encoder.training
    encoder.eval()
    try:
        for batch in batches:
            here = batch.to(vectors_AD.device)
            sample = encoder(here, asv_vectors_UD=vectors_AD[here.asvs_U]).sample
            found = batch.sample_parts() | {"vector_BD": sample.sample_BD.float()}
            if sample.profile_BK is not None:
                found["profile_BK"] = sample.profile_BK.float()
            yield {name: part.cpu() for name, part in found.items()}
    finally:
        encoder.train(training)


SECONDS_WORTH_KEEPING = 1.0
"""Vectors that took less time are about as soon made anew as they are found, checked and mapped."""
NAME = "vectors_AD"
FORM: CacheCodec[np.ndarray] = CacheCodec(
    "vectors",
    lambda vectors_AD: Parsed({NAME: vectors_AD}, {}),
    lambda parsed: parsed.arrays[NAME],
    code=("alphabet.py", "data", "models"),
    writable=True,
)


class AsvVectors(NamedTuple):
    """Vectors of all ASVs of a study, ``A x D``, and in words where they come from and how long it took."""

    vectors_AD: Tensor
    line: str


def cached_asv_vectors(
    encoder: AsvEncoder, tokens_AL: np.ndarray, device: torch.device | str = "cpu", *, cache: bool
) -> AsvVectors:
    """What :func:`~aam.models.vector_cache.encode_asvs` gives, read where an earlier run has kept it.

    Parameters
    ----------
    encoder, tokens_AL, device
        As there.
    cache
        Whether vectors may be read from the cache, and kept in it where they took long enough to be worth it.

    Returns
    -------
    AsvVectors
        On a CPU those that were read are mapped from the file: they take memory that the system can have back.
    """
    device = torch.device(device)
    started = time.monotonic()
    entry = entry_of(FORM, _made_from(encoder, tokens_AL, device)) if cache else None
    found = None if entry is None else find_entry(entry, FORM)
    number = plural(len(tokens_AL), "ASV")
    if found is not None:
        vectors_AD = torch.from_numpy(found).to(device)
        return AsvVectors(vectors_AD, f"vectors of {number} read from the cache in {_since(started):.1f} s")
    started = time.monotonic()
    vectors_AD = encode_asvs(encoder, tokens_AL, device)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    seconds = _since(started)
    if entry is not None and seconds >= SECONDS_WORTH_KEEPING:
        keep_entry(entry, FORM, vectors_AD.cpu().numpy())
    return AsvVectors(vectors_AD, f"encoded {number} once in {seconds:.1f} s")


ALL_AT_ONCE = 20_000
"""ASVs up to which all of a study are encoded together. Of more, those are that its samples have: the samples that are
explained may have few of a large study's."""


class StudyVectors:
    """An encoder's vectors of the ASVs of a study, made when samples are there that have them, each once.

    Parameters
    ----------
    encoder, tokens_AL, device, cache
        As for :func:`cached_asv_vectors`. The encoder may come to the device later.
    """

    def __init__(self, encoder: AsvEncoder, tokens_AL: np.ndarray, device: torch.device, *, cache: bool) -> None:
        self._encoder, self._tokens_AL, self._device, self._cache = encoder, tokens_AL, device, cache
        self._is_made_A = np.zeros(len(tokens_AL), dtype=bool)
        self._vectors_AD: Tensor | None = None

    def of(self, counts_NA: csr_array) -> Tensor:
        """Vectors of all ASVs, ``A x D``; 0 for those that none of these samples has, where there are very many.

        Parameters
        ----------
        counts_NA
            Reads of the samples, without zeros.
        """
        few = len(self._tokens_AL) <= ALL_AT_ONCE
        missing = np.flatnonzero(~self._is_made_A if few else present(counts_NA) & ~self._is_made_A)
        if self._vectors_AD is not None and not len(missing):
            return self._vectors_AD
        if len(missing) == len(self._tokens_AL):
            self._vectors_AD = self._encoded(self._tokens_AL)
        else:
            made_VD = self._encoded(self._tokens_AL[missing])
            if self._vectors_AD is None:
                # What is never written takes no memory on a CPU.
                self._vectors_AD = torch.zeros(len(self._tokens_AL), made_VD.shape[1], device=self._device)
            self._vectors_AD[torch.from_numpy(missing).to(self._device)] = made_VD
        self._is_made_A[missing] = True
        return self._vectors_AD

    def _encoded(self, tokens_VL: np.ndarray) -> Tensor:
        return cached_asv_vectors(self._encoder, tokens_VL, self._device, cache=self._cache).vectors_AD


def _since(started: float) -> float:
    return time.monotonic() - started


def _made_from(encoder: AsvEncoder, tokens_AL: np.ndarray, device: torch.device) -> Mapping[str, Any]:
    """All that the bits of the vectors depend on but the code: weights, sizes, sequences in their order, arithmetic."""
    heads = [layer.heads for layer in encoder.transformer.layers]
    on_gpu = device.type == "cuda"
    return {
        "weights": _sum_of_weights(encoder),
        "sizes": {"patch": encoder.patch, "chunk": encoder.chunk, "heads": heads},
        "tokens": [list(tokens_AL.shape), hashlib.sha256(np.ascontiguousarray(tokens_AL).data).hexdigest()],
        "torch": str(torch.__version__),
        "device": torch.cuda.get_device_name(device) if on_gpu else torch.backends.cpu.get_cpu_capability(),
        "threads": None if on_gpu else torch.get_num_threads(),
        "precision": torch.get_float32_matmul_precision(),
    }


def _sum_of_weights(encoder: AsvEncoder) -> str:
    digest = hashlib.sha256()
    for name, weight in encoder.state_dict().items():
        digest.update(repr((name, str(weight.dtype), tuple(weight.shape))).encode())
        digest.update(weight.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()
