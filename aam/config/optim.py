"""The options of the optimiser and its learning rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from aam.config.option import Section, option


@dataclass(frozen=True, kw_only=True)
class OptimOptions(Section):
    """Optimisation: optimiser, learning rate and schedule."""

    epochs: int = option(100, "Maximum number of epochs.", at_least=1, usual="Most epochs of the network")
    batch_size: int | None = option(
        None,
        "Samples per batch.",
        at_least=1,
        derived="about 20 batches per epoch, of 8 to 32 samples",
    )
    gradient_accumulation_steps: int = option(1, "Batches whose gradients are summed in one step.", at_least=1)
    optimizer: Literal["adamw", "adam", "sgd"] = option("adamw", "Optimiser.")
    lr: float | None = option(
        None, "Peak learning rate.", above=0, derived="0.001 in pre-training, 0.0003 in fine-tuning"
    )
    weight_decay: float = option(0.01, "Weight decay (not of biases, norms and scales).", at_least=0)
    momentum: float = option(0.9, "Momentum of SGD.", at_least=0, below=1)
    max_grad_norm: float = option(1.0, "Gradient norm to clip to; 0 does not clip.", at_least=0)
    skip_non_finite: int = option(
        0, "Number of steps with a non-finite loss or gradient to skip before the run stops.", at_least=0
    )
    scheduler: Literal["warmup_cosine", "cosine", "cosine_restarts", "plateau", "onecycle", "none"] = option(
        "warmup_cosine", "Learning rate schedule."
    )
    warmup_steps: int | None = option(None, "Warm-up steps.", at_least=0, derived="5% of all steps, at most 1,000")
    scheduler_t0: int | None = option(
        None, "Steps to the first restart of cosine_restarts.", at_least=1, derived="a quarter of all steps"
    )
    scheduler_t_mult: int = option(2, "Factor by which each period of cosine_restarts grows.", at_least=1)
    scheduler_eta_min: float = option(0.0, "Minimum learning rate of the cosine schedules.", at_least=0)
    scheduler_patience: int = option(
        5, "Epochs without improvement before plateau lowers the learning rate.", at_least=0
    )
    scheduler_factor: float = option(0.3, "Factor by which plateau lowers the learning rate.", above=0, below=1)
    scheduler_min_lr: float = option(0.0, "Minimum learning rate of plateau.", at_least=0)
    patience: int | None = option(
        None,
        "Epochs without improvement before training stops.",
        at_least=1,
        derived="a fifth of the epochs, 5 to 20",
    )
    best_metric: str | None = option(
        None,
        "Metric for the best epoch and early stopping: mae, r2, rmse, spearman, accuracy, "
        "balanced_accuracy, f1, auroc, val_loss, distance_correlation, nucleotide_accuracy. With several targets "
        "mae_COLUMN and so on; r2 and spearman, and metrics of classes, are then means.",
        derived="mae or balanced_accuracy; r2 with several numbers; val_loss with --loss-type asymmetric and in "
        "pre-training",
    )

    @property
    def peak_lr(self) -> float:
        """The peak learning rate, once it is settled."""
        assert self.lr is not None
        return self.lr
