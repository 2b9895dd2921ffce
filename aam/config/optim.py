"""The options of the optimiser and its learning rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from aam.config.option import Section, option


@dataclass(frozen=True, kw_only=True)
class OptimOptions(Section):
    """Optimisation: optimiser, learning rate and schedule."""

    epochs: int = option(100, "Most passes over the training samples.", at_least=1)
    batch_size: int | None = option(
        None,
        "Samples in a batch.",
        at_least=1,
        derived="the number of training samples: about 20 batches, 8 to 32 samples",
    )
    gradient_accumulation_steps: int = option(1, "Batches whose gradients are summed for one step.", at_least=1)
    optimizer: Literal["adamw", "adam", "sgd"] = option("adamw", "Optimiser.")
    lr: float | None = option(
        None, "Peak learning rate.", above=0, derived="0.001 in pre-training; 0.0003 in fine-tuning, which starts well"
    )
    weight_decay: float = option(0.01, "Weight decay (not on biases, norms and scales).", at_least=0)
    momentum: float = option(0.9, "Momentum of SGD.", at_least=0, below=1)
    max_grad_norm: float = option(1.0, "Largest norm of the gradient; 0 does not clip.", at_least=0)
    skip_non_finite: int = option(
        0, "Steps that may be left out as a loss or the gradient is not finite; the next such stops.", at_least=0
    )
    scheduler: Literal["warmup_cosine", "cosine", "cosine_restarts", "plateau", "onecycle", "none"] = option(
        "warmup_cosine", "Course of the learning rate."
    )
    warmup_steps: int | None = option(
        None, "Steps in which the learning rate rises.", at_least=0, derived="5% of all steps, 1,000 at most"
    )
    scheduler_t0: int | None = option(
        None, "Steps to the first restart of cosine_restarts.", at_least=1, derived="a quarter of all steps"
    )
    scheduler_t_mult: int = option(2, "Factor by which each period of cosine_restarts grows.", at_least=1)
    scheduler_eta_min: float = option(0.0, "Lowest learning rate of the cosine schedules.", at_least=0)
    scheduler_patience: int = option(5, "Epochs without improvement before plateau lowers the rate.", at_least=0)
    scheduler_factor: float = option(0.3, "Factor by which plateau lowers the rate.", above=0, below=1)
    scheduler_min_lr: float = option(0.0, "Lowest learning rate of plateau.", at_least=0)
    patience: int | None = option(
        None,
        "Epochs without improvement after which training stops.",
        at_least=1,
        derived="a fifth of the epochs, 5 to 20",
    )
    best_metric: str | None = option(
        None,
        "Logged metric that chooses the best model and stops training: mae, r2, rmse, spearman, accuracy, "
        "balanced_accuracy, f1, auroc, val_loss, distance_correlation, nucleotide_accuracy. Of several targets each "
        "has its own, such as mae_COLUMN; r2 and spearman are then their means.",
        derived="mae or balanced_accuracy of the target, r2 of several; val_loss with --loss-type asymmetric and in "
        "pre-training",
    )

    @property
    def peak_lr(self) -> float:
        """The peak learning rate, once it is settled."""
        assert self.lr is not None
        return self.lr
