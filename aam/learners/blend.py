"""A blend of learners: weights from out-of-fold predictions within the training samples, pulled towards equal.

Weights that follow the out-of-fold errors alone choose badly where there are few groups: the folds differ more than
the learners do. So they are pulled towards the plain mean, which is hard to beat.

Legend of shapes: ``M`` members, ``B`` training samples, ``T`` targets, ``C`` classes, ``O`` outputs of one target: 1
for a number, or the classes.

References
----------
Wolpert (1992), Stacked generalization, Neural Networks 5. Breiman (1996), Stacked regressions, Machine Learning 24
(weights that are not negative). Clemen (1989), Combining forecasts: a review and annotated bibliography, International
Journal of Forecasting 5 (why equal weights are hard to beat).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from scipy.optimize import minimize
from scipy.special import xlogy

from aam.config.tuning.settings import LearnerSettings
from aam.learners.catalogue import TREE_ENSEMBLES
from aam.learners.cross_fit import CrossFit, CrossFitted
from aam.learners.protocol import Labelled, Learner
from aam.learners.trees.ordered import is_above
from aam.processes import outcomes

if TYPE_CHECKING:
    from aam.data.study.study import Study
    from aam.data.targets.targets import Targets

PULL = LearnerSettings.blend_pull
"""Weight of the squared distance from even weights, beside a loss that is 1 for the best constant prediction."""
SMALLEST_SHARE = 1e-6
"""Of a class, so that its logarithm is finite."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedBlend:
    """Learners fitted on all training samples, and what is known of them from predictions out of fold.

    Attributes
    ----------
    learners, names
        The members, and their names in the catalogue.
    weights_MT
        Weight of each member in each target; columns sum to 1.
    out_of_fold_M
        Predictions of each training sample by each member without its fold: ``M x B x T``, or ``M x B x C``, the
        classes of all targets.
    blended
        The same of the blend, whose weights are those of the other folds: ``B x T``, or ``B x C``.
    fold_B
        Fold of each sample.
    seconds
        Time that each member took.
    """

    learners: tuple[Learner, ...]
    names: tuple[str, ...]
    weights_MT: np.ndarray
    out_of_fold_M: np.ndarray
    blended: np.ndarray
    fold_B: np.ndarray
    seconds: tuple[float, ...]

    def predict(self, study: Study, rows: np.ndarray) -> np.ndarray:
        """Predictions of some samples of any study, in the learned space."""
        return self.combined(np.stack([one.predict(study, rows) for one in self.learners]))

    def combined(self, predictions_M: np.ndarray) -> np.ndarray:
        """The members' predictions of some samples as one."""
        return combine(predictions_M, self.weights_MT, self.learners[0].targets)


class BlendProgress(Protocol):
    """Is told how far the fitting of a blend is."""

    def begin(self, name: str) -> None:
        """A member is fitted next."""

    def next_fold(self) -> None:
        """That member has learned without one more fold."""

    def finish(self, name: str) -> None:
        """A member, one of several that were fitted at once, is fitted."""


def fit_blend(
    learners: Sequence[Learner],
    names: Sequence[str],
    study: Study,
    samples: Labelled,
    fold_B: np.ndarray,
    progress: BlendProgress | None = None,
    jobs: int = 1,
) -> FittedBlend:
    """Fit every member on all samples and without each fold, and weigh them.

    Parameters
    ----------
    learners, names
        Members of one task, not fitted, and their names.
    study, samples
        The study, and its training samples in the order of their ids.
    fold_B
        Fold of each sample; see :func:`~aam.learners.folds.deal_folds`.
    progress
        Is told how far it is.
    jobs
        Members that are fitted at once, each in a process of its own.
    """
    targets = learners[0].targets
    fitting = [CrossFit(learner, study, samples, fold_B) for learner in learners]
    cross_fitted = _in_turn(fitting, names, progress) if jobs == 1 else _at_once(fitting, names, progress, jobs)
    learners = [one.learner for one in cross_fitted]
    seconds = [one.seconds for one in cross_fitted]
    found = [one.out_of_fold for one in cross_fitted]
    out_of_fold_M, towards_M, pull = np.stack(found), even_weights(names), learners[0].task.settings.blend_pull
    return FittedBlend(
        learners=tuple(learners),
        names=tuple(names),
        weights_MT=blend_weights(out_of_fold_M, samples, targets, towards_M, pull),
        out_of_fold_M=out_of_fold_M,
        blended=cross_blend(out_of_fold_M, samples, targets, fold_B, towards_M, pull),
        fold_B=fold_B,
        seconds=tuple(seconds),
    )


def _in_turn(fitting: Sequence[CrossFit], names: Sequence[str], progress: BlendProgress | None) -> list[CrossFitted]:
    found = []
    for one, name in zip(fitting, names, strict=True):
        if progress is not None:
            progress.begin(name)
            one.learner.on_fold = progress.next_fold
        found.append(one.here())
        one.learner.on_fold = None
    return found


def _at_once(
    fitting: Sequence[CrossFit], names: Sequence[str], progress: BlendProgress | None, jobs: int
) -> list[CrossFitted]:
    found: dict[int, CrossFitted] = {}
    for outcome in outcomes(fitting, jobs):
        if outcome.error is not None:
            raise outcome.error
        assert outcome.value is not None
        found[outcome.place] = outcome.value.for_task(fitting[outcome.place].learner)
        if progress is not None:
            progress.finish(names[outcome.place])
    return [found[place] for place in range(len(fitting))]


def combine(predictions_M: np.ndarray, weights_MT: np.ndarray, targets: Targets | None = None) -> np.ndarray:
    """The weighted mean over members of ``M x B x T``, or ``M x B x C``.

    Parameters
    ----------
    predictions_M
        Of all members.
    weights_MT
        A column for each target, or one for all of them.
    targets
        They say which outputs are whose; not needed where one column of weights is for all, or targets are numbers.
    """
    if targets is not None and weights_MT.shape[1] == len(targets):
        weights_MT = np.repeat(weights_MT, [own.stop - own.start for own in targets.outputs], axis=1)
    return np.asarray(np.einsum("mbt,mt->bt", predictions_M, np.broadcast_to(weights_MT, _per_output(predictions_M))))


def even_weights(names: Sequence[str]) -> np.ndarray:
    """What weights are pulled towards (``M``): tree ensembles together count as much as all others together.

    Kernels are many and resemble each other, so that equal weights for all would leave little to the trees.
    """
    is_tree = np.isin(names, TREE_ENSEMBLES)
    sides = [side for side in (is_tree, ~is_tree) if side.any()]
    return np.asarray(sum(side / side.sum() for side in sides) / len(sides))


def blend_weights(
    out_of_fold_M: np.ndarray,
    samples: Labelled,
    targets: Targets,
    towards_M: np.ndarray | None = None,
    pull: float = PULL,
) -> np.ndarray:
    """Weights that minimise the loss of out-of-fold predictions plus ``pull`` times the distance from given weights.

    Parameters
    ----------
    out_of_fold_M
        ``M x B x T``, or ``M x B x C``.
    samples
        Their truths and weights; samples without a truth are left out for that target.
    targets
        What is predicted: numbers by their squared error in units of their variance, classes by their log loss in
        units of that of the shares of classes, ordered ones by the squared error of their cumulative probabilities,
        counts by their Poisson deviance in units of that of their mean.
    towards_M
        The weights that they are pulled towards; equal ones where left out.
    pull
        How hard; 0 for the least loss alone.

    Returns
    -------
    numpy.ndarray
        ``M x T``, not negative; columns sum to 1.
    """
    problems = _problems(out_of_fold_M, samples, targets)
    number = len(out_of_fold_M)
    goal_M = np.full(number, 1 / number) if towards_M is None else towards_M
    return np.column_stack([_least(loss, goal_M, pull) for loss in problems])


def cross_blend(
    out_of_fold_M: np.ndarray,
    samples: Labelled,
    targets: Targets,
    fold_B: np.ndarray,
    towards_M: np.ndarray | None = None,
    pull: float = PULL,
) -> np.ndarray:
    """Blended out-of-fold predictions, for each fold by the weights that the other folds ask for."""
    found = np.empty(out_of_fold_M.shape[1:])
    for fold in np.unique(fold_B):
        others, own = fold_B != fold, fold_B == fold
        weights_MT = blend_weights(out_of_fold_M[:, others], samples.take(others), targets, towards_M, pull)
        found[own] = combine(out_of_fold_M[:, own], weights_MT, targets)
    return found


Loss = Callable[[np.ndarray], tuple[float, np.ndarray]]
"""Of the weights of the members: the loss and its gradient."""


def _problems(out_of_fold_M: np.ndarray, samples: Labelled, targets: Targets) -> Iterator[Loss]:
    kind = targets.kind
    for place, (spec, outputs) in enumerate(zip(targets.specs, targets.outputs, strict=True)):
        known, weights = ~np.isnan(samples.targets[:, place]), samples.weights_of(place)
        truth_B, weight_B = samples.targets[known, place], np.ones(known.sum()) if weights is None else weights[known]
        if spec.classes:
            of_classes = _ranked_probability_score if kind.is_ordered else _log_loss
            yield of_classes(out_of_fold_M[:, known, outputs], truth_B, weight_B)
        else:
            of_numbers = _deviance if kind.is_count else _squared_error
            yield of_numbers(out_of_fold_M[:, known, place], truth_B, weight_B)


def _squared_error(predicted_MB: np.ndarray, truth_B: np.ndarray, weight_B: np.ndarray) -> Loss:
    share_B = weight_B / weight_B.sum()
    variance = float(share_B @ (truth_B - share_B @ truth_B) ** 2) or 1.0
    error_MB = predicted_MB - truth_B
    products_MM = (error_MB * share_B) @ error_MB.T / variance

    def loss(weights_M: np.ndarray) -> tuple[float, np.ndarray]:
        turned = products_MM @ weights_M
        return float(weights_M @ turned), 2 * turned

    return loss


def _deviance(predicted_MB: np.ndarray, truth_B: np.ndarray, weight_B: np.ndarray) -> Loss:
    """The Poisson deviance, in units of that of the mean."""
    share_B = weight_B / weight_B.sum()
    mean = float(share_B @ truth_B)
    of_mean = 2 * float(share_B @ xlogy(truth_B, truth_B) - xlogy(mean, mean)) or 1.0
    saturated = float(share_B @ (xlogy(truth_B, truth_B) - truth_B))
    least = SMALLEST_SHARE * mean

    def loss(weights_M: np.ndarray) -> tuple[float, np.ndarray]:
        expected_B = np.maximum(weights_M @ predicted_MB, least)
        value = saturated + share_B @ (expected_B - xlogy(truth_B, expected_B))
        return 2 * float(value) / of_mean, 2 * predicted_MB @ (share_B * (1 - truth_B / expected_B)) / of_mean

    return loss


def _ranked_probability_score(predicted_MBC: np.ndarray, codes_B: np.ndarray, weight_B: np.ndarray) -> Loss:
    """The squared error of the probabilities of lying above each cut between levels."""
    above_MBK = predicted_MBC[:, :, ::-1].cumsum(axis=2)[:, :, -2::-1]
    truth_BK = is_above(codes_B, predicted_MBC.shape[2])
    mean_K = weight_B @ truth_BK / weight_B.sum()
    flat_M = (above_MBK - mean_K).reshape(len(above_MBK), -1)
    return _squared_error(flat_M, (truth_BK - mean_K).ravel(), np.repeat(weight_B, truth_BK.shape[1]))


def _log_loss(predicted_MBC: np.ndarray, codes_B: np.ndarray, weight_B: np.ndarray) -> Loss:
    share_B = weight_B / weight_B.sum()
    codes = codes_B.astype(np.int64)
    true_MB = np.take_along_axis(predicted_MBC, codes[None, :, None], axis=2)[:, :, 0]
    share_C = np.bincount(codes, share_B)
    entropy = float(-(share_C[share_C > 0] * np.log(share_C[share_C > 0])).sum()) or 1.0

    def loss(weights_M: np.ndarray) -> tuple[float, np.ndarray]:
        given_B = np.maximum(weights_M @ true_MB, SMALLEST_SHARE)
        return float(-(share_B * np.log(given_B)).sum() / entropy), -(true_MB @ (share_B / given_B)) / entropy

    return loss


def _least(loss: Loss, goal_M: np.ndarray, pull: float) -> np.ndarray:
    """Weights of the least loss with its pull, on the simplex."""
    number = len(goal_M)

    def pulled(weights_M: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = loss(weights_M)
        apart = weights_M - goal_M
        return value + pull * float(apart @ apart), gradient + 2 * pull * apart

    sums_to_1 = {"type": "eq", "fun": lambda w: w.sum() - 1, "jac": lambda w: np.ones(number)}
    found = minimize(
        pulled,
        goal_M,
        jac=True,
        method="SLSQP",
        bounds=[(0, 1)] * number,
        constraints=sums_to_1,
        options={"ftol": 1e-10},
    )
    weights = np.maximum(found.x, 0)
    return np.asarray(weights / weights.sum())


def _per_output(predictions_M: np.ndarray) -> tuple[int, int]:
    return len(predictions_M), predictions_M.shape[2]
