"""How good the predictions of classes are, class by class, and whether their probabilities can be believed.

Legend: ``R`` draws, ``N`` samples, ``C`` classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from aam.data.targets.kinds import Predictions
from aam.evaluation.catalogue import Interval
from aam.evaluation.metrics import LEVEL, bootstrapped

SAMPLES_A_BIN = 15
FEWEST_BINS, MOST_BINS = 3, 10


@dataclass(frozen=True, kw_only=True)
class ClassScores:
    """One class.

    Attributes
    ----------
    name
        The class.
    num_observed, num_predicted
        Samples of the class, and samples that were predicted to be of it.
    precision
        The share of the latter that are of the class; not defined where none was predicted.
    recall
        The share of the former that were predicted to be; not defined where there are none.
    f1
        The harmonic mean of both.
    """

    name: str
    num_observed: int
    num_predicted: int
    precision: Interval
    recall: Interval
    f1: Interval


def class_scores(predictions: Predictions) -> list[ClassScores]:
    """Precision, recall and F1 of each class with bootstrap intervals of 95 %.

    References
    ----------
    van Rijsbergen (1979), Information Retrieval, chapter 7.
    """
    observed_NC, predicted_NC = (
        (labels[:, None] == np.array(predictions.classes, dtype=object)).astype(np.float64)
        for labels in (predictions.observed, predictions.predicted)
    )

    def compute(weights_RN: np.ndarray) -> dict[str, np.ndarray]:
        hits, observed, predicted = (
            weights_RN @ table for table in (observed_NC * predicted_NC, observed_NC, predicted_NC)
        )
        found = {"precision": hits / predicted, "recall": hits / observed, "f1": 2 * hits / (observed + predicted)}
        return {f"{name} {code}": values[:, code] for name, values in found.items() for code in range(values.shape[1])}

    found = bootstrapped(predictions, compute)
    return [
        ClassScores(
            name=name,
            num_observed=int(observed_NC[:, code].sum()),
            num_predicted=int(predicted_NC[:, code].sum()),
            precision=found[f"precision {code}"],
            recall=found[f"recall {code}"],
            f1=found[f"f1 {code}"],
        )
        for code, name in enumerate(predictions.classes)
    ]


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """Whether probabilities of classes are those with which the classes occur.

    Attributes
    ----------
    brier
        Brier score; 0 is perfect.
    brier_of_frequencies
        That of predicting for every sample the frequencies of the classes among these samples.
    confidence
        Mean probability of the predicted class.
    accuracy
        Share of the samples whose predicted class is right.
    excess
        Confidence minus accuracy.
    """

    brier: Interval
    brier_of_frequencies: float
    confidence: float
    accuracy: float
    excess: Interval


def reliability(predictions: Predictions) -> Reliability:
    """Judge probabilities of classes, with bootstrap intervals of 95 %.

    The Brier score is the mean over the samples of the squared distance between the probabilities of the classes and
    the truth (1 for the class that is right, 0 for the others); of two classes it is that of one of them, half the sum.

    References
    ----------
    Brier (1950), doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2
    """
    assert predictions.probabilities is not None
    truth_NC = (predictions.observed[:, None] == np.array(predictions.classes, dtype=object)).astype(np.float64)
    scale = 0.5 if len(predictions.classes) == 2 else 1.0
    distances_N = scale * ((predictions.probabilities - truth_NC) ** 2).sum(axis=1)
    confidence_N = predictions.probabilities.max(axis=1)
    is_right_N = (predictions.predicted == predictions.observed).astype(np.float64)

    def compute(weights_RN: np.ndarray) -> dict[str, np.ndarray]:
        total = weights_RN.sum(axis=1)
        return {
            "brier": weights_RN @ distances_N / total,
            "excess": weights_RN @ (confidence_N - is_right_N) / total,
        }

    found, shares_C = bootstrapped(predictions, compute), truth_NC.mean(axis=0)
    return Reliability(
        brier=found["brier"],
        brier_of_frequencies=float(scale * (shares_C * (1 - shares_C)).sum()),
        confidence=float(confidence_N.mean()),
        accuracy=float(is_right_N.mean()),
        excess=found["excess"],
    )


@dataclass(frozen=True)
class ReliabilityBin:
    """Samples of like probability of a class: their number, mean probability, and how often the class occurs."""

    count: int
    predicted: float
    observed: Interval


def calibration_curve(probabilities_N: np.ndarray, is_class_N: np.ndarray, num_bins: int = 0) -> list[ReliabilityBin]:
    """How often a class occurs among samples of like probability of it, in bins of about as many samples each.

    Parameters
    ----------
    probabilities_N
        Of the class.
    is_class_N
        Whether each sample is of the class.
    num_bins
        Number of bins; one for each 15 samples, from 3 to 10, if omitted.

    Returns
    -------
    list
        The bins that hold samples, in ascending order, with Wilson intervals of 95 % (samples taken as independent).

    References
    ----------
    Niculescu-Mizil, Caruana (2005), doi:10.1145/1102351.1102430 (reliability diagrams);
    Wilson (1927), doi:10.1080/01621459.1927.10502953 (intervals).
    """
    number = num_bins or int(np.clip(len(probabilities_N) // SAMPLES_A_BIN, FEWEST_BINS, MOST_BINS))
    edges = np.quantile(probabilities_N, np.linspace(0, 1, number + 1))
    places = np.searchsorted(edges[1:-1], probabilities_N)
    bins = (places == place for place in range(number))
    return [
        ReliabilityBin(int(rows.sum()), float(probabilities_N[rows].mean()), wilson_interval(is_class_N[rows]))
        for rows in bins
        if rows.any()
    ]


def wilson_interval(is_class_N: np.ndarray) -> Interval:
    """A share with its interval of 95 %."""
    number, share = len(is_class_N), float(is_class_N.mean())
    z = float(ndtri((1 + LEVEL) / 2))
    centre = (share + z**2 / (2 * number)) / (1 + z**2 / number)
    width = z / (1 + z**2 / number) * np.sqrt(share * (1 - share) / number + z**2 / (4 * number**2))
    return Interval(share, float(max(0.0, centre - width)), float(min(1.0, centre + width)))
