"""ASV vectors kept between runs: the same weights make the same vectors of the same sequences.

They are kept in the cache of :mod:`aam.files.input_cache`, all ASVs of a study in one entry: the last bits of a vector
depend on which ASVs are encoded beside it, and a run that reads its vectors is to be, to the bit, the run that made
them.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from aam.files.array_folder import Parsed
from aam.files.input_cache import Form, entry_of, find_entry, keep_entry
from aam.files.text import plural
from aam.models.asv_encoder import AsvEncoder
from aam.models.embedding_cache import encode_asvs

SECONDS_WORTH_KEEPING = 1.0
"""Vectors that took less time are about as soon made anew as they are found, checked and mapped."""
NAME = "vectors_AD"
FORM: Form[np.ndarray] = Form(
    "vectors",
    lambda vectors_AD: Parsed({NAME: vectors_AD}, {}),
    lambda parsed: parsed.arrays[NAME],
    code=("data", "models"),
    writable=True,
)


class AsvVectors(NamedTuple):
    """Vectors of all ASVs of a study, ``A x D``, and in words where they come from and how long it took."""

    vectors_AD: Tensor
    line: str


def stored_asvs(
    encoder: AsvEncoder, tokens_AL: np.ndarray, device: torch.device | str = "cpu", *, cache: bool
) -> AsvVectors:
    """What :func:`~aam.models.embedding_cache.encode_asvs` gives, read where an earlier run has kept it.

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
