"""Whether an exported graph gives what the model itself gives."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from aam.data.study.covariates import features
from aam.data.targets.kinds import Predictions, Samples, TargetSpec
from aam.errors import RunError
from aam.learners.blend import combine
from aam.learners.clades import sequence_keys
from aam.learners.features import AsvFeatures
from aam.learners.trees.forest import ForestLearner
from aam.models.sequence_predictor import SequencePredictor
from aam.text import plural
from aam.workflows.export.parts import Exportable
from aam.workflows.export.samples import Given

TOLERANCE = 1e-4
LAST_DIGIT = 2.0**-23
TIMES, MOST_ROUNDING = 4, 1e-2
"""How many times the change by the last digit is rounding, and what that explains at most."""


@dataclass(frozen=True)
class Agreement:
    """How far a graph and the model are apart.

    Attributes
    ----------
    samples
        How many were compared.
    words
        Which, in words.
    largest
        The largest difference, in units of what :func:`differences` says.
    rounding
        Where that is above :data:`TOLERANCE`, what :func:`own_rounding` says; else 0.
    """

    samples: int
    words: str
    largest: float
    rounding: float = 0.0

    def __str__(self) -> str:
        found = f"{self.largest:.0e} over {plural(self.samples, f'{self.words} sample')}"
        return f"{found}; {self.rounding:.0e} by the last digit of its weights" if self.rounding else found


def session_of(content: bytes) -> Any:
    """A graph, ready to compute on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def compare(parts: Exportable, session: Any, samples: Sequence[Given], words: str) -> Agreement:
    """Compute the same samples by both.

    Raises
    ------
    RunError
        If they differ by more than :data:`TOLERANCE`, and by more than single precision leaves open.
    """
    largest, names = 0.0, [one.name for one in session.get_outputs()]
    for some in samples:
        found = dict(zip(names, session.run(None, some.arrays), strict=True))
        largest = max([largest, *differences(parts, some, found)])
    is_near = largest <= TOLERANCE  # not so of NaN
    plain = Agreement(sum(map(len, samples)), words, largest)
    agreement = plain if is_near else dataclasses.replace(plain, rounding=own_rounding(parts, samples))
    if not largest <= max(TOLERANCE, min(TIMES * agreement.rounding, MOST_ROUNDING)):
        most = f"more than {TOLERANCE:g}, and than rounding explains ({agreement.rounding:.0e})"
        raise RunError(f"the exported file differs from the model by {plain}, {most}")
    return agreement


@torch.no_grad()
def own_rounding(parts: Exportable, samples: Sequence[Given]) -> float:
    """How far the model is from itself if each weight of its networks changes in the last digit.

    No two programs agree much better: narrow soft clades amplify how sums are rounded.
    """
    whole, toss = copy.deepcopy(parts.whole()), np.random.default_rng(0)
    for weight in whole.networks.parameters():
        sign = torch.from_numpy(toss.choice([-1.0, 1.0], size=tuple(weight.shape)))
        weight.mul_((1 + LAST_DIGIT * sign).to(weight.dtype))
    names, largest = [port.name for port in whole.outputs], 0.0
    for some in samples:
        given = {name: torch.from_numpy(array) for name, array in some.arrays.items()}
        found = dict(zip(names, (values.numpy() for values in whole(given)), strict=True))
        largest = max([largest, *differences(parts, some, found)])
    return largest


@torch.no_grad()
def differences(parts: Exportable, some: Given, found: dict[str, np.ndarray]) -> list[float]:
    """How far each output of a graph is from what the model itself gives.

    Numbers are in units of the model's spread, or relative where they are larger than it; probabilities as they are;
    vectors relative to the longest of their numbers.

    Parameters
    ----------
    parts
        What was exported.
    some
        The samples.
    found
        What the graph says of them.
    """
    encoded = [network(some.batch) for network in parts.networks]
    apart = []
    if encoded:
        vector_BD = encoded[0].sample.sample_BD[: len(some)].numpy()
        apart.append(_largest(found["vector"] - vector_BD) / max(1.0, _largest(vector_BD)))
    if parts.targets is None:
        return apart
    learned = [
        network.outputs(one).double().numpy()
        for network, one in zip(parts.networks, encoded, strict=True)
        if isinstance(network, SequencePredictor)
    ]
    learned += [np.concatenate([_of_forest(parts, forest, some)] * some.draws) for forest in parts.forests]
    mean = combine(np.stack(learned), np.array(parts.weights), parts.targets) if parts.weights else np.mean(learned, 0)
    draws = mean.reshape(some.draws, len(some), *mean.shape[1:])
    for place, table in enumerate(_predictions(parts, some, draws)):
        apart += _of_target(parts, place, table, found)
    return apart


def _of_forest(parts: Exportable, learner: ForestLearner, some: Given) -> np.ndarray:
    """What a forest says of samples, by the trees themselves and ASVs that a dictionary finds."""
    assert parts.targets is not None
    key_A = sequence_keys(some.tokens_AL)
    found = np.zeros((len(some), *parts.targets.kind.output_shape(parts.targets.specs)))
    spec = parts.manifest.covariate_spec
    batch, first = some.batch, slice(len(some))
    known_BF = np.empty((len(some), 0), dtype=np.float32)
    if spec is not None and batch.category_BC is not None and batch.number_BM is not None:
        known_BF = features(spec, batch.category_BC[first].numpy(), batch.number_BM[first].numpy())
    for outputs, forest in zip(parts.targets.outputs, learner.forests, strict=True):
        assert isinstance(forest.features, AsvFeatures)
        place_of = {key: place for place, key in enumerate(sequence_keys(forest.features.tokens))}
        place_A = np.array([place_of.get(key, -1) for key in key_A])
        share_BA = np.zeros((len(some), forest.features.number))
        for row, sample in enumerate(some.whole):
            there = place_A[sample.asvs] >= 0
            share_BA[row, place_A[sample.asvs[there]]] = sample.counts[there] * (1 / sample.counts.sum())
        columns = outputs.start + forest.codes if len(forest.codes) else [outputs.start]
        found[:, columns] = forest.trees.predict(np.concatenate([share_BA, known_BF], axis=1).astype(np.float32))
    return found


def _predictions(parts: Exportable, some: Given, draws: np.ndarray) -> list[Predictions]:
    """What `aam predict` makes of what was learned."""
    assert parts.targets is not None
    samples = Samples(
        sample_ids=np.arange(len(some)).astype(str),
        observed={column: np.full(len(some), np.nan) for column in parts.targets.columns},
        level_B=some.level_B,
    )
    decoder = parts.manifest.decoder()
    return decoder.predictions(draws, samples)


def _of_target(parts: Exportable, place: int, table: Predictions, found: dict[str, np.ndarray]) -> list[float]:
    assert parts.targets is not None
    if table.probabilities is not None:
        own = parts.targets.outputs[place]
        return [_largest(found["probabilities"][:, own] - table.probabilities)]
    unit = unit_of(parts.targets.specs[place])
    pairs = [(found["predicted"][:, place], table.predicted)]
    pairs += [(found["quantiles"][:, place, at], values) for at, values in enumerate(table.quantiles.values())]
    return [_largest((got - wanted) / np.maximum(unit, np.abs(wanted))) for got, wanted in pairs]


def unit_of(spec: TargetSpec) -> float:
    """What a step of 1 where the model learns is about, in the units of the metadata."""
    if spec.kind.is_count:
        return spec.mean
    low, high = spec.decode(np.array([-0.5, 0.5]))
    return max(float(high - low), float(np.finfo(np.float32).tiny))


def _largest(values: np.ndarray) -> float:
    return float(np.abs(values).max())
