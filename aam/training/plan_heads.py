"""Which of the encoder's own heads a training run has, and with which weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aam.config import PretrainConfig, TrainConfig
from aam.errors import ConfigError

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
    if config.transfer.pretrained_encoder is None:
        raise ConfigError(
            "--keep-nuc-predictions needs --pretrained-encoder, or --nuc-penalty above 0: nothing else teaches them"
        )
    if not objective.nuc_mask_ratio:
        raise ConfigError("--nuc-mask-ratio 0 masks nothing: leave out --keep-nuc-predictions")
    if config.optim.best_metric == "nucleotide_accuracy":
        raise ConfigError(
            "--best-metric nucleotide_accuracy needs --nuc-penalty above 0: nothing learns from kept predictions"
        )


def has_nucleotides(config: PretrainConfig | TrainConfig) -> bool:
    """Whether masked nucleotides are predicted: learned, or measured in validation alone."""
    if isinstance(config, TrainConfig):
        return bool(config.objective.nuc_penalty) or config.transfer.skip_nuc_predictions is False
    return bool(config.objective.nuc_penalty)
