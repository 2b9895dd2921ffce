"""Parameters and errors of the estimators, derived from the configuration, in the terms of scikit-learn."""

from __future__ import annotations

import dataclasses
import inspect
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from aam.config import (
    CovariateOptions,
    DistributedOptions,
    EvaluationOptions,
    PretrainConfig,
    RunOptions,
    SplitOptions,
    StudyOptions,
    TableOptions,
    TargetOptions,
    TrainConfig,
    TransferOptions,
    keywords,
)
from aam.config.earlier import EarlierOptions
from aam.config.keywords import Parameter, Parameters, in_python
from aam.config.studies import CLASS, StudiesOptions
from aam.config.tracking import TrackingOptions
from aam.errors import ConfigError, InputError, PreemptedError

INTERRUPTED = 128 + signal.SIGINT


class ParameterError(ConfigError, ValueError):
    """A parameter of an estimator, or a combination of them, that cannot work."""


class DataError(InputError, ValueError):
    """Data given to an estimator that cannot be used."""

    def __reduce__(self) -> Any:
        """Made anew from its lines, so that it passes from one process to another."""
        return DataError.of, (self.problems,)


@contextmanager
def as_value_errors() -> Iterator[None]:
    """Raise what is wrong with options and data as ValueErrors; a signal ends the fit as it would end any other code.

    Raises
    ------
    ParameterError, DataError
        For a :class:`~aam.errors.ConfigError` or :class:`~aam.errors.InputError`.
    KeyboardInterrupt, SystemExit
        For Ctrl-C, or another signal that stopped the training: there is no run that could be resumed.
    """
    try:
        yield
    except (ParameterError, DataError):
        raise
    except ConfigError as error:
        raise ParameterError(in_python(str(error))) from None
    except InputError as error:
        raise DataError.of(tuple(map(in_python, error.problems))) from None
    except PreemptedError as error:
        if error.exit_code == INTERRUPTED:
            raise KeyboardInterrupt from None
        raise SystemExit(error.exit_code) from None


SEQUENCES = Parameter(
    None,
    "The ASVs' DNA: one for each column of X, or a mapping from the names of X's columns.",
    "the names of X's columns, which are DNA themselves then",
)
QUIET = {"progress": False}
"""Defaults that are not the command line's: an estimator is one of many, in a notebook or a search."""


def _names(*sections: type) -> frozenset[str]:
    return frozenset(field.name for section in sections for field in dataclasses.fields(section))


# What tells of files, of metadata columns, of a test that scikit-learn's own tools make, or of processes.
LEFT_OUT = (
    _names(TableOptions, StudyOptions, TargetOptions, CovariateOptions, SplitOptions, RunOptions, EvaluationOptions)
    | _names(DistributedOptions, EarlierOptions, StudiesOptions, TrackingOptions)
    | {"sample_weight_column", "categorical_loss_weights", "categorical_loss_weight_column"}
    | {"join", "dask_scheduler"}
) - (
    {"trim_length", "reverse_complement", "max_bp", "target_transform", "target_penalty", "validation_size", "stratify"}
    | {"seed", "device", "num_workers", "mixed_precision", "tf32", "compile_model", "progress"}
    | {"ensemble", "val_prediction_passes", "interval_level", "ordered", "count_target"}
)
OF_CLASSES = frozenset({"class_weights", "label_smoothing", "ordered", "balance_by"})
OF_NUMBERS = frozenset({"target_transform", "loss_type", "quantiles", "over_penalty", "under_penalty", "loss_config"})
OF_NUMBERS |= {"count_target", "count_distribution", "bounded_targets", "learnable_output_scale", "output_activation"}


OF_TARGETS = frozenset({"stratify", "balance_by"})
"""What needs a target."""
IN_MEMORY = {
    "jobs": "Learners of a blend that are fitted at once, each in a process of its own with its share of the cores; "
    "'all' is one for each core.",
    "balance_by": f"'{CLASS}' lets each class count the same in training: the network sees as many samples of each "
    "in an epoch.",
}
"""What options mean where there are neither files nor metadata columns."""


def parameters_of(config: type, left_out: frozenset[str] = frozenset()) -> dict[str, Parameter]:
    """The parameters of an estimator: the options of a command but those that make no sense without files.

    Parameters
    ----------
    config
        The command's configuration.
    left_out
        Further options that are left out.
    """
    found = keywords.parameters_of(config, **QUIET)
    kept = {name: parameter for name, parameter in found.items() if name not in left_out | LEFT_OUT}
    told = {name: dataclasses.replace(kept[name], help=words) for name, words in IN_MEMORY.items() if name in kept}
    return {"sequences": SEQUENCES, **kept, **told}


ENCODER_HELP = "Model folder of an encoder, or 'small', to take as it is, untrained; 'none' trains one."


def _pretrained() -> Parameter:
    field = next(field for field in dataclasses.fields(TransferOptions) if field.name == "pretrained_encoder")
    return dataclasses.replace(Parameter.of(field), help=ENCODER_HELP, derived="")


REGRESSOR = parameters_of(TrainConfig, OF_CLASSES)
CLASSIFIER = parameters_of(TrainConfig, OF_NUMBERS)
ENCODER = {**parameters_of(PretrainConfig, OF_TARGETS), "pretrained_encoder": _pretrained()}


def constructor(parameters: Parameters) -> Callable[..., None]:
    """An ``__init__`` that keeps each of its parameters as it is, under its name; scikit-learn reads its signature."""
    itself = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    signature = inspect.Signature([itself, *(parameter.named(name) for name, parameter in parameters.items())])

    def __init__(self: Any, **given: Any) -> None:
        bound = signature.bind(self, **given)
        bound.apply_defaults()
        for name in parameters:
            setattr(self, name, bound.arguments[name])

    __init__.__signature__ = signature  # type: ignore[attr-defined]
    return __init__
