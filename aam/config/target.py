"""What `aam train` predicts: the columns, how they are scaled, the head that reads them, and its loss."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any, Literal

from aam.config.option import REQUIRED, Section, flag, option
from aam.config.types import Column, shown
from aam.errors import ConfigError

Transform = Literal["none", "minmax", "zscore", "zscore-category", "log-minmax", "log-zscore", "quantile", "boxcox"]
LossType = Literal["mse", "mae", "huber", "quantile", "asymmetric"]
ELEMENTWISE_LOSSES = ("mse", "mae", "huber")
MEDIAN = 0.5
LARGEST = sys.float_info.max


@dataclass(frozen=True, kw_only=True)
class ColumnOptions(Section):
    """Column: the metadata column to predict."""

    metadata_column: str = option(REQUIRED, "Metadata column to predict.", usual=True)
    classifier: bool = option(False, "Predict classes instead of a number.", usual=True)
    missing: tuple[str, ...] = option((), "Further words for a missing value in the target column.")
    ordered: tuple[str, ...] = option(
        (),
        "Predict ordered classes: the levels of --metadata-column from low to high, such as none,mild,severe.",
        usual="Predict levels in this order: none,mild,severe",
    )
    count_target: bool = option(
        False,
        "Predict counts: whole numbers from 0 on, such as episodes or species.",
        usual="Predict counts: whole numbers from 0 on",
    )

    @property
    def has_classes(self) -> bool:
        """Whether classes are predicted, ordered or not."""
        return self.classifier or bool(self.ordered)

    def check_kind(self) -> None:
        """Refuse levels that do not make an order, and two kinds of target at once."""
        if len(set(self.ordered)) < len(self.ordered):
            raise ConfigError("--ordered names a level twice")
        if len(self.ordered) == 1:
            raise ConfigError(f"--ordered needs two levels or more, from low to high, got {shown(self.ordered[0])}")
        if self.count_target and self.has_classes:
            raise ConfigError(
                f"--count-target is for numbers, not for {'--ordered' if self.ordered else '--classifier'}"
            )

    def check(self) -> None:
        """Refuse what is no kind of target."""
        self.check_kind()


@dataclass(frozen=True, kw_only=True)
class TargetOptions(ColumnOptions):
    """Target: columns to predict and their scaling."""

    metadata_column: tuple[Column, ...] = option(  # type: ignore[assignment]
        REQUIRED,
        "Metadata column to predict. Repeat it to predict several numbers at once, or with --classifier several "
        "columns of classes; samples may lack some of them.",
        usual="Column to predict; repeat it for several",
    )
    target_transform: Transform | None = option(
        None,
        "Scaling of a numeric target; fitted on the training samples and undone in all results.",
        derived="zscore; minmax with --bounded-targets; zscore-category with --normalize-by",
    )
    normalize_by: tuple[str, ...] = option(
        (), "Columns within whose (joint) levels zscore-category standardises the target."
    )
    target_penalty: float = option(1.0, "Weight of the target loss.", above=0)
    exposure_column: str | None = option(
        None, "Column of what counts are proportional to, with --count-target: days observed, area, reads."
    )

    def check(self) -> None:
        """Refuse what cannot be predicted, or scaled, together."""
        self.check_kind()
        self._check_own_scale()
        if len(set(self.metadata_column)) < len(self.metadata_column):
            raise ConfigError("--metadata-column names a column twice")
        shared = [
            (column, f"{end}_{column}")
            for column in self.metadata_column
            for end in ("low", "high", "std")
            if f"{end}_{column}" in self.metadata_column
        ]
        for column, other in shared:
            raise ConfigError(
                f"'{column}' and '{other}' would share a column of the predictions (predicted_{other}): rename one of "
                "them in the metadata"
            )
        if self.classifier and self.target_transform not in (None, "none"):
            raise ConfigError("--target-transform is for numeric targets, not for --classifier")
        if self.classifier and self.normalize_by:
            raise ConfigError("--normalize-by is for numeric targets, not for --classifier")
        if self.normalize_by and self.target_transform not in (None, "zscore-category"):
            raise ConfigError(
                f"--normalize-by needs --target-transform zscore-category, not {self.target_transform}: leave one out"
            )
        if self.target_transform == "zscore-category" and not self.normalize_by:
            raise ConfigError("--target-transform zscore-category needs --normalize-by: within which levels?")

    def _check_own_scale(self) -> None:
        """Refuse to scale what is ordered or counted, and several columns of ordered classes."""
        check_exposure(self.exposure_column, self, self.metadata_column)
        name = "--ordered" if self.ordered else "--count-target" if self.count_target else ""
        if self.ordered and len(self.metadata_column) > 1:
            raise ConfigError("--ordered takes one --metadata-column: train one model for each")
        if name and self.target_transform not in (None, "none"):
            raise ConfigError(f"--target-transform is for numbers on a scale, not for {name}: leave one out")
        if name and self.normalize_by:
            raise ConfigError(f"--normalize-by is for numbers on a scale, not for {name}: leave one out")


def check_exposure(column: str | None, target: ColumnOptions, targets: tuple[str, ...]) -> None:
    """Refuse an exposure of what is not counted, and one that is itself to be predicted.

    Raises
    ------
    ConfigError
        With what to change.
    """
    if column is not None and not target.count_target:
        raise ConfigError("--exposure-column needs --count-target")
    if column in targets:
        raise ConfigError(f"--exposure-column '{column}' is the target: name another column")


@dataclass(frozen=True, kw_only=True)
class HeadOptions(Section):
    """Head: from the sample vector to the prediction."""

    regressor_hidden_dims: tuple[int, ...] | Literal["none"] | None = option(
        None,
        "Widths of the hidden layers, such as 64,32; 'none' is a single linear layer.",
        at_least=1,
        derived="one layer of --embedding-dim",
    )
    regressor_dropout: float | None = option(None, "Dropout in the head.", at_least=0, below=1, derived="--dropout")
    experts: int = option(
        1,
        "Small networks in the head, whose outputs a gate weighs for each sample: a mixture of experts.",
        at_least=1,
        at_most=64,
    )
    expert_balance: float = option(
        0.01, "Weight of the term that keeps the gate from using few of the --experts.", at_least=0
    )
    residual_regression_head: bool = option(False, "Add a linear skip connection around the hidden layers.")
    target_layer_norm: bool | None = option(
        None,
        "Layer normalisation of the head's input.",
        derived="on with covariates; without, the sample vector is already normalised",
    )
    bounded_targets: bool = option(
        False,
        "Bound predictions to the range of the training samples by a sigmoid.",
        negative="unbounded-targets",
    )
    learnable_output_scale: bool = option(False, "Learn a scale and bias for each output.")
    output_activation: Literal["none", "relu", "softplus", "exp"] = option(
        "none", "Keep predictions above zero, in the units of the target, by this function."
    )
    linear_path: bool = option(True, "Add a regularised linear path from soft clades to the prediction.")
    linear_path_decay: float = option(0.1, "Weight decay of the linear path.", at_least=0)
    linear_path_lr: float = option(0.1, "Learning rate of the linear path as a fraction of --lr.", above=0, at_most=1)

    def check(self) -> None:
        """Refuse parts of the head that exclude each other."""
        if self.residual_regression_head and self.regressor_hidden_dims == "none":
            raise ConfigError(
                "--residual-regression-head needs hidden layers to stand beside: leave out --regressor-hidden-dims none"
            )
        if self.bounded_targets and self.output_activation != "none":
            raise ConfigError("--bounded-targets and --output-activation both transform the output: leave one out")
        if self.experts == 1 and self.expert_balance != HeadOptions.expert_balance:
            raise ConfigError("--expert-balance needs --experts 2 or more: there is nothing to balance")
        for name in ("linear_path_decay", "linear_path_lr"):
            if not self.linear_path and getattr(self, name) != getattr(HeadOptions, name):
                raise ConfigError(f"--no-linear-path leaves out what {flag(name)} is for: leave one of them out")


@dataclass(frozen=True, kw_only=True)
class LossOptions(Section):
    """Loss: loss function of the target and its weights."""

    loss_type: LossType = option(
        "huber",
        "Loss of a numeric target: squared error, absolute error, Huber, pinball loss of --quantiles, or asymmetric "
        "absolute error (--over-penalty, --under-penalty).",
    )
    quantiles: tuple[float, ...] = option(
        (),
        "Quantiles to learn, ascending and including 0.5, the prediction; with --loss-type quantile.",
        above=0,
        below=1,
        derived="0.1,0.5,0.9 with --loss-type quantile",
    )
    over_penalty: float = option(1.0, "Weight of overprediction, with --loss-type asymmetric.", above=0)
    under_penalty: float = option(1.0, "Weight of underprediction, with --loss-type asymmetric.", above=0)
    loss_config: str | None = option(
        None, 'Losses of individual targets as JSON, by column or position: {"age": "mae"}; others use --loss-type.'
    )
    count_distribution: Literal["poisson", "negative-binomial"] = option(
        "negative-binomial",
        "Distribution of counts whose likelihood is the network's loss, with --count-target; the dispersion of a "
        "negative binomial one is learned.",
    )
    class_weights: Literal["none", "balanced"] | tuple[float, ...] = option(
        "none", "Class weights in the loss: balanced, or a list in sorted order of the classes."
    )
    label_smoothing: float = option(0.0, "Fraction of each class label spread over all classes.", at_least=0, below=1)
    sample_weight_column: str | None = option(None, "Column of positive sample weights.")
    categorical_loss_weights: str | None = option(
        None,
        "Sample weights by level of a column: 'auto' gives every level the same total weight; or JSON such as "
        '{"winter": 2.0} (other levels: 1).',
    )
    categorical_loss_weight_column: str | None = option(
        None, "Column of --categorical-loss-weights.", derived="the first of --categorical-columns"
    )
    count_prediction: bool | None = option(
        None,
        "Also learn relative counts.",
        derived="on if --count-penalty is above 0",
    )

    def check(self) -> None:
        """Refuse settings of a loss that is not used, and quantiles that are none."""
        if self.quantiles and self.loss_type != "quantile":
            raise ConfigError("--quantiles needs --loss-type quantile")
        if list(self.quantiles) != sorted(set(self.quantiles)):
            raise ConfigError("--quantiles must be ascending, each once")
        if self.quantiles and MEDIAN not in self.quantiles:
            raise ConfigError("--quantiles must hold 0.5: the median is the prediction")
        if self.loss_type != "asymmetric" and (self.over_penalty, self.under_penalty) != (1.0, 1.0):
            raise ConfigError("--over-penalty and --under-penalty need --loss-type asymmetric")
        if self.loss_config is not None and self.loss_type not in ELEMENTWISE_LOSSES:
            raise ConfigError(f"--loss-config cannot be combined with --loss-type {self.loss_type}")
        if self.loss_config is not None:
            self.losses_by_target()
        if self.categorical_loss_weights is None and self.categorical_loss_weight_column is not None:
            raise ConfigError("--categorical-loss-weight-column needs --categorical-loss-weights")
        if self.categorical_loss_weights not in (None, "auto"):
            self.weight_by_level()

    @property
    def all_quantiles(self) -> tuple[float, ...]:
        """The quantiles that are learned; none with another loss."""
        if self.loss_type != "quantile":
            return ()
        return self.quantiles or (0.1, MEDIAN, 0.9)

    def losses_by_target(self) -> dict[str, str]:
        """The content of ``--loss-config``: a loss by column or place."""
        found = _json_mapping("--loss-config", self.loss_config or "{}")
        wrong = {name: kind for name, kind in found.items() if kind not in ELEMENTWISE_LOSSES}
        for name, kind in wrong.items():
            known = ", ".join(ELEMENTWISE_LOSSES)
            raise ConfigError(f"--loss-config: {shown(name)} must be one of {known}, got {shown(kind)}")
        return found

    def weight_by_level(self) -> dict[str, float]:
        """The weights that ``--categorical-loss-weights`` lists."""
        found = _json_mapping("--categorical-loss-weights", self.categorical_loss_weights or "{}")
        for level, weight in found.items():
            if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight <= LARGEST:
                problem = f"{shown(level)} must be a positive number, got {shown(weight)}"
                raise ConfigError(f"--categorical-loss-weights: {problem}")
        return {level: float(weight) for level, weight in found.items()}


def _json_mapping(name: str, text: str) -> dict[str, Any]:
    def each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        for key in keys:
            if keys.count(key) > 1:
                raise ConfigError(f"{name} names {shown(key)} twice")
        return dict(pairs)

    try:
        content = json.loads(text, object_pairs_hook=each_once)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{name} is not JSON ({error})") from None
    if not isinstance(content, dict):
        raise ConfigError(f'{name} must be a JSON object such as {{"name": ...}}')
    return content
