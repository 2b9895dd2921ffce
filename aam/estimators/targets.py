"""What is to be learned of each sample, as scikit-learn passes it: numbers, labels, weights and groups.

Legend of shapes: ``N`` samples, ``T`` targets, ``C`` classes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from aam.config.types import shown
from aam.data.readers.metadata import Metadata
from aam.data.study.rarefaction import resolve_depth
from aam.data.study.study import Study
from aam.errors import ConfigError, InputError
from aam.log import say
from aam.text import plural, shorten

NAME = "y"
GROUPS = "groups"
FEWEST_SAMPLES = 2


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels of samples, as scikit-learn has them and as the model has them, which is text.

    Attributes
    ----------
    classes_C
        The labels, sorted.
    texts_C
        The same as text, in the same order.
    text_N
        Text of each sample's label.
    """

    classes_C: np.ndarray
    texts_C: np.ndarray
    text_N: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """What is known of the training samples.

    Attributes
    ----------
    targets
        Name -> numbers (float64, NaN where missing) or labels as text (empty where missing).
    weight_N
        Weight of each sample; one of weight 0 is as good as not there.
    group_N
        Group of each sample: a group is never both trained on and validated on.
    """

    targets: Mapping[str, np.ndarray]
    weight_N: np.ndarray | None = None
    group_N: np.ndarray | None = None


def numbers_of(y: Any) -> tuple[dict[str, np.ndarray], bool]:
    """Numbers to predict by name: a frame's columns, a series' name, or ``y``, ``y0``, ``y1``.

    Where there are several for a sample, some may be missing (NaN).

    Returns
    -------
    tuple
        The numbers, and whether they came without an axis of targets.
    """
    rules: dict[str, Any] = {"ensure_2d": False, "dtype": np.float64, "input_name": NAME}
    values = check_array(y, ensure_all_finite="allow-nan", **rules)
    values_NT = values.reshape(len(values), -1)
    if values_NT.shape[1] == 1:
        check_array(values, **rules)
    columns = getattr(y, "columns", None)
    if columns is None:
        names = [NAME] if values_NT.shape[1] == 1 else [f"{NAME}{place}" for place in range(values_NT.shape[1])]
        name = getattr(y, "name", None)
        columns = [name] if name is not None and len(names) == 1 else names
    named = {str(column): values_NT[:, place].copy() for place, column in enumerate(columns)}
    if len(named) < values_NT.shape[1]:
        raise InputError(NAME, "two columns have one name", "rename them")
    return named, values.ndim == 1


def labels_of(y: Any) -> Labels:
    """Labels to predict, of any type that scikit-learn takes.

    Raises
    ------
    InputError
        If all are of one class, or a label cannot be written as text of its own.
    """
    values = column_or_1d(y, warn=True)
    check_array(values, ensure_2d=False, dtype=None, input_name=NAME)
    check_classification_targets(values)
    classes_C, code_N = np.unique(values, return_inverse=True)
    texts_C = np.array([str(label) for label in classes_C], dtype=object)
    if len(classes_C) < 2:
        raise InputError(NAME, f"has 1 class ({shorten(texts_C[0])})", "at least 2 are needed")
    strange = [text for text in texts_C if not text.strip() or not text.isprintable()]
    if strange or len(set(texts_C)) < len(texts_C):
        first = strange[0] if strange else texts_C[0]
        raise InputError(NAME, f"label {first!r} does not identify its class as text", "rename it")
    return Labels(classes_C, texts_C, texts_C[code_N])


TYPES: dict[str, Any] = {"bool": {"True": True, "False": False}.__getitem__, "int": int, "float": float}
TYPES |= {"str": str, "object": str}
"""What makes labels of their texts; objects are texts, since scikit-learn takes no others."""


def type_of_labels(classes_C: np.ndarray) -> str:
    """The type of labels, as a model's record keeps it; other than numbers and bools are kept as their texts."""
    kind = str(classes_C.dtype)
    return kind if _base(kind) in TYPES else "str"


def labels_of_texts(texts: Sequence[str], kind: Any) -> Labels:
    """The labels of a model that was loaded, of their type and in their order.

    Parameters
    ----------
    texts
        The classes of the model.
    kind
        From :func:`type_of_labels`; None for a model of the command line, whose classes are text.

    Raises
    ------
    ValueError
        If there is no such type, or a text is no label of it.
    """
    named = str("str" if kind is None else kind)
    make = TYPES.get(_base(named))
    if make is None:
        raise ValueError(f"there are no labels of the type {shorten(named)}")
    try:
        classes_C = np.array([make(text) for text in texts], dtype=np.dtype(named))
    except (ValueError, KeyError, TypeError, OverflowError):
        raise ValueError(f"its classes are no labels of the type {shorten(named)}") from None
    order_C = np.argsort(classes_C, kind="stable")
    texts_C = np.array(list(texts), dtype=object)[order_C]
    return Labels(classes_C[order_C], texts_C, texts_C)


def _base(kind: str) -> str:
    """``int`` for ``uint8``."""
    return kind.rstrip("0123456789").removeprefix("u")


def name_of_labels(y: Any) -> str:
    """The name of the series that labels come in, or ``y``."""
    return str(name) if (name := getattr(y, "name", None)) is not None else NAME


def weights_of(sample_weight: Any, num_samples: int) -> np.ndarray | None:
    """Weights of samples, not negative and not all 0."""
    if sample_weight is None:
        return None
    if isinstance(sample_weight, Real):
        sample_weight = np.full(num_samples, sample_weight)
    weight_N = check_array(sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight")
    if weight_N.shape != (num_samples,):
        raise InputError("sample_weight", f"has the shape {weight_N.shape}", f"({num_samples},) is needed")
    negative = int((weight_N < 0).sum())
    if negative or not weight_N.any():
        what = f"{negative:,} of {num_samples:,} are negative" if negative else "every weight is zero"
        raise InputError("sample_weight", what, "positive weights are needed")
    return weight_N


def groups_of(groups: Any) -> np.ndarray | None:
    """Groups of samples, numbered, as text.

    Raises
    ------
    InputError
        If a sample has none.
    """
    if groups is None:
        return None
    values = column_or_1d(groups)
    missing = np.flatnonzero([is_missing(one) for one in values])
    if len(missing):
        problem = f"{plural(len(missing), 'sample')} of {len(values):,} without a group (first: row {missing[0]})"
        raise InputError(GROUPS, problem, "give each a group of its own, or leave them out of X, y and groups")
    if values.dtype == object:
        values = values.astype(str)
    return np.unique(values, return_inverse=True)[1].astype(str).astype(object)


def is_missing(group: Any) -> bool:
    """Whether a group or label is none: NaN, NaT, None, NA or an empty text; what is missing does not equal itself."""
    if group is None or (isinstance(group, str) and not group.strip()):
        return True
    is_same = group == group
    return not (isinstance(is_same, bool | np.bool_) and is_same)


def check_level(level: Any) -> None:
    """Refuse the nominal coverage of intervals that is no number between 0 and 1.

    Raises
    ------
    ConfigError
        With what was given.
    """
    is_number = isinstance(level, Real) and not isinstance(level, bool | np.bool_)
    if level is not None and not (is_number and 0 < level < 1):
        raise ConfigError(f"level must be a number above 0 and below 1, such as 0.9, got {shown(level)}")


def training_study(study: Study, answers: Answers, rarefy_depth: Any) -> Study:
    """The samples to learn from, with all that is to be learned of them.

    Left out are samples without any target, of weight 0, or with fewer reads than the rarefaction depth.

    Parameters
    ----------
    study
        The samples.
    answers
        What is known of them.
    rarefy_depth
        As in :class:`~aam.config.SamplingOptions`.

    Raises
    ------
    InputError
        If too few samples are left.
    """
    reads = np.asarray(study.table.counts.sum(axis=1)).ravel().astype(np.int64)
    kept = np.ones(len(study), dtype=bool) if answers.weight_N is None else answers.weight_N > 0
    if answers.targets:
        kept &= np.any([_is_there(values) for values in answers.targets.values()], axis=0)
    depth = resolve_depth(rarefy_depth, reads[kept], study.sample_ids[kept]) if kept.any() else None
    if depth is not None:
        kept &= reads >= depth
    rows = np.flatnonzero(kept)
    if len(rows) < len(study):
        say(f"{plural(len(study) - len(rows), 'sample')} left out: no target, weight 0, or fewer reads than {depth}")
    if len(rows) < FEWEST_SAMPLES:
        problem = f"{plural(len(rows), 'sample')} of {len(study):,} can be learned from"
        raise InputError("X", problem, f"at least {FEWEST_SAMPLES} with a target and enough reads are needed")
    for name, values in answers.targets.items():
        if values.dtype == object and len(set(values[rows]) - {""}) < 2:
            raise InputError(NAME, f"1 class of '{name}' is left in {plural(len(rows), 'sample')}", "2 are needed")
    chosen = study.take(rows)
    ids = chosen.sample_ids
    groups = {} if answers.group_N is None else {GROUPS: answers.group_N[rows]}
    return dataclasses.replace(
        chosen,
        metadata=Metadata(NAME, ids, groups, ()),
        targets={name: values[rows] for name, values in answers.targets.items()},
        weights=None if answers.weight_N is None else answers.weight_N[rows],
        rarefy_depth=depth,
    )


def _is_there(values: np.ndarray) -> np.ndarray:
    if values.dtype == object:
        return np.asarray(values != "", dtype=bool)
    return ~np.isnan(values)
