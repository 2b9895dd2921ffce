"""Gradual unfreezing: a pre-trained encoder begins to learn part by part, from the top.

A fresh head sends large and random gradients down the encoder, which undo what pre-training has taught. So the head
learns alone at first, and every few epochs the next part joins in (ULMFiT, Howard and Ruder 2018, arXiv:1801.06146;
why it matters on other data: Kumar et al. 2022, arXiv:2202.10054).
"""

from __future__ import annotations

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping

from aam.config.commands.train import UNFROZEN_PARTS
from aam.log import say
from aam.models.sequence_encoder import SequenceEncoder
from aam.models.sequence_predictor import SequencePredictor
from aam.training.step.module import TrainingModule


class GradualUnfreezing(Callback):
    """Keeps the parts of the encoder still until their turn comes: no gradient, and no dropout.

    What learns is a function of the epoch alone, so that a resumed run goes on as the unbroken one. The optimiser holds
    all parts from the start; it passes over weights without a gradient, so that they neither decay nor gain momentum.

    Parameters
    ----------
    every
        Epochs from one part to the next.
    """

    def __init__(self, every: int) -> None:
        self.every = every

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Set the parts: an epoch that is resumed in its middle has no start of its own."""
        set_learning(_encoder(pl_module), trainer.current_epoch // self.every)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Unfreeze the next part when it is due, and log it."""
        stage, since = divmod(trainer.current_epoch, self.every)
        if since == 0 and stage <= len(UNFROZEN_PARTS):
            set_learning(_encoder(pl_module), stage)
            who = f"the {UNFROZEN_PARTS[stage - 1]} are trained" if stage else "the head alone learns"
            say(f"epoch {trainer.current_epoch + 1}: {who} from now on")


class PatienceAfter(EarlyStopping):
    """Early stopping that begins in some epoch: the best value and the epochs without improvement count from there.

    Parameters
    ----------
    first_epoch
        The epoch, from 0.
    monitor
        The metric's name in the log.
    options
        Further ones of Lightning's ``EarlyStopping``.
    """

    def __init__(self, first_epoch: int, monitor: str, **options: Any) -> None:
        super().__init__(monitor, check_on_train_epoch_end=True, **options)
        self.first_epoch = first_epoch

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """From the checkpoint; the patience is the run's, which may have been resumed with another one."""
        super().load_state_dict({**state_dict, "patience": self.patience})

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at the metric, once it counts."""
        if trainer.current_epoch >= self.first_epoch:
            super().on_train_epoch_end(trainer, pl_module)


def set_learning(encoder: SequenceEncoder, stage: int) -> None:
    """Let the upper ``stage`` parts of an encoder learn, and keep the others still. Its own heads always learn.

    The readout (pooling, soft clades, profile) goes with the encoder layers, what takes in the abundances with the
    sample layers.
    """
    sample = encoder.sample_encoder
    learns_from = {sample: 1, sample.sample_transformer: 2, sample.abundance: 2, encoder.asv_encoder: 3}
    for part, first_stage in learns_from.items():
        if part is not None:
            part.requires_grad_(stage >= first_stage).train(stage >= first_stage)


def _encoder(module: LightningModule) -> SequenceEncoder:
    assert isinstance(module, TrainingModule)
    assert isinstance(module.model, SequencePredictor)
    return module.model.base
