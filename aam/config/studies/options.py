"""Several studies in one run: what is done about their differences, and how often samples of each are seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from aam.config.option import Section, option
from aam.errors import Attempts, ConfigError

STUDY = "study"
CLASS = "class"
COVARIATE, CENTRE, ADVERSARY = "covariate", "centre", "adversary"


@dataclass(frozen=True, kw_only=True)
class BalanceOptions(Section):
    """Balance: how much each study, class or level counts in training."""

    balance_by: str | None = option(
        None,
        "Let each level of a column count the same in training: `study`, `class` (of the target) or a column's name. "
        "The network sees as many samples of each in an epoch; other learners weight the samples.",
    )


@dataclass(frozen=True, kw_only=True)
class StudiesOptions(Section):
    """Several studies: what is done about their differences."""

    study_effect: Literal["none", "covariate", "centre", "adversary"] = option(
        "none",
        "What is done about differences between studies: take the study as a covariate; centre what kernels and trees "
        "of clades read within each study; or train the network's sample vector not to tell studies apart.",
        usual="covariate, centre or adversary",
    )
    adversary_weight: float = option(
        1.0, "Weight of the reversed gradient of --study-effect adversary, once it is fully on.", above=0
    )
    whole_studies: bool = option(
        False,
        "Keep studies whole in the inner folds of a blend and in random splits, so that its weights, its intervals or "
        "its best epoch are for a new study; --cv study does so where three studies or more are learned from.",
    )

    def check(self) -> None:
        """Refuse a strength of nothing."""
        if self.study_effect != ADVERSARY and self.adversary_weight != StudiesOptions.adversary_weight:
            raise ConfigError("--adversary-weight needs --study-effect adversary: leave it out")


def check_studies(config: Any) -> None:
    """Refuse remedies for differences between studies, and ways to balance, that the model cannot have.

    Parameters
    ----------
    config
        The options of ``aam train``.

    Raises
    ------
    ConfigError
        With each of them, and what to type instead.
    """
    attempt, effect = Attempts(), config.studies.study_effect
    if effect == ADVERSARY:
        attempt(lambda: _check_adversary(config))
    if effect == CENTRE:
        attempt(lambda: _check_centre(config))
    attempt(lambda: _check_balance(config))
    attempt.raise_if_any()


def _check_adversary(config: Any) -> None:
    if not config.learners.with_network:
        raise ConfigError(
            "--study-effect adversary trains the network's sample vector, and the blend has no network: add --learners "
            "network or --fine-tune, or take --study-effect centre"
        )
    if config.transfer.freeze_base:
        raise ConfigError("--study-effect adversary has nothing to teach a frozen encoder: leave out --freeze-base")
    if config.distributed.fsdp:
        raise ConfigError("--study-effect adversary does not go with --fsdp: leave one of them out")


def _check_centre(config: Any) -> None:
    if config.learners.with_network:
        raise ConfigError(
            "--study-effect centre is for kernels and trees, whose features stay as they are; the network's change as "
            "it learns: take --study-effect adversary or covariate, or leave the network out"
        )
    if set(config.members) <= {"forest"}:
        raise ConfigError(
            "--study-effect centre changes nothing for a random forest alone, which reads relative abundances: add "
            "kernels or trees to --learners"
        )


def _check_balance(config: Any) -> None:
    column = config.balance.balance_by
    if column == CLASS and not config.target.has_classes:
        raise ConfigError("--balance-by class needs --classifier or --ordered")
    if column == CLASS and len(config.target.metadata_column) > 1:
        raise ConfigError("--balance-by class is for one column of classes: take --class-weights balanced for several")
    if column == CLASS and config.is_blend:
        raise ConfigError("--balance-by class is for a network that is not blended: take --class-weights balanced")
    if column in config.target.metadata_column:
        raise ConfigError(f"'{column}' is the target: take --balance-by class, where it has classes")
