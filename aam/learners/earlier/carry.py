"""How a prediction of a sample changes with the predictions of earlier samples of the same subject.

Predictions of several samples of a subject err less together than each alone, as far as what is predicted stays, or
moves in a regular way. So predictions of earlier samples are carried forward: they fade with the time since then, and
move by the mean drift of the target. Memory, pull and drift are fitted on out-of-fold predictions. A sample without
earlier ones is predicted as it is, so that having some is no input.

Legend of shapes: ``B`` samples, ``K`` earlier samples of each, ``T`` targets, ``C`` classes, ``O`` outputs
(the targets, or the classes of each one after the other).

References
----------
Robinson (1991), That BLUP is a good thing: the estimation of random effects, Statistical Science 6 (what is known of a
subject shrinks towards what its samples say). Brown (1963), Smoothing, forecasting and prediction of discrete time
series (weights that fade exponentially).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from scipy.optimize import minimize

from aam.config.json_dataclass import need, read_plain

MEMORIES = (0.3, 1.0, 3.0, 10.0, 1000.0)
"""Times, in median times between samples, in which the weight of an earlier sample falls to 1/e; tried in turn."""
PENALTY = 1e-3
"""Of squared pull and drift, beside a loss that is 1 for predictions without earlier samples."""
SMALLEST_SHARE = 1e-3
"""Of a class, before its logarithm is taken."""
FEWEST_FOLDS = 2
LARGEST = 1e6
"""Of a stored coefficient."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Known:
    """Predictions of samples and of their earlier ones, in the learned space.

    Attributes
    ----------
    now_BO, past_BKO
        Of the samples themselves, and of the earlier ones (anything where there is none).
    gap_BK
        Time since each, in median times between samples.
    has_BK
        Where there is one.
    """

    now_BO: np.ndarray
    past_BKO: np.ndarray
    gap_BK: np.ndarray
    has_BK: np.ndarray

    def take(self, chosen: np.ndarray) -> Known:
        """Some of the samples."""
        return Known(
            now_BO=self.now_BO[chosen],
            past_BKO=self.past_BKO[chosen],
            gap_BK=self.gap_BK[chosen],
            has_BK=self.has_BK[chosen],
        )

    def part(self, outputs: slice) -> Known:
        """Some of the outputs."""
        return replace(self, now_BO=self.now_BO[:, outputs], past_BKO=self.past_BKO[:, :, outputs])

    def weights(self, memory: float) -> tuple[np.ndarray, np.ndarray]:
        """Weight of each earlier sample, ``B x K``, which sum to 1 (or are 0), and the reliance on all, ``B``.

        Reliance is 0 without earlier samples, a half with one that is not faded, and near 1 with many.
        """
        weight_BK = np.where(self.has_BK, np.exp(-self.gap_BK / memory), 0.0)
        sum_B = weight_BK.sum(axis=1)
        return weight_BK / np.maximum(sum_B, np.finfo(np.float64).tiny)[:, None], sum_B / (1 + sum_B)


@dataclass(frozen=True, kw_only=True)
class Carry:
    """What the predictions of earlier samples change.

    Attributes
    ----------
    memory
        Time in which the weight of an earlier sample falls to 1/e, in median times between samples.
    pull
        How far a prediction goes towards the mean of earlier ones; of classes in logarithms of probabilities.
    drift
        What a number changes in a median time between samples; of classes how much the sample's own probabilities are
        sharpened (or, below 0, blunted).
    """

    memory: float
    pull: float
    drift: float

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Any) -> Carry:
        """The inverse of :meth:`to_dict`; :class:`ValueError` if something else was written."""
        found = read_plain(cls, values)
        need(0 < found.memory < LARGEST, "a memory of earlier samples is out of range")
        need(max(abs(found.pull), abs(found.drift)) < LARGEST, "a pull of earlier samples is out of range")
        return found


ALL = (slice(None),)
"""Outputs of the only column of classes."""


def carried(known: Known, carries: tuple[Carry, ...], *, classes: bool, outputs: tuple[slice, ...] = ALL) -> np.ndarray:
    """Predictions with what earlier samples say, ``B x O``; as they are where there are none.

    Parameters
    ----------
    known
        Predictions of the samples and of earlier ones.
    carries
        One for each target; none leaves all predictions as they are.
    classes
        Whether the outputs are probabilities of classes.
    outputs
        Of each column of classes, as of :attr:`~aam.data.targets.targets.Targets.outputs`; numbers have one each.
    """
    if not carries:
        return known.now_BO
    if classes:
        parts = (_shares(known.part(own), one) for own, one in zip(outputs, carries, strict=True))
        return np.concatenate(list(parts), axis=1)
    columns = [known.now_BO[:, place] + _shift(known, place, one) for place, one in enumerate(carries)]
    return np.stack(columns, axis=1)


def fit_numbers(known: Known, truth_B: np.ndarray, weight_B: np.ndarray, place: int) -> Carry:
    """The carry of the least squared error of one number, by penalised least squares for each memory.

    Parameters
    ----------
    known
        Out-of-fold predictions.
    truth_B, weight_B
        Truths, NaN where one is missing, and weights of the samples.
    place
        Which of the outputs.
    """
    use = ~np.isnan(truth_B)
    known, rest_B = known.take(use), (truth_B - known.now_BO[:, place])[use]
    weight_B = weight_B[use]
    scale = float(weight_B @ rest_B**2) or 1.0
    best, least = Carry(memory=MEMORIES[-1], pull=0.0, drift=0.0), np.inf
    for memory in MEMORIES:
        x_B2 = _numbers_of(known, place, memory)
        spread = np.diag((x_B2**2 * weight_B[:, None]).sum(axis=0))
        products = (x_B2 * weight_B[:, None]).T @ x_B2 + PENALTY * spread + np.eye(2) * np.finfo(np.float64).eps * scale
        found = np.linalg.solve(products, (x_B2 * weight_B[:, None]).T @ rest_B)
        loss = float(weight_B @ (rest_B - x_B2 @ found) ** 2) / scale
        if loss < least:
            best, least = Carry(memory=memory, pull=float(found[0]), drift=float(found[1])), loss
    return best


def fit_classes(known: Known, codes_B: np.ndarray, weight_B: np.ndarray) -> Carry:
    """The carry of the least log loss of classes; parameters as of :func:`fit_numbers`, with codes of true classes.

    ``known`` has the outputs of these classes alone. For each memory the loss is convex in pull and drift.
    """
    use = ~np.isnan(codes_B)
    known, codes_B, weight_B = known.take(use), codes_B[use].astype(np.int64), weight_B[use]
    best, least = Carry(memory=MEMORIES[-1], pull=0.0, drift=0.0), np.inf
    whole = float(losses_of(known.now_BO, codes_B[:, None], weight_B, classes=True)[0]) or 1.0
    for memory in MEMORIES:
        now_BC, x_BC2 = _classes_of(known, memory)

        def loss(found: np.ndarray, now_BC: np.ndarray = now_BC, x_BC2: np.ndarray = x_BC2) -> tuple[float, np.ndarray]:
            share_BC = _softmax(now_BC + x_BC2 @ found)
            true_B = np.maximum(share_BC[np.arange(len(codes_B)), codes_B], np.finfo(np.float64).tiny)
            error_BC = share_BC - (np.arange(share_BC.shape[1]) == codes_B[:, None])
            slope = np.einsum("b,bc,bcx->x", weight_B, error_BC, x_BC2) / whole
            value = float(-(weight_B * np.log(true_B)).sum()) / whole + PENALTY * float(found @ found)
            return value, slope + 2 * PENALTY * found

        result = minimize(loss, np.zeros(2), jac=True, method="BFGS")
        if result.fun < least:
            best = Carry(memory=memory, pull=float(result.x[0]), drift=float(result.x[1]))
            least = float(result.fun)
    return best


def _numbers_of(known: Known, place: int, memory: float) -> np.ndarray:
    """What a number's pull and drift are multiplied by, ``B x 2``; 0 without earlier samples."""
    weight_BK, reliance_B = known.weights(memory)
    mean_B = (weight_BK * np.where(known.has_BK, known.past_BKO[:, :, place], 0.0)).sum(axis=1)
    time_B = (weight_BK * known.gap_BK).sum(axis=1)
    return np.column_stack([reliance_B * (mean_B - known.now_BO[:, place]), reliance_B * time_B])


def _shift(known: Known, place: int, carry: Carry) -> np.ndarray:
    """What is added to the predictions of one number, ``B``."""
    shift: np.ndarray = _numbers_of(known, place, carry.memory) @ np.array([carry.pull, carry.drift])
    return shift


def _classes_of(known: Known, memory: float) -> tuple[np.ndarray, np.ndarray]:
    """Logarithms of the samples' own probabilities, ``B x C``, and what pull and drift are times."""
    weight_BK, reliance_B = known.weights(memory)
    now_BC = np.log(np.maximum(known.now_BO, SMALLEST_SHARE))
    past_BKC = np.log(np.maximum(np.where(known.has_BK[:, :, None], known.past_BKO, 1.0), SMALLEST_SHARE))
    mean_BC = (weight_BK[:, :, None] * past_BKC).sum(axis=1)
    return now_BC, reliance_B[:, None, None] * np.stack([mean_BC, now_BC], axis=2)


def _softmax(log_BC: np.ndarray) -> np.ndarray:
    share_BC = np.exp(log_BC - log_BC.max(axis=1, keepdims=True))
    return np.asarray(share_BC / share_BC.sum(axis=1, keepdims=True))


def _shares(known: Known, carry: Carry) -> np.ndarray:
    """Probabilities whose logarithms are those of the sample plus shares of their own and of the earlier ones."""
    now_BC, x_BC2 = _classes_of(known, carry.memory)
    share_BC = _softmax(now_BC + x_BC2 @ np.array([carry.pull, carry.drift]))
    if not (carry.pull or carry.drift):
        return known.now_BO
    return np.where(known.has_BK.any(axis=1, keepdims=True), share_BC, known.now_BO)


def fit_carries(
    known: Known,
    truths: np.ndarray,
    weights: np.ndarray,
    folds: np.ndarray,
    *,
    classes: bool,
    outputs: tuple[slice, ...] = ALL,
) -> tuple[Carry, ...]:
    """The carries of all targets; of a target that no fold's earlier samples help to predict, one that changes nothing.

    Parameters
    ----------
    known
        Out-of-fold predictions.
    truths
        Numbers or codes of classes, ``B x T``; NaN where one is missing.
    weights
        Weight of each sample (``B``), or of each in each target (``B x T``).
    folds
        Fold of each sample. Whether earlier samples help is found by carries that did not see a sample's fold.
    classes, outputs
        As of :func:`carried`.
    """

    def fit(chosen: np.ndarray) -> tuple[Carry, ...]:
        own, some = known.take(chosen), weights[chosen]
        if classes:
            parts = enumerate(map(own.part, outputs))
            return tuple(fit_classes(part, truths[chosen, place], _of_target(some, place)) for place, part in parts)
        return tuple(
            fit_numbers(own, truths[chosen, place], _of_target(some, place), place) for place in range(truths.shape[1])
        )

    numbers = np.unique(folds)
    found = fit(np.ones(len(folds), dtype=bool))
    if len(numbers) < FEWEST_FOLDS:
        return found
    held_out_BO = known.now_BO.copy()
    for fold in numbers:
        own = folds == fold
        held_out_BO[own] = carried(known.take(own), fit(~own), classes=classes, outputs=outputs)
    before, after = (
        losses_of(one, truths, weights, classes=classes, outputs=outputs) for one in (known.now_BO, held_out_BO)
    )
    return tuple(
        one if keep else replace(one, pull=0.0, drift=0.0) for one, keep in zip(found, after < before, strict=True)
    )


def losses_of(
    predicted_BO: np.ndarray,
    truths: np.ndarray,
    weights: np.ndarray,
    *,
    classes: bool,
    outputs: tuple[slice, ...] = ALL,
) -> np.ndarray:
    """Sum of squared errors of each number, or the log loss of each column of classes; missing truths do not count."""
    if not classes:
        return np.nansum((weights if weights.ndim > 1 else weights[:, None]) * (predicted_BO - truths) ** 2, axis=0)
    found = []
    for place, own in enumerate(outputs):
        use = ~np.isnan(truths[:, place])
        codes_B, share_BC = truths[use, place].astype(np.int64), predicted_BO[use, own]
        true_B = np.maximum(share_BC[np.arange(len(codes_B)), codes_B], SMALLEST_SHARE)
        found.append(-(_of_target(weights, place)[use] * np.log(true_B)).sum())
    return np.array(found)


def _of_target(weights: np.ndarray, place: int) -> np.ndarray:
    return weights if weights.ndim == 1 else weights[:, place]
