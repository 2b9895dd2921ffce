"""How training samples are changed, anew in every epoch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from aam.config.option import Section, option, suggest
from aam.config.types import NamedNumber, shown
from aam.errors import Attempts, ConfigError

AUGMENTATIONS = NamedNumber("aam.data.augmentation")
Augment = Annotated[str, AUGMENTATIONS]


@dataclass(frozen=True, kw_only=True)
class AugmentationOptions(Section):
    """Augmentation: training samples changed anew in every epoch; others never are."""

    augment: tuple[Augment, ...] = option(
        (),
        "Changes of the training samples, each a name and its strength (docs/augmentation.md), such as mixup=0.5: a "
        "share of the samples that is mixed with others, the lowest share of reads or bases, or the largest share of "
        "what is lost or foreign.",
        usual="Change training samples: cutmix=0.5, drop=0.3",
    )

    def check(self) -> None:
        """Refuse unknown names, strengths out of their range, and more mixing than there are samples."""
        attempt = Attempts()
        for word in self.augment:
            attempt(partial(_strength, word))
        attempt.raise_if_any()
        names = [name for name, _ in self.strengths]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ConfigError(f"--augment names {twice[0]} twice: leave one of them out")
        mixed = sum(strength for name, strength in self.strengths if name in self.mixing)
        if mixed > 1 + 1e-9:
            words = " + ".join(self.mixing)
            raise ConfigError(f"--augment: {words} mix {mixed:g} of the samples together: 1 at most")

    @property
    def strengths(self) -> tuple[tuple[str, float], ...]:
        """Names and strengths of those that do something, in the order in which they are applied."""
        if not self.augment:
            return ()
        found = [_strength(word) for word in self.augment]
        order = AUGMENTATIONS.names()
        return tuple(sorted(found, key=lambda one: order.index(one[0])))

    @property
    def mixing(self) -> tuple[str, ...]:
        """Those that mix samples."""
        return self._of("Mixing")

    @property
    def of_sequences(self) -> tuple[str, ...]:
        """Those that change sequences."""
        return self._of("OfSequences")

    def _of(self, kind: str) -> tuple[str, ...]:
        room: Any = AUGMENTATIONS.load() if self.augment else None
        return tuple(
            name for name, _ in self.strengths if isinstance(room.find_augmentation(name), getattr(room, kind))
        )


def _strength(word: str) -> tuple[str, float]:
    """Name and strength of a word such as ``drop=0.3``."""
    name, _, number = word.partition("=")
    known = AUGMENTATIONS.names()
    if name not in known:
        near = suggest(name, list(known)) or f"; take {', '.join(known)}"
        raise ConfigError(f"--augment: {shown(name)} is not known{near}")
    wanted = AUGMENTATIONS.load().find_augmentation(name).strength
    limits = f"{wanted.words}, {wanted.least:g} to {wanted.most:g}"
    try:
        strength = float(number)
    except ValueError:
        raise ConfigError(f"--augment {shown(word, quoted=False)}: {name}=STRENGTH needs a number: {limits}") from None
    if not (math.isfinite(strength) and wanted.least <= strength <= wanted.most):
        raise ConfigError(f"--augment {shown(word, quoted=False)}: the strength is the {limits}")
    return name, strength


def check_augmentation(config: Any) -> None:
    """Refuse augmentations that cannot work with other options of a run.

    Parameters
    ----------
    config
        The options of ``aam train`` or ``aam pretrain``.

    Raises
    ------
    ConfigError
        With the two that do not go together.
    """
    wanted: AugmentationOptions = config.augmentation
    if not wanted.augment:
        return
    _check_mixing(wanted, getattr(config, "target", None))
    transfer, earlier = getattr(config, "transfer", None), getattr(config, "earlier", None)
    if earlier is not None and earlier.is_asked_for:
        raise ConfigError("--augment changes samples, and not the --earlier-samples of them: leave one of them out")
    if transfer is not None and transfer.freeze_base and wanted.of_sequences:
        name = wanted.of_sequences[0]
        raise ConfigError(
            f"--augment {name} changes sequences, which --freeze-base encodes once: leave one of them out"
        )
    penalty, is_named = config.objective.penalty, config.objective.encoder_type is not None
    learns = bool(penalty) or (penalty is None and (transfer is None or is_named))
    changed = [name for name, _ in wanted.strengths if name not in wanted.of_sequences]
    if config.study.distances is not None and learns and changed:
        raise ConfigError(
            f"--augment {changed[0]} changes samples, whose --distances are of what they were: leave one of them out"
        )


def _check_mixing(wanted: AugmentationOptions, target: Any) -> None:
    """Refuse to mix targets of which there is no mixture."""
    if target is None or not wanted.mixing:
        return
    several = target.classifier and len(target.metadata_column) > 1
    kinds = {
        "ordered classes": bool(target.ordered),
        "counts": target.count_target,
        "several columns of classes": several,
    }
    if wrong := [kind for kind, is_asked_for in kinds.items() if is_asked_for]:
        raise ConfigError(
            f"--augment {wanted.mixing[0]} mixes targets, and {wrong[0]} cannot be mixed: take drop, contaminate or "
            "depth"
        )
