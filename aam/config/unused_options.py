"""Options that another option leaves without effect, and rates that contradict each other: refused, not ignored."""

from __future__ import annotations

import dataclasses
from functools import partial

from aam.config.optim import OptimOptions
from aam.config.option import Section, flag
from aam.config.sections import OBJECTIVES, ObjectiveOptions, StudyOptions
from aam.errors import Attempts, ConfigError

COSINES = ("warmup_cosine", "cosine", "cosine_restarts")


def check_used(study: StudyOptions, objective: ObjectiveOptions, optim: OptimOptions) -> None:
    """Refuse options that would do nothing in a run.

    Raises
    ------
    ConfigError
        With each of them, and what it is for.
    """
    cosines = f"--scheduler {', '.join(COSINES[:-1])} or {COSINES[-1]}"
    uses: list[tuple[Section, str, bool, str]] = [
        (study, "root", study.tree is not None, "--tree"),
        (study, "clip_negative_branches", study.tree is not None, "--tree"),
        (study, "missing_tips", study.tree is not None, "--tree"),
        (study, "not_missing", study.metadata is not None, "--metadata"),
        (study, "match_ids", study.metadata is not None, "--metadata"),
        (study, "distance_ids", study.distances is not None, "--distances"),
        (study, "taxonomy_level", study.taxonomy is not None, "--taxonomy"),
        *(_use_of_objective(objective, name) for name in ("unifrac_alpha", "unifrac_normalized")),
        (optim, "momentum", optim.optimizer == "sgd", "--optimizer sgd"),
        (optim, "scheduler_eta_min", optim.scheduler in COSINES, cosines),
        (optim, "scheduler_t_mult", optim.scheduler == "cosine_restarts", "--scheduler cosine_restarts"),
        (optim, "scheduler_patience", optim.scheduler == "plateau", "--scheduler plateau"),
        (optim, "scheduler_factor", optim.scheduler == "plateau", "--scheduler plateau"),
        (optim, "scheduler_min_lr", optim.scheduler == "plateau", "--scheduler plateau"),
    ]
    attempt = Attempts()
    for section, name, is_used, needed in uses:
        if not is_used:
            attempt(partial(_refuse, section, name, needed))
    attempt(partial(_check_rates, optim))
    attempt.raise_if_any()


def _use_of_objective(objective: ObjectiveOptions, name: str) -> tuple[Section, str, bool, str]:
    """Whether the encoder type uses an option, and which would."""
    users = OBJECTIVES.users(name)
    return objective, name, objective.encoder_type in users, f"--encoder-type {' or '.join(users)}"


def _refuse(section: Section, name: str, needed: str) -> None:
    """Refuse an option that is not as it is when left out."""
    (default,) = (field.default for field in dataclasses.fields(section) if field.name == name)
    given = getattr(section, name)
    if given != default:
        raise ConfigError(f"{flag(f'no_{name}' if given is False else name)} needs {needed}: leave it out")


def _check_rates(optim: OptimOptions) -> None:
    """Refuse a lowest learning rate above the peak."""
    for name in ("scheduler_eta_min", "scheduler_min_lr"):
        lowest = getattr(optim, name)
        if optim.lr is not None and lowest > optim.lr:
            raise ConfigError(f"{flag(name)} {lowest:g} is above --lr {optim.lr:g}, the peak: it must be below")
