"""The configuration of `aam train`, with its options for transfer from pre-training and for evaluation."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from aam.config.augmentation import AugmentationOptions, check_augmentation
from aam.config.covariates import CovariateOptions
from aam.config.distributed import DistributedOptions
from aam.config.earlier import EarlierOptions
from aam.config.jobs import JobOptions
from aam.config.learners import LearnerOptions, check_learners
from aam.config.memory import MemoryOptions, check_batch
from aam.config.optim import OptimOptions
from aam.config.option import Section, option
from aam.config.sections import (
    ModelOptions,
    ObjectiveOptions,
    RunOptions,
    SamplingOptions,
    SplitOptions,
    StudyOptions,
    TableOptions,
)
from aam.config.studies import CLASS, COVARIATE, STUDY, BalanceOptions, StudiesOptions, check_studies
from aam.config.target import ELEMENTWISE_LOSSES, HeadOptions, LossOptions, TargetOptions
from aam.config.tracking import TrackingOptions
from aam.config.tuning.settings import LearnerSettings, check_settings
from aam.config.unused_options import check_used
from aam.errors import Attempts, ConfigError

UNFROZEN_PARTS = ("encoder layers", "sample layers", "layers of the ASV encoder")
"""What gradual unfreezing lets learn beside the head, one after the other."""


@dataclass(frozen=True, kw_only=True)
class TransferOptions(Section):
    """Transfer: pre-trained encoder and how it is fine-tuned."""

    pretrained_encoder: Literal["small", "none"] | Path | None = option(
        None,
        "Pre-trained encoder: a model folder, run of `aam pretrain` or name of the index; 'small' is shipped with AAM; "
        "'none' uses none.",
        derived="none",
        usual="Encoder to start from: 'small' or a run",
        names_model=True,
    )
    refit_clades: bool = option(True, "Re-centre the soft clades of a pre-trained encoder on the ASVs of this study.")
    freeze_base: bool = option(False, "Freeze the encoder and train only the head.")
    gradual_unfreezing: int = option(
        0,
        "Epochs between unfreezing steps: head alone, then encoder layers, sample layers, ASV encoder; 0 trains all "
        "from the start.",
        at_least=0,
    )
    layer_lr_decay: float = option(
        1.0, "Learning rate of each layer as a fraction of that of the layer above.", above=0, at_most=1
    )
    asv_lr: float = option(
        0.1,
        "Learning rate of the ASV encoder and soft clades as a fraction of --lr.",
        above=0,
        at_most=1,
    )
    skip_nuc_predictions: bool | None = option(
        None,
        "Do not predict nucleotides; if kept, their validation accuracy is measured without learning from it.",
        derived="on if --nuc-penalty is 0",
        negative="keep-nuc-predictions",
    )

    @property
    def all_learn_from(self) -> int:
        """The epoch, from 0, in which the last part of the encoder begins to learn."""
        return len(UNFROZEN_PARTS) * self.gradual_unfreezing

    @property
    def names_encoder(self) -> bool:
        """Whether an encoder is asked for."""
        return self.pretrained_encoder not in (None, "none")

    def check(self) -> None:
        """Refuse options for an encoder that learns where it is held still, and a random encoder that is kept."""
        if self.freeze_base and self.gradual_unfreezing:
            raise ConfigError("--freeze-base never unfreezes: leave out --gradual-unfreezing")
        if self.freeze_base and self.layer_lr_decay != 1:
            raise ConfigError("--freeze-base trains no layer of the encoder: leave out --layer-lr-decay")
        if self.freeze_base and self.asv_lr != TransferOptions.asv_lr:
            raise ConfigError("--freeze-base trains no layer of the encoder: leave out --asv-lr")
        if not self.refit_clades and not self.names_encoder:
            raise ConfigError("--no-refit-clades needs --pretrained-encoder: there are no clades yet to keep")
        for given, name in ((self.freeze_base, "--freeze-base"), (self.gradual_unfreezing, "--gradual-unfreezing")):
            if given and not self.names_encoder:
                raise ConfigError(
                    f"{name} needs --pretrained-encoder: a randomly initialised encoder should not be frozen"
                )


@dataclass(frozen=True, kw_only=True)
class EvaluationOptions(Section):
    """Evaluation: cross-validation, ensembles, intervals and baseline."""

    cv: int | Literal["study"] | None = option(
        None,
        "Number of cross-validation folds; they keep groups whole and are stratified by the target. 'study' leaves one "
        "study out after the other (--study-column).",
        at_least=2,
        usual="Cross-validate in so many folds",
    )
    cv_repeats: int = option(1, "Repeats of the cross-validation with different folds.", at_least=1)
    ensemble: int = option(1, "Number of models, trained with different seeds, to average.", at_least=1)
    val_prediction_passes: int = option(1, "Rarefied draws averaged for each held-out sample.", at_least=1, at_most=100)
    interval_level: float = option(
        0.9,
        "Nominal coverage of prediction intervals (or prediction sets) for new samples.",
        above=0,
        below=1,
    )
    forest_baseline: bool = option(True, "Fit a random forest on the same split as a baseline.")

    def check(self) -> None:
        """Refuse repeats of nothing."""
        if self.cv is None and self.cv_repeats > 1:
            raise ConfigError("--cv-repeats needs --cv")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """All options of `aam train`."""

    table: TableOptions
    study: StudyOptions
    target: TargetOptions
    learners: LearnerOptions = field(default_factory=LearnerOptions)
    settings: LearnerSettings = field(default_factory=LearnerSettings)
    head: HeadOptions
    loss: LossOptions
    covariates: CovariateOptions
    studies: StudiesOptions = field(default_factory=StudiesOptions)
    balance: BalanceOptions = field(default_factory=BalanceOptions)
    earlier: EarlierOptions = field(default_factory=EarlierOptions)
    transfer: TransferOptions
    evaluation: EvaluationOptions
    sampling: SamplingOptions
    augmentation: AugmentationOptions = field(default_factory=AugmentationOptions)
    split: SplitOptions
    model: ModelOptions
    objective: ObjectiveOptions
    optim: OptimOptions
    memory: MemoryOptions
    distributed: DistributedOptions = field(default_factory=DistributedOptions)
    jobs: JobOptions = field(default_factory=JobOptions)
    tracking: TrackingOptions = field(default_factory=TrackingOptions)
    run: RunOptions

    def __post_init__(self) -> None:
        self._take_study_as_covariate()
        attempt = Attempts()
        attempt(lambda: check_batch(self.optim, self.memory))
        attempt(lambda: check_used(self.study, self.objective, self.optim))
        attempt(lambda: check_augmentation(self))
        attempt(lambda: check_learners(self))
        attempt(lambda: check_settings(self))
        attempt(lambda: check_studies(self))
        attempt(self._check_sheet)
        attempt(self._check_target)
        attempt(self._check_covariates)
        attempt(lambda: self.earlier.check_groups(self.split.group_column))
        attempt(self._check_transfer)
        if not self.is_blend:
            attempt(self.split.check_validation)
        attempt(self._check_folds)
        attempt(self._check_processes)
        attempt(self._check_jobs)
        attempt.raise_if_any()

    def _check_processes(self) -> None:
        if self.distributed.fsdp and (self.transfer.freeze_base or self.transfer.gradual_unfreezing):
            which = "--freeze-base" if self.transfer.freeze_base else "--gradual-unfreezing"
            raise ConfigError(f"--fsdp shards what learns, from the first step on: leave out {which}, or --fsdp")
        if self.distributed.is_asked_for and (self.evaluation.cv is not None or self.evaluation.ensemble > 1):
            which = "--cv" if self.evaluation.cv is not None else "--ensemble"
            raise ConfigError(f"{which} trains one model after the other on one device: leave --devices out")
        if self.distributed.is_asked_for and self.earlier.is_asked_for:
            raise ConfigError("--earlier-samples trains on one device: leave --devices out")

    def _check_jobs(self) -> None:
        has_runs = self.evaluation.cv is not None or self.evaluation.ensemble > 1
        if self.jobs.join and self.evaluation.cv is None:
            raise ConfigError("--join shares the folds of a cross-validation: it needs --cv")
        if self.jobs.join and self.run.overwrite:
            raise ConfigError("--join works in a run that others may have begun: leave out --overwrite")
        if self.jobs.are_several and not has_runs and not self.is_blend:
            raise ConfigError("--jobs is for folds, members and learners, and this is one network: see --devices")

    def _take_study_as_covariate(self) -> None:
        """Name the study among the covariates where it is to be one, so that all that reads them knows it."""
        column, covariates = self.study.study_column, self.covariates
        if self.studies.study_effect == COVARIATE and column not in covariates.columns:
            named = (*covariates.categorical_columns, column)
            object.__setattr__(self, "covariates", dataclasses.replace(covariates, categorical_columns=named))

    @property
    def study_columns(self) -> tuple[str, ...]:
        """Metadata columns that are read to tell studies, or levels to balance by, apart."""
        column, balance = self.study.study_column, self.balance.balance_by
        by_study = self.studies.study_effect != "none" or self.studies.whole_studies or self.evaluation.cv == STUDY
        named = [column] if by_study or balance == STUDY else []
        if balance is not None and balance not in (STUDY, CLASS, *named):
            named.append(balance)
        return tuple(named)

    @property
    def is_blend(self) -> bool:
        """Whether several learners are blended, and not the network trained alone."""
        return not self.learners.is_network_alone

    @property
    def keeps_finished_parts(self) -> bool:
        """Whether a stopped run has something to go on with, whatever is trained: finished folds."""
        return self.evaluation.cv is not None

    @property
    def reads_asvs(self) -> bool:
        """Whether the head of a network reads the ASVs of samples, so that their vectors are not enough."""
        return self.covariates.read_asvs or self.earlier.is_asked_for

    @property
    def members(self) -> tuple[str, ...]:
        """The single learners that are asked for; `auto` asks for those of an encoder only where one is named."""
        learners = self.learners
        if self.transfer.names_encoder:
            return learners.members
        return tuple(name for name in learners.members if name not in learners.of_encoder or name in learners.named)

    @property
    def drawing(self) -> SamplingOptions | None:
        """How the reads of a sample are drawn; None where all are used."""
        return self.sampling if self.learners.with_network else None

    @property
    def target_transform(self) -> str:
        """How numbers are scaled, where that is left open too."""
        target = self.target
        if target.has_classes or target.count_target:
            return "none"
        if target.target_transform is not None:
            return target.target_transform
        if target.normalize_by:
            return "zscore-category"
        return "minmax" if self.head.bounded_targets else "zscore"

    def _check_sheet(self) -> None:
        if self.study.metadata is None:
            raise ConfigError("--metadata is required: the metadata holds the column to predict")

    def _check_target(self) -> None:
        target, head, loss = self.target, self.head, self.loss
        transform = self.target_transform
        if target.has_classes:
            self._check_classifier()
            return
        if target.count_target:
            self._check_counts()
        elif loss.count_distribution != "negative-binomial":
            raise ConfigError("--count-distribution needs --count-target")
        for name, given in (
            ("--class-weights", loss.class_weights != "none"),
            ("--label-smoothing", loss.label_smoothing),
        ):
            if given:
                raise ConfigError(f"{name} needs --classifier or --ordered")
        if head.bounded_targets and transform not in ("minmax", "log-minmax"):
            raise ConfigError(
                f"--bounded-targets needs --target-transform minmax or log-minmax: values in {transform} have no bounds"
            )
        if head.output_activation != "none" and transform not in ("none", "zscore", "minmax"):
            raise ConfigError(
                f"--output-activation does not go with --target-transform {transform}: take none, zscore or minmax"
            )
        self._check_losses_by_target()
        if loss.loss_type == "quantile" and (head.bounded_targets or head.output_activation != "none"):
            raise ConfigError("--loss-type quantile goes with an unbounded output: leave the head's bounds out")
        if loss.loss_type == "quantile" and self.covariates.conditional_output_scaling:
            raise ConfigError("--conditional-output-scaling is not for --loss-type quantile: leave one of them out")

    def _check_losses_by_target(self) -> None:
        """Refuse a loss of no target, and two losses of one, which has a name and a place."""
        columns, found = self.target.metadata_column, self.loss.losses_by_target()
        places = [str(place) for place in range(len(columns))]
        for name in found:
            if name not in (*columns, *places):
                raise ConfigError(f"--loss-config: '{name}' is not one of the targets ({', '.join(columns)})")
        for place, column in zip(places, columns, strict=True):
            if place in found and column in found and place not in columns:
                raise ConfigError(f"--loss-config: '{place}' and '{column}' are the same target: leave one out")

    def _check_counts(self) -> None:
        """Refuse what bends or scales numbers on a scale, and a dispersion beside exposures."""
        head, loss = self.head, self.loss
        of_numbers = {
            "--bounded-targets": head.bounded_targets,
            "--learnable-output-scale": head.learnable_output_scale,
            "--output-activation": head.output_activation != "none",
            "--loss-type": loss.loss_type != "huber",
            "--loss-config": loss.loss_config is not None,
            "--conditional-output-scaling": bool(self.covariates.conditional_output_scaling),
        }
        wrong = [name for name, given in of_numbers.items() if given]
        if wrong:
            raise ConfigError(f"{wrong[0]} is for numbers on a scale, not for --count-target: leave one out")
        has_network = self.learners.with_network and self.target.exposure_column is not None
        if has_network and loss.count_distribution != "poisson":
            raise ConfigError("--exposure-column needs --count-distribution poisson where a network is trained")

    def _check_classifier(self) -> None:
        head, loss = self.head, self.loss
        numeric = {
            "--bounded-targets": head.bounded_targets,
            "--learnable-output-scale": head.learnable_output_scale,
            "--output-activation": head.output_activation != "none",
            "--loss-type": loss.loss_type not in ("huber",),
            "--loss-config": loss.loss_config is not None,
            "--conditional-output-scaling": bool(self.covariates.conditional_output_scaling),
        }
        wrong = [name for name, given in numeric.items() if given]
        if wrong:
            name = "--ordered" if self.target.ordered else "--classifier"
            raise ConfigError(f"{wrong[0]} is for numeric targets, not for {name}")
        if len(self.target.metadata_column) > 1 and isinstance(loss.class_weights, tuple):
            raise ConfigError("--class-weights lists weights for one column of classes: take balanced, or one column")

    def _check_covariates(self) -> None:
        given = set(self.covariates.columns)
        answers = [column for column in self.target.metadata_column if column in given]
        if answers:
            raise ConfigError(f"'{answers[0]}' is the target: it cannot be a covariate as well")
        levels = [column for column in self.target.metadata_column if column in self.target.normalize_by]
        if levels:
            raise ConfigError(f"'{levels[0]}' is the target: --normalize-by would leak the answer through its levels")
        loss = self.loss
        no_column = loss.categorical_loss_weight_column is None and not self.covariates.categorical_columns
        if loss.categorical_loss_weights is not None and no_column:
            raise ConfigError("--categorical-loss-weights needs --categorical-loss-weight-column")

    def _check_transfer(self) -> None:
        objective, transfer = self.objective, self.transfer
        self._check_frozen()
        if transfer.gradual_unfreezing and self.optim.epochs <= transfer.all_learn_from:
            raise ConfigError(
                f"--gradual-unfreezing {transfer.gradual_unfreezing} needs --epochs {transfer.all_learn_from + 1} or "
                f"more, not {self.optim.epochs}: the whole encoder learns only after {transfer.all_learn_from} epochs"
            )
        if transfer.skip_nuc_predictions and objective.nuc_penalty:
            raise ConfigError("--skip-nuc-predictions leaves nothing for --nuc-penalty to weigh: leave one out")
        counts = self.loss.count_prediction
        if counts and objective.count_penalty == 0:
            raise ConfigError("--count-prediction with --count-penalty 0 would not train it: leave one out")
        if counts is False and objective.count_penalty:
            raise ConfigError("--no-count-prediction leaves nothing for --count-penalty to weigh: leave one out")

    def _check_frozen(self) -> None:
        """Refuse whatever would teach an encoder that is held still, by the name under which it was asked for."""
        objective = self.objective
        teaches = {
            "--fine-tune": self.learners.fine_tune,
            "--encoder-type": objective.encoder_type is not None,
            "--penalty": bool(objective.penalty),
            "--nuc-penalty": bool(objective.nuc_penalty),
            "--count-penalty": bool(objective.count_penalty),
            "--count-prediction": bool(self.loss.count_prediction),
        }
        wrong = [name for name, given in teaches.items() if given]
        if self.transfer.freeze_base and wrong:
            raise ConfigError(f"--freeze-base trains only the target's head: leave out {wrong[0]}")

    def _check_folds(self) -> None:
        split, evaluation = self.split, self.evaluation
        if evaluation.cv is None:
            return
        given = {
            "--test-size": split.test_size > 0,
            "--split-column": split.split_column is not None,
            "--train-samples": split.train_samples is not None,
        }
        wrong = [name for name, used in given.items() if used]
        if wrong:
            raise ConfigError(f"--cv makes its own folds: leave out {wrong[0]}")


__all__ = ["ELEMENTWISE_LOSSES", "UNFROZEN_PARTS", "EvaluationOptions", "TrainConfig", "TransferOptions"]
