"""What a run derives from its data: every option that was left open gets its value here, with the reason."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from aam.config import PretrainConfig, TrainConfig, replace, to_flat
from aam.config.option import flag
from aam.data.batches.batching import num_batches, num_steps
from aam.data.distances.measure import ON_A_TREE, WITHOUT_A_TREE
from aam.errors import ConfigError
from aam.evaluation.catalogue import metric
from aam.models.objectives import Given, each_part, find_objective, with_own_weight
from aam.training.plan.objectives import check_metric, default_metric, lacks_class

if TYPE_CHECKING:
    from aam.data.study.split import Split
    from aam.data.study.study import Study
    from aam.data.targets.kinds import Kind

Fill = Callable[[str, Any, str], None]


def derive_heads(config: TrainConfig, fill: Fill) -> None:
    """Fill in the weights and switches of nucleotides and counts in fine-tuning.

    Parameters
    ----------
    config
        What was asked for.
    fill
        Sets an option that was left open: its name, value and the reason.

    Raises
    ------
    ConfigError
        If nucleotides are to be predicted that nothing has taught, or of which none is masked, or are to choose the
        best model though nothing learns from them.
    """
    objective, switch = config.objective, config.loss.count_prediction
    fill("nuc_penalty", 0.0, "fine-tuning")
    reason = "fine-tuning" if switch is None else "--count-prediction" if switch else "--no-count-prediction"
    fill("count_penalty", 1.0 if switch else 0.0, reason)
    learns_counts = bool(switch or objective.count_penalty)
    fill("count_prediction", learns_counts, f"--count-penalty is {'above ' if learns_counts else ''}0")
    learns = bool(objective.nuc_penalty)
    fill("skip_nuc_predictions", not learns, f"--nuc-penalty is {'above ' if learns else ''}0")
    if config.transfer.skip_nuc_predictions is not False or learns:
        return
    if not config.transfer.names_encoder:
        raise ConfigError(
            "--keep-nuc-predictions needs --pretrained-encoder, or --nuc-penalty above 0: nothing else trains them"
        )
    if not objective.nuc_mask_ratio:
        raise ConfigError("--nuc-mask-ratio 0 masks nothing: leave out --keep-nuc-predictions")
    best = config.optim.best_metric
    if best in [found.name for found in find_objective("nucleotides").metrics]:
        raise ConfigError(f"--best-metric {best} needs --nuc-penalty above 0: kept predictions are not trained")


ConfigT = TypeVar("ConfigT", PretrainConfig, TrainConfig)


@dataclass(frozen=True, kw_only=True)
class StudyFacts:
    """What the plan needs to know of the study; ``lacks_class`` of its validation part."""

    num_train: int
    longest_sequence: int
    rarefy_depth: int | None
    has_tree: bool
    has_distances: bool
    has_taxonomy: bool
    lacks_class: bool = False

    @property
    def given(self) -> Given:
        """What objectives may need."""
        return Given(self.has_tree, self.has_distances, self.has_taxonomy)

    @classmethod
    def of(cls, study: Study, split: Split, kind: Kind | None = None) -> StudyFacts:
        """The facts of a study that is split like this; ``kind`` is that of its targets."""
        return cls(
            num_train=len(split.train),
            longest_sequence=study.longest_sequence,
            rarefy_depth=study.rarefy_depth,
            has_tree=study.tree is not None,
            has_distances=study.distances is not None,
            has_taxonomy=study.taxonomy_labels is not None,
            lacks_class=kind is not None and lacks_class(kind, study, split.validation),
        )


@dataclass(frozen=True)
class Machine:
    """What suits the device that computes; the defaults are those of a CPU.

    Attributes
    ----------
    num_workers
        Processes that prepare batches.
    mixed_precision
        Precision.
    processes
        Processes that share each batch.
    """

    num_workers: int = 0
    mixed_precision: str = "none"
    processes: int = 1


@dataclass(frozen=True)
class Plan(Generic[ConfigT]):
    """A configuration with nothing left open, and how it came about.

    ``lines`` says each derived value and why, for the log.
    """

    config: ConfigT
    num_train: int
    steps_per_epoch: int
    total_steps: int
    lines: tuple[str, ...]
    processes: int = 1

    @property
    def is_frozen(self) -> bool:
        """Whether the encoder stays as it is."""
        return isinstance(self.config, TrainConfig) and self.config.transfer.freeze_base

    @property
    def smallest_step(self) -> int:
        """Samples of the smallest step of an epoch."""
        return self.num_train // self.steps_per_epoch

    @property
    def smallest_batch(self) -> int:
        """Samples that a batch must have: one alone has no distance to another, and each process needs one."""
        return max(2 if self.config.objective.penalty else 1, self.processes)

    @property
    def higher_is_better(self) -> bool:
        """Whether more of the best metric is better."""
        return metric(self.config.optim.best_metric or "val_loss").higher_is_better

    @property
    def monitor(self) -> str:
        """The best metric's name in the log."""
        name = self.config.optim.best_metric or ""
        return name if name.startswith("val_") else f"val_{name}"

    @property
    def loss_weights(self) -> dict[str, float]:
        """Weight of each head's loss by the head's name."""
        weights = {part.head_name: part.weight(self.config.objective) for part in each_part()}
        if isinstance(self.config, TrainConfig):
            weights["target"] = self.config.target.target_penalty
        return weights


CPU = Machine()


def derive(config: ConfigT, facts: StudyFacts, machine: Machine = CPU) -> Plan[ConfigT]:
    """Fill in every option that was left open.

    Parameters
    ----------
    config
        What was asked for.
    facts
        What the options depend on.
    machine
        What suits the device.

    Raises
    ------
    ConfigError
        Where the options ask for what the data cannot give: UniFrac without a tree, a metric that is not logged.
    """
    given = to_flat(config)
    values: dict[str, Any] = {}
    reasons: dict[str, str] = {}

    def fill(name: str, value: Any, reason: str) -> None:
        if given[name] is None:
            values[name] = value
            reasons[name] = reason

    _derive_objective(config, facts, fill)
    layers = given["attention_layers"]
    for level in ("asv_layers", "sample_layers", "encoder_layers"):
        fill(level, layers, "--attention-layers")
    values |= _derive_step(given, facts, fill)
    batch_size, accumulation = values.get("batch_size", given["batch_size"]), values["gradient_accumulation_steps"]
    steps = num_steps(facts.num_train, batch_size, accumulation)
    if steps > 1:
        _check_accumulation(facts.num_train // steps, batch_size, accumulation)
    batches = accumulation if steps > 1 else min(num_batches(facts.num_train, batch_size), accumulation)
    _check_processes(facts.num_train // steps // batches, batch_size, machine.processes)
    total = steps * given["epochs"]
    fill("warmup_steps", min(1000, math.ceil(0.05 * total)), f"5% of {total:,} steps")
    fill("scheduler_t0", max(1, total // 4), f"a quarter of {total:,} steps")
    fill("patience", min(20, max(5, given["epochs"] // 5)), f"a fifth of {given['epochs']} epochs")
    fill("num_workers", machine.num_workers, "batches are prepared in parallel only with a GPU")
    fill("mixed_precision", machine.mixed_precision, "what suits the device")
    fill("max_bp", facts.longest_sequence, "the longest sequence")
    values["rarefy_depth"] = facts.rarefy_depth or "none"
    if given["rarefy_depth"] == "auto":
        reasons["rarefy_depth"] = "keeps 95% of the samples, 5,000 at most"
    resolved = replace(config, **values)
    _check_objective(resolved, facts)
    check_metric(resolved, has_taxonomy=facts.has_taxonomy)
    shown = {name: reason for name, reason in reasons.items() if not isinstance(values[name], bool)}
    lines = tuple(f"{flag(name)} {values[name]} ({reason})" for name, reason in shown.items())
    return Plan(resolved, facts.num_train, steps, total, lines, machine.processes)


def _check_accumulation(fewest: int, batch_size: int, accumulation: int) -> None:
    """Refuse to divide a step into more batches than its samples make."""
    least = min(2, batch_size)
    if fewest // accumulation < least:
        raise ConfigError(
            f"the smallest step has {fewest} samples, too few for {accumulation} batches of {least} or more: "
            f"--gradient-accumulation-steps {max(1, fewest // least)} at most"
        )


def _check_processes(fewest: int, batch_size: int, processes: int) -> None:
    """Refuse more processes than the smallest batch has samples."""
    if fewest < processes:
        raise ConfigError(
            f"{processes} processes share each batch, and the smallest has {fewest} samples: "
            f"take a larger --batch-size than {batch_size}, or fewer --devices"
        )


def with_layout(
    plan: Plan[ConfigT], batch_size: int, accumulation: int, model_changes: Mapping[str, Any]
) -> Plan[ConfigT]:
    """The plan with the samples of each step computed in another number of batches, and parts of the model changed."""
    changes = {"batch_size": batch_size, "gradient_accumulation_steps": accumulation, **model_changes}
    return dataclasses.replace(plan, config=replace(plan.config, **changes))


def _derive_step(given: dict[str, Any], facts: StudyFacts, fill: Any) -> dict[str, Any]:
    """Samples of a step: what is asked for, or what suits the number of samples; nothing of the machine.

    Without a batch size they are one batch, which the memory plan divides where it is too large. After that nothing
    is left to be planned.
    """
    batch, accumulation = given["batch_size"], given["gradient_accumulation_steps"]
    of_step = given["target_effective_batch_size"]
    if batch is None and of_step is None:
        batch = min(32, max(8, 2 ** round(math.log2(facts.num_train / 20))))
        fill("batch_size", batch, f"{facts.num_train} samples")
    elif batch is None:
        batch = of_step
        fill("batch_size", batch, "--target-effective-batch-size")
    elif of_step is not None:
        accumulation = of_step // batch
    return {
        "gradient_accumulation_steps": accumulation,
        "target_effective_batch_size": batch * accumulation,
        "auto_batch_size": False,
    }


def _derive_objective(config: PretrainConfig | TrainConfig, facts: StudyFacts, fill: Any) -> None:
    nearest = ON_A_TREE if facts.has_tree or facts.has_distances else WITHOUT_A_TREE
    why = "a tree is given" if facts.has_tree else "distances are given" if facts.has_distances else "no tree is given"
    if isinstance(config, PretrainConfig):
        if config.objective.penalty != 0:
            fill("encoder_type", nearest, why)
        for name in dict.fromkeys(part.weight_option for part in each_part()):
            fill(name, 1.0, "pre-training")
        fill("lr", 1e-3, "pre-training")
        fill("best_metric", "val_loss", "pre-training")
        return
    if config.objective.penalty:
        fill("encoder_type", nearest, why)
    asked = config.objective.encoder_type is not None
    fill("penalty", 1.0 if asked else 0.0, "--encoder-type is given" if asked else "fine-tuning")
    derive_heads(config, fill)
    fill("lr", 3e-4, "fine-tuning")
    _derive_target(config, facts, fill)


def _derive_target(config: TrainConfig, facts: StudyFacts, fill: Any) -> None:
    """How the targets are scaled and read, and what chooses the best model."""
    several = len(config.target.metadata_column) > 1
    reason = "the mean of the targets', which have no common unit" if several else "the target's own"
    if config.loss.loss_type == "asymmetric":
        reason = "what --loss-type asymmetric asks for"
    if facts.lacks_class:
        reason = "the validation samples lack a class, of which the target's own metric then knows nothing"
    fill("best_metric", default_metric(config, lacks_class=facts.lacks_class), reason)
    why = "--normalize-by" if config.target.normalize_by else "--bounded-targets" if config.head.bounded_targets else ""
    why = why or ("--classifier" if config.target.classifier else "suits most targets")
    fill("target_transform", config.target_transform, why)
    heads, width = config.covariates.cross_attn_heads, config.model.embedding_dim
    if heads is not None and width % heads:
        raise ConfigError(f"--cross-attn-heads {heads} does not divide the width of {width} (--embedding-dim)")
    has_covariates = bool(config.covariates.columns)
    why = "covariates are fused in" if has_covariates else "the sample's vector is normalised already"
    fill("target_layer_norm", has_covariates, why)


def _check_objective(config: PretrainConfig | TrainConfig, facts: StudyFacts) -> None:
    objective = config.objective
    kind = objective.encoder_type
    if isinstance(config, PretrainConfig) and not any(part.weight(objective) for part in each_part()):
        raise ConfigError("every penalty is 0: there is nothing to learn")
    for own in with_own_weight():
        if own.weight(objective):
            own.check(objective, facts.given)
    if kind is None:
        return
    if not objective.penalty:
        raise ConfigError(f"--encoder-type {kind} with --penalty 0 would not train it: leave one of them out")
    find_objective(kind).check(objective, facts.given)
