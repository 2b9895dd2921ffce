"""What a model consists of: the learners that are blended, and which options only the network reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from aam.config.option import Section, fields, flag, option
from aam.config.types import OneOf
from aam.errors import Attempts, ConfigError

LEARNERS = OneOf("aam.learners.catalogue")
LearnerName = Annotated[str, LEARNERS]
AUTO = "auto"


@dataclass(frozen=True, kw_only=True)
class LearnerOptions(Section):
    """Learners: what the model consists of."""

    learners: tuple[LearnerName, ...] = option(
        (AUTO,),
        "Learners whose predictions are blended; `auto` is every learner but the network, and those of an encoder only "
        "where one is named. `no-dna` is those that take any ids for ASVs, as of a table collapsed to genera. "
        "`network` alone trains the network without a blend.",
        usual="forest, kernels, network or several",
    )
    fine_tune: bool = option(False, "Train the network end to end as a member of the blend.")

    def check(self) -> None:
        """Refuse a model of nothing, and a blend of the network with itself."""
        if not self.learners:
            raise ConfigError(f"--learners names no learner: take {AUTO}, or leave it out")
        if self.fine_tune and self.is_network_alone:
            raise ConfigError(
                "--fine-tune adds the network to other learners, and --learners network has none: leave one of them out"
            )

    @property
    def members(self) -> tuple[str, ...]:
        """The single learners that are asked for; whether each can take part also depends on the study."""
        catalogue = LEARNERS.load()
        wanted = (*self.learners, catalogue.NETWORK) if self.fine_tune else self.learners
        found: tuple[str, ...] = catalogue.expand(wanted)
        return found

    @property
    def named(self) -> tuple[str, ...]:
        """Those of them that are asked for by name, and not as a part of `auto`."""
        found: tuple[str, ...] = LEARNERS.load().expand(name for name in self.learners if name != AUTO)
        return found

    @property
    def of_encoder(self) -> tuple[str, ...]:
        """All learners that need a pre-trained encoder."""
        found: tuple[str, ...] = LEARNERS.load().FAMILIES["encoder"]
        return found

    @property
    def needs_dna(self) -> bool:
        """Whether one of them reads the DNA of ASVs, and not their counts alone."""
        return not set(self.members) <= set(LEARNERS.load().WITHOUT_DNA)

    @property
    def is_network_alone(self) -> bool:
        """Whether the model is the network and no blend."""
        return bool(self.members == (LEARNERS.load().NETWORK,))

    @property
    def with_network(self) -> bool:
        """Whether the network is trained, alone or as a member of the blend."""
        return bool(LEARNERS.load().NETWORK in self.members)

    @property
    def with_forest(self) -> bool:
        """Whether the random forest is a member."""
        return bool(LEARNERS.load().FOREST in self.members)


SECTIONS = ("head", "loss", "transfer", "model", "objective", "optim", "memory", "distributed", "augmentation")
"""Sections that are the network's but for what :data:`SHARED` lists."""

SHARED = (
    "class_weights",
    "sample_weight_column",
    "categorical_loss_weights",
    "categorical_loss_weight_column",
    "pretrained_encoder",
)
"""Options of these sections that other learners read as well."""

SINGLE = (
    *("target_penalty", "distances", "distance_ids", "taxonomy", "taxonomy_level"),
    *("categorical_embed_dim", "categorical_fusion", "categorical_lr", "unknown_level_rate", "cross_attn_heads"),
    *("perceiver_num_latents", "perceiver_num_layers", "conditional_output_scaling"),
    *("rarefy_depth", "token_limit", "asv_sampling", "val_prediction_passes"),
    *("num_workers", "mixed_precision", "tf32", "compile_model"),
)
"""Options of other sections that only the network reads."""

MEAN_THE_SAME = {"rarefy_depth": ("none",)}
"""Further values of an option that are what the other learners do anyway."""

MOST_NAMED = 3
TRAIN_ALONE = "add --learners network to train it alone"
ADD_NETWORK = "--fine-tune to add it to the blend"

ALONE = ("ensemble", "checkpoint_minutes")
"""Options of a network that is trained alone, beside those of its processes: a blend trains it within one run."""


def check_learners(config: Any) -> None:
    """Refuse options that none of the learners reads.

    Parameters
    ----------
    config
        The options of ``aam train``.

    Raises
    ------
    ConfigError
        With those that are for the network, and what would read them.
    """
    learners: LearnerOptions = config.learners
    if learners.is_network_alone:
        return
    attempt = Attempts()
    attempt(lambda: _refuse_alone(list(_given(config, _is_for_network_alone)), learners.with_network))
    attempt(lambda: _check_resumed(config))
    attempt(lambda: _check_quantiles(config))
    if not learners.with_network:
        attempt(lambda: _refuse_of_network(list(_given(config, _is_for_network))))
    attempt.raise_if_any()


def _is_for_network_alone(section: str, name: str) -> bool:
    return section == "distributed" or name in ALONE


def _is_for_network(section: str, name: str) -> bool:
    is_of_section = section in SECTIONS and name not in SHARED
    return (is_of_section or name in SINGLE) and not _is_for_network_alone(section, name)


def _given(config: Any, is_wanted: Callable[[str, str], bool]) -> Iterator[str]:
    """The flags of those options that differ from their defaults."""
    for section, field, _ in fields(type(config)):
        value = getattr(getattr(config, section), field.name)
        if is_wanted(section, field.name) and value not in (field.default, *MEAN_THE_SAME.get(field.name, ())):
            yield flag(f"no_{field.name}" if value is False else field.name)


def _refuse_alone(given: list[str], with_network: bool) -> None:
    if given:
        remedy = "leave out the other learners" if with_network else TRAIN_ALONE
        raise ConfigError(f"{_are(given)} for a network that is not blended: {remedy}, or leave {_them(given)} out")


def _refuse_of_network(given: list[str]) -> None:
    if given:
        why = ", and the other learners use all reads" if given == [flag("rarefy_depth")] else ""
        raise ConfigError(f"{_are(given)} for the network{why}: {TRAIN_ALONE}, or {ADD_NETWORK}")


def _check_quantiles(config: Any) -> None:
    """Refuse to blend quantiles with numbers."""
    if config.learners.with_network and config.loss.loss_type == "quantile":
        raise ConfigError(
            "--loss-type quantile is for a network that is not blended: the other learners give one number"
        )


def _check_resumed(config: Any) -> None:
    """Refuse to continue a blend, which keeps nothing of what it began; a cross-validation keeps its finished folds."""
    if config.run.resume_from is not None and not config.keeps_finished_parts:
        raise ConfigError("--resume-from continues a network, not a blend: repeat the run's command with --overwrite")


def _are(given: list[str]) -> str:
    """The first options, how many more, and the verb."""
    more = f" and {len(given) - MOST_NAMED} more" if len(given) > MOST_NAMED else ""
    return f"{', '.join(given[:MOST_NAMED])}{more} {'is' if len(given) == 1 else 'are'}"


def _them(given: list[str]) -> str:
    return "it" if len(given) == 1 else "them"
