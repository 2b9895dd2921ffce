"""Samples as both the network and its exported graph take them: random ones, simulated ones, and those of a table.

Legend of shapes: ``R`` draws, ``B`` samples, ``A`` ASVs, ``L`` bases, ``C`` categorical and ``N`` numeric columns.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from aam.alphabet import PAD, N
from aam.config import SamplingOptions
from aam.data.batches.batch import Batch, make_batch
from aam.data.batches.dataset import VALIDATION_EPOCH, SampleDataset
from aam.data.batches.sample import Sample
from aam.data.readers.strand import SequenceSet
from aam.data.study.covariates import EMPTY_CELLS
from aam.data.study.study import Study
from aam.workflows.export.parts import Exportable

SHORTEST, LONGEST = 12, 150
RICHEST = 120
"""ASVs of a simulated sample at most."""
RANDOM_SIZES = (1, 2, 3, 7, 19, 32)
"""Samples of each random batch: 64 in all."""
AT_ONCE = 16
EVERYTHING = SamplingOptions(token_limit=2**31 - 1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Given:
    """Samples for the network, and the same for its graph.

    Attributes
    ----------
    batch
        The samples of all draws, one draw after the other, as networks take them.
    arrays
        What the graph takes, by name.
    draws
        Draws ``R`` of each sample.
    level_B
        Levels or exposures of the samples, as :class:`~aam.data.targets.targets.Targets` codes them.
    whole
        All reads of the samples, as forests take them.
    tokens_AL
        Bases of all ASVs that there are.
    """

    batch: Batch
    arrays: dict[str, np.ndarray]
    draws: int
    level_B: np.ndarray
    whole: tuple[Sample, ...]
    tokens_AL: np.ndarray

    def __len__(self) -> int:
        return len(self.level_B)


@dataclass(frozen=True, kw_only=True, eq=False)
class Known:
    """What the metadata says of ``B`` samples that a model reads.

    ``category_BC`` are codes, ``number_BN`` numbers as they are, NaN where missing; ``level_B`` as in :class:`Given`.
    """

    category_BC: np.ndarray
    number_BN: np.ndarray
    level_B: np.ndarray

    def take(self, rows: np.ndarray) -> Known:
        """What is known of some of them."""
        return Known(category_BC=self.category_BC[rows], number_BN=self.number_BN[rows], level_B=self.level_B[rows])


def given(
    parts: Exportable,
    drawn: Sequence[Sequence[Sample]],
    whole: Sequence[Sample],
    tokens_AL: np.ndarray,
    known: Known,
) -> Given:
    """Samples laid out for the network and for its graph.

    Parameters
    ----------
    parts
        What is exported.
    drawn, whole
        The samples of each draw, and with all their reads.
    tokens_AL
        Bases of all ASVs.
    known
        What the metadata says of them.
    """
    size, own = (len(drawn), len(drawn[0])), [one for draw in drawn for one in draw]
    lengths_A = (tokens_AL != PAD).sum(axis=1)
    batch = make_batch(own, tokens_AL, lengths_A)
    both = make_batch([*own, *(whole if parts.forests else ())], tokens_AL, lengths_A)
    arrays = {"tokens": both.tokens_UL.numpy()}
    if parts.networks:
        arrays["index"] = both.index_BS[: len(own)].numpy().reshape(*size, -1)
        arrays["counts"] = both.counts_BS[: len(own)].numpy().reshape(*size, -1)
    if parts.forests:
        arrays["all_index"] = both.index_BS[len(own) :].numpy()
        arrays["all_counts"] = both.counts_BS[len(own) :].double().numpy()
    spec, targets = parts.manifest.covariate_spec, parts.targets
    if spec is not None:
        batch.category_BC = torch.from_numpy(np.tile(known.category_BC, (size[0], 1)))
        batch.number_BM = torch.from_numpy(np.tile(spec.encode_numbers(known.number_BN), (size[0], 1)))
        arrays |= {"category": known.category_BC} if spec.categorical else {}
        arrays |= {"number": known.number_BN} if spec.numeric else {}
    if targets is not None and (targets.normalize_by or targets.exposure_column):
        arrays["exposure" if targets.exposure_column else "level"] = known.level_B
    return Given(
        batch=batch,
        arrays=arrays,
        draws=len(drawn),
        level_B=known.level_B,
        whole=tuple(whole),
        tokens_AL=tokens_AL,
    )


def random_samples(parts: Exportable, seed: int) -> list[Given]:
    """Random sequences of any length with N among them, in batches of many sizes, each sample drawn twice."""
    rng = np.random.default_rng(seed)
    return [of_pool(parts, _random_pool(rng), number, rng, draws=1 + place % 2) for place, number in _sizes()]


def simulated_samples(parts: Exportable, sequences: SequenceSet | None, seed: int, number: int = 64) -> list[Given]:
    """Communities of the model's own ASVs (of random DNA where it keeps none) with log-normal abundances."""
    rng = np.random.default_rng(seed)
    longest = parts.manifest.data.get("trim_length") or parts.manifest.data.get("max_bp") or LONGEST
    pool = rng.integers(1, N, (2 * RICHEST, longest)).astype(np.uint8) if sequences is None else sequences.tokens
    return [of_pool(parts, pool, AT_ONCE, rng) for _ in range(number // AT_ONCE)]


def table_samples(parts: Exportable, study: Study, seed: int, number: int = 64) -> list[Given]:
    """The first samples of a table, drawn as a prediction draws them."""
    rows, passes, known = np.arange(min(len(study), number)), parts.manifest.prediction_passes, known_of(parts, study)
    sampling = parts.manifest.sampling if parts.networks else SamplingOptions()
    dataset = SampleDataset(study, rows, sampling, seed)
    unlimited = SampleDataset(dataclasses.replace(study, rarefy_depth=None), rows, EVERYTHING, seed)
    found = []
    for start in range(0, len(rows), AT_ONCE):
        some = rows[start : start + AT_ONCE]
        drawn = [[dataset[VALIDATION_EPOCH + draw, row] for row in some.tolist()] for draw in range(passes)]
        whole = [unlimited[VALIDATION_EPOCH, row] for row in some.tolist()]
        found.append(given(parts, drawn, whole, study.tokens, known.take(some)))
    return found


def known_of(parts: Exportable, study: Study) -> Known:
    """What the metadata of a study says of its samples."""
    spec, sheet, targets = parts.manifest.covariate_spec, study.metadata, parts.targets
    assert sheet is not None
    level_B = np.zeros(len(study), dtype=np.int64) if targets is None else targets.level_codes(sheet)
    category_BC, number_BN = np.zeros((len(study), 0), dtype=np.int64), np.zeros((len(study), 0))
    if spec is not None:
        category_BC = spec.encode(sheet).category_NC
        columns = [sheet.numeric(number.name, remedy=EMPTY_CELLS) for number in spec.numeric]
        number_BN = np.stack(columns, axis=1) if columns else number_BN
    return Known(category_BC=category_BC, number_BN=number_BN, level_B=level_B)


def _sizes() -> list[tuple[int, int]]:
    return list(enumerate(RANDOM_SIZES))


def _random_pool(rng: np.random.Generator) -> np.ndarray:
    """Sequences of any length over ACGTN."""
    longest = int(rng.integers(SHORTEST + 1, LONGEST))
    tokens = rng.choice(np.arange(1, N + 1, dtype=np.uint8), (50, longest), p=[0.24, 0.24, 0.24, 0.24, 0.04])
    lengths = rng.integers(SHORTEST, longest + 1, len(tokens))
    tokens[np.arange(longest) >= lengths[:, None]] = PAD
    return tokens


def of_pool(parts: Exportable, pool: np.ndarray, number: int, rng: np.random.Generator, draws: int = 1) -> Given:
    """Samples of some of these sequences (bases, ``A x L``), with covariates at random."""
    most = min(len(pool), RICHEST, parts.manifest.data.get("token_limit", RICHEST))
    *drawn, whole = [[_sample(row, most, len(pool), rng) for row in range(number)] for _ in range(draws + 1)]
    return given(parts, drawn, whole, pool, _random_known(parts, number, rng))


def _sample(row: int, most: int, size: int, rng: np.random.Generator) -> Sample:
    asvs = np.sort(rng.choice(size, int(rng.integers(1, most + 1)), replace=False))
    counts = np.ceil(rng.lognormal(2.0, 1.5, len(asvs))).astype(np.int64)
    return Sample(row, asvs, counts, asvs, counts)


def _random_known(parts: Exportable, number: int, rng: np.random.Generator) -> Known:
    """Levels, unknown ones among them, and numbers, of which some are missing."""
    spec, targets = parts.manifest.covariate_spec, parts.targets
    levels = [] if spec is None else [len(column.levels) for column in spec.categorical]
    numbers = [] if spec is None else list(spec.numeric)
    number_BN = np.zeros((number, len(numbers)))
    for place, one in enumerate(numbers):
        values = one.mean + one.spread * rng.normal(size=number)
        number_BN[:, place] = np.where(rng.random(number) < 0.2, np.nan, values)
    level_B: np.ndarray = np.zeros(number, dtype=np.int64)
    if targets is not None and targets.exposure_column:
        level_B = rng.uniform(0.2, 5.0, number)
    elif targets is not None and targets.normalize_by:
        level_B = rng.integers(0, len(targets.levels) + 1, number)
    category = [rng.integers(0, most + 1, number) for most in levels]
    category_BC = np.stack(category, axis=1) if category else np.zeros((number, 0), dtype=np.int64)
    return Known(category_BC=category_BC.astype(np.int64), number_BN=number_BN, level_B=level_B)
