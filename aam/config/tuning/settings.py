"""Hyper-parameters of a blend's learners."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from aam.config.learners import LEARNERS
from aam.config.option import Section, flag, option
from aam.errors import ConfigError

BLEND = "blend"

READERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "trees": ("forest", "trees"),
        "forest_max_features": ("forest",),
        "forest_leaf": ("forest",),
        "clade_max_features": ("trees",),
        "clade_leaf": ("trees",),
        "clade_prevalence": ("trees", "clades-linear", "clades-radial", "encoder"),
        "asv_prevalence": ("clr-linear", "clr-radial"),
        "kernel_width": ("clr-radial", "clades-radial", "encoder-radial"),
        "blend_folds": (BLEND,),
        "blend_pull": (BLEND,),
    }
)
"""Option -> the learners, or families of them, that read it; ``blend`` for what concerns all of them together."""


@dataclass(frozen=True, kw_only=True)
class LearnerSettings(Section):
    """Learner settings: hyper-parameters of a blend's learners, which `aam tune` can choose."""

    trees: int | None = option(
        None,
        "Trees of each forest and of each ensemble of extra trees.",
        at_least=10,
        at_most=100_000,
        derived="500 in the random forest, 200 in extra trees",
    )
    forest_max_features: float | Literal["sqrt", "log2"] | None = option(
        None,
        "Features that the random forest tries at each split: a share, sqrt or log2.",
        above=0,
        at_most=1,
        derived="0.33 (0.1 from 3,000 features on) for numbers, sqrt for classes",
    )
    forest_leaf: int = option(1, "Fewest samples in a leaf of the random forest.", at_least=1)
    clade_max_features: float | Literal["sqrt", "log2"] | None = option(
        None,
        "Features that extra trees on clades try at each split: a share, sqrt or log2.",
        above=0,
        at_most=1,
        derived="0.1 for numbers, sqrt for classes",
    )
    clade_leaf: int | None = option(
        None,
        "Fewest samples in a leaf of extra trees on clades.",
        at_least=1,
        derived="2 for numbers, 3 for classes",
    )
    clade_prevalence: float = option(
        0.02,
        "Share of the training samples that must have a clade for extra trees and kernels to read it.",
        at_least=0,
        at_most=1,
    )
    asv_prevalence: float = option(
        0.01,
        "Share of the training samples that must have an ASV for kernels on log-ratios to read it.",
        at_least=0,
        at_most=1,
    )
    kernel_width: float = option(
        1.0, "Width of radial kernels, in median distances between training samples.", at_least=0.01, at_most=100
    )
    blend_folds: int = option(
        5,
        "Folds within the training samples whose out-of-fold predictions give weights, penalties and intervals.",
        at_least=2,
        at_most=100,
    )
    blend_pull: float = option(
        0.1,
        "Pull of the blend's weights towards even ones: 0 follows the out-of-fold errors alone.",
        at_least=0,
    )


def check_settings(config: Any) -> None:
    """Refuse settings that none of the learners reads.

    Parameters
    ----------
    config
        The options of ``aam train``.

    Raises
    ------
    ConfigError
        With the first, and the learners that would read it.
    """
    for name in given_settings(config.settings):
        if reason := unread(name, config):
            raise ConfigError(f"{flag(name)} {reason}: leave it out")


def given_settings(settings: LearnerSettings) -> list[str]:
    """Names of the settings that differ from their defaults."""
    own = type(settings)
    return [name for name in READERS if getattr(settings, name) != getattr(own, name)]


def unread(name: str, config: Any) -> str:
    """Why none of the learners of ``aam train`` reads a setting, in words; empty where one does."""
    readers = READERS[name]
    if not config.is_blend:
        return "is for learners that are blended, not for the network alone"
    if readers == (BLEND,):
        is_read = name != "blend_pull" or len(config.members) > 1
        return "" if is_read else "is for several learners, and --learners has one"
    if set(LEARNERS.load().expand(readers)) & set(config.members):
        return ""
    return f"is for {' and '.join(readers)}, which --learners leaves out"


def settings_read_by(learner: str) -> tuple[str, ...]:
    """The settings that one learner of the catalogue reads, and those that concern all."""
    expand = LEARNERS.load().expand
    found = tuple(name for name, readers in READERS.items() if readers != (BLEND,) and learner in expand(readers))
    return (*found, "blend_folds")
