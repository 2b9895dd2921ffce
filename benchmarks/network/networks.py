"""Networks of a part: its samples as the network reads them, what was predicted, and other studies with its target."""

from __future__ import annotations

import dataclasses
import time
import warnings
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy.sparse import csr_array
from torch import Tensor

from aam.config import StudyOptions, TableOptions
from aam.data.study.study import Study, TargetRequest, load_study
from aam.data.targets.kinds import NUMBERS
from aam.learners.clades import Clades, clade_counts, clades_of_sequences, log_abundances, totals
from aam.learners.similarity import MIN_CLADE_PREVALENCE
from aam.models.folder.weights import load_model
from aam.models.sequence_encoder import SequenceEncoder
from aam.models.shipped import folder_of
from aam.models.vector_cache import encode_asvs
from benchmarks.network.clades import CladeComponents
from benchmarks.network.examples import Examples, cuts_of
from benchmarks.network.recipes import Recipe
from benchmarks.network.store import Arrays, Store
from benchmarks.network.tasks import Part
from benchmarks.network.training import Network, centred

BASES = 150
SHALLOW = 0.05
"""Quantile of the training samples' reads that is the depth of rarefied draws."""
MOST_CLADES = 64
FEWEST_KNOWN, FEWEST_VALUES = 0.5, 5
TOO_CLOSE = 0.9
"""Rank correlation with the target above which a column of the metadata is the target in other words."""
POOLS = {
    "saliva-age": ("oral_age", "age", "cohort != 'AGP'"),
    "prairie-ph": ("more/soil_wwp", "pH", None),
}
"""Task -> another study, its column with the same target, and which of its samples."""


@lru_cache(maxsize=1)
def shipped() -> SequenceEncoder:
    """The encoder in the package."""
    found, _ = load_model(folder_of("small"))
    assert isinstance(found, SequenceEncoder)
    return found.eval()


@lru_cache(maxsize=16)
def vectors_of(study: Study) -> Tensor:
    """The shipped encoder's vectors of a study's ASVs."""
    return encode_asvs(shipped().asv_encoder, study.tokens[:, :BASES], torch.device("cpu")).float()


@lru_cache(maxsize=16)
def clades_of(study: Study) -> Clades:
    """The DNA tree of a study's ASVs. No target is read."""
    return clades_of_sequences(study.tokens, np.bincount(study.table.counts.indices, minlength=len(study.tokens)))


class PreparedPart:
    """A part with what all recipes share.

    Parameters
    ----------
    part
        The part.
    data
        Folder of the studies.
    """

    def __init__(self, part: Part, data: Path) -> None:
        self.part = part
        self.data = data
        truth = part.train.targets[:, 0]
        self.shift = 0.0 if part.num_classes else float(truth.mean())
        self.scale = 1.0 if part.num_classes else float(truth.std()) or 1.0
        reads = totals(part.study.table.counts[part.train.rows])
        self.depth = int(np.quantile(reads, SHALLOW))
        self._encoders: dict[tuple[bytes, bool, int], SequenceEncoder] = {}

    @cached_property
    def clades(self) -> Clades:
        """The DNA tree of the study."""
        return clades_of(self.part.study)

    @cached_property
    def cuts(self) -> tuple[np.ndarray, ...]:
        """The tree cut into clades."""
        return cuts_of(self.clades)

    def examples(self, rows: np.ndarray, truth: np.ndarray) -> Examples:
        """Samples of the part's study."""
        vectors = vectors_of(self.part.study)
        return Examples(self.part.study.table.counts[rows], self._learned(truth), vectors, (), None, self.depth)

    def predicted(self, recipe: Recipe, train: np.ndarray, test_rows: np.ndarray) -> np.ndarray:
        """Predictions of samples by a network that learned from some of the training samples.

        Parameters
        ----------
        recipe
            How to train.
        train
            Places of the training samples to learn from.
        test_rows
            Rows of the samples to predict.
        """
        samples = self.part.train.take(train)
        learn = self.examples(samples.rows, samples.targets[:, 0])
        if recipe.mixing == "clades":
            learn = dataclasses.replace(learn, cuts=self.cuts)
        if recipe.auxiliary is not None:
            learn = dataclasses.replace(learn, also=self._also(recipe, samples.rows))
        test = self.examples(test_rows, np.zeros(len(test_rows)))
        pool = self._pool(learn) if recipe.pooled else None
        if recipe.components:
            components = CladeComponents.fit(learn.counts, self.clades, recipe.num_clades)
            learn, test = (dataclasses.replace(one, components=components) for one in (learn, test))
        encoder = self._encoder(pool or learn, train, recipe)
        network = Network(encoder, self.part.targets, recipe, recipe.seed).fit(learn, samples.groups, pool)
        return np.asarray(network.predict(test) * self.scale + self.shift)

    def _encoder(self, examples: Examples, train: np.ndarray, recipe: Recipe) -> SequenceEncoder:
        key = (train.tobytes(), recipe.pooled, recipe.num_clades)
        if key not in self._encoders:
            self._encoders[key] = centred(shipped(), examples, recipe.num_clades)
        return self._encoders[key]

    def _learned(self, truth: np.ndarray) -> np.ndarray:
        if self.part.num_classes:
            return truth.astype(np.int64)[:, None]
        return ((truth - self.shift) / self.scale).astype(np.float32)[:, None]

    def _also(self, recipe: Recipe, rows: np.ndarray) -> np.ndarray:
        study = self.part.study
        values = self._profile(rows) if recipe.auxiliary == "profile" else _other_numbers(self.part, rows)
        assert study is self.part.study
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            spread = np.nanstd(values, axis=0)
            found = (values - np.nanmean(values, axis=0)) / np.where(spread > 0, spread, 1)
        return np.asarray(found[:, spread > 0], dtype=np.float32)

    def _profile(self, rows: np.ndarray) -> np.ndarray:
        counts = self.part.study.table.counts[rows]
        reads = clade_counts(counts, self.clades)
        common = (reads > 0).sum(axis=0) >= MIN_CLADE_PREVALENCE * len(rows)
        logs = log_abundances(csr_array(reads[:, np.flatnonzero(common)]), totals(counts)).toarray()
        widest = np.argsort(-logs.var(axis=0), kind="stable")[:MOST_CLADES]
        return np.asarray(logs[:, np.sort(widest)])

    def _pool(self, learn: Examples) -> Examples:
        """The training samples, and all of another study with the same target."""
        task = self.part.name.rsplit("-", 1)[0]
        folder, column, where = POOLS[task]
        other = load_study(
            TableOptions(table=(self.data / folder / "table.biom",)),
            StudyOptions(metadata=self.data / folder / "metadata.tsv", where=where),
            None,
            TargetRequest(columns=(column,), kind=NUMBERS),
        )
        assert other.target is not None
        vectors = encode_asvs(shipped().asv_encoder, other.tokens[:, :BASES], torch.device("cpu")).float()
        own, first = learn.counts, learn.vectors.shape[0]
        more = other.table.counts
        counts = csr_array(
            (
                np.concatenate([own.data, more.data]),
                np.concatenate([own.indices, more.indices + first]),
                np.concatenate([own.indptr, more.indptr[1:] + own.indptr[-1]]),
            ),
            (own.shape[0] + more.shape[0], first + more.shape[1]),
        )
        truth = np.concatenate([learn.truth, self._learned(np.asarray(other.target, dtype=np.float64))])
        return Examples(counts, truth, torch.cat([learn.vectors, vectors]), (), None, self.depth)


def _other_numbers(part: Part, rows: np.ndarray) -> np.ndarray:
    """Columns of the metadata that are numbers in most samples and are not the target in other words."""
    sheet = part.study.metadata
    assert sheet is not None
    assert part.study.target is not None
    own = pd.Series(part.study.target[rows])
    found = []
    for values in sheet.columns.values():
        column = pd.Series(pd.to_numeric(pd.Series(values[rows]), errors="coerce"))
        if column.notna().mean() < FEWEST_KNOWN or column.nunique() < FEWEST_VALUES:
            continue
        if not part.num_classes and abs(column.corr(own.astype(float), method="spearman")) > TOO_CLOSE:
            continue
        found.append(column.to_numpy(dtype=np.float64))
    return np.column_stack(found) if found else np.empty((len(rows), 0))


Found = tuple[np.ndarray, float]
"""Predictions, and seconds of one core that they took."""


def outer(prepared: PreparedPart, recipe: Recipe, store: Store) -> Found:
    """Predictions of the held-out samples, from their files where there are some."""
    everything, test = np.arange(len(prepared.part.train)), prepared.part.test
    return _mean([_one(prepared, single, everything, test, "outer", store) for single in recipe.single])


def inner(prepared: PreparedPart, recipe: Recipe, fold_N: np.ndarray, store: Store) -> Found:
    """Out-of-fold predictions of the training samples, from their files where there are some."""
    rows, found, seconds = prepared.part.train.rows, None, 0.0
    for fold in np.unique(fold_N):
        rest, own = np.flatnonzero(fold_N != fold), fold_N == fold
        some = [_one(prepared, single, rest, rows[own], f"inner{fold}", store) for single in recipe.single]
        predicted, took = _mean(some)
        found = np.empty((len(rows), *predicted.shape[1:])) if found is None else found
        found[own] = predicted
        seconds += took
    assert found is not None
    return found, seconds


def _mean(found: list[Found]) -> Found:
    return np.asarray(np.mean([one[0] for one in found], axis=0)), sum(one[1] for one in found)


def _one(
    prepared: PreparedPart, recipe: Recipe, train: np.ndarray, test_rows: np.ndarray, what: str, store: Store
) -> Found:
    """Predictions of one network."""

    def compute() -> Arrays:
        start = time.process_time()
        found = prepared.predicted(recipe, train, test_rows)
        return {"predicted": found, "seconds": np.array(time.process_time() - start)}

    kept = store.get(f"networks/{prepared.part.name}/{what}.{recipe.key}", compute)
    return kept["predicted"], float(kept["seconds"])
