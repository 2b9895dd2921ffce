"""The training step: the weighted sum of the heads' losses. It never asks what kind of model it has."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import lightning as L
import torch
from torch import Tensor
from torch.optim import Optimizer

from aam.config import TrainConfig
from aam.data.batches.batch import Batch
from aam.data.batches.batching import step_size
from aam.data.batches.corruption import Corruption, hide_levels, hide_numbers
from aam.data.batches.rank_batch import local_batch
from aam.models.heads import Encoded, Head
from aam.models.sequence_encoder import SequenceEncoder
from aam.models.sequence_predictor import SequencePredictor, encoder_of
from aam.training.distributed.collectives import is_first, min_over_processes, rank, sum_over_processes, world_size
from aam.training.plan.derived_defaults import Plan
from aam.training.step.adversary import StudyAdversary, strength_at
from aam.training.step.metrics import Truths, ValidationMetrics
from aam.training.step.nonfinite import NonFiniteGuard, Step
from aam.training.step.optim import Rates, make_optimizer, make_scheduler, parameter_groups, progress_of_schedule
from aam.training.step.sharding import full_scalar, shard


class TrainingModule(L.LightningModule):
    """One model, the plan of its run, and what the Trainer asks for.

    Parameters
    ----------
    model
        An encoder (pre-training) or a predictor (fine-tuning).
    plan
        The resolved configuration and number of steps.
    truths
        What was observed, for the metrics of a predictor.
    frozen_vectors_AD
        Vectors of all ASVs of the study, for a frozen encoder: nucleotides are then read again only to be
        masked, in validation.
    guard
        Looks for losses and gradients that are not finite; None where no step is taken in earnest.
    adversary
        Tells studies apart by the sample vector, which unlearns them; None where it need not. It is no part of the
        model.
    """

    def __init__(
        self,
        model: SequenceEncoder | SequencePredictor,
        plan: Plan[Any],
        truths: Truths | None = None,
        frozen_vectors_AD: Tensor | None = None,
        guard: NonFiniteGuard | None = None,
        adversary: StudyAdversary | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.adversary = adversary
        self.guard = guard
        self.plan = plan
        self.loss_weights = plan.loss_weights
        self.objectives = encoder_of(model).supervision.objectives
        self.metrics = ValidationMetrics(model.task_heads(), truths)
        self.loss_sums: dict[str, Tensor] = {}
        self.validation_samples = 0
        self.latest: dict[str, float] = {}
        self.train_sums: dict[str, Tensor] = {}
        self.step_losses: dict[str, Tensor] = {}
        self.world_size = world_size()
        self.sums_before: dict[str, Tensor] = {}
        self.frozen_vectors_AD: Tensor | None
        self.register_buffer("frozen_vectors_AD", frozen_vectors_AD, persistent=False)
        if frozen_vectors_AD is not None and isinstance(model, SequencePredictor):
            model.base.requires_grad_(False).eval()

    def configure_model(self) -> None:
        """Shard the model, where the engine asks for that (it may ask twice)."""
        if self.plan.config.distributed.fsdp:
            shard(self.model, self.device_mesh["data_parallel"])  # type: ignore[index]

    def train(self, mode: bool = True) -> TrainingModule:
        """Training mode; a frozen encoder stays in evaluation mode, so that its dropout adds no noise."""
        super().train(mode)
        if self.frozen_vectors_AD is not None and isinstance(self.model, SequencePredictor):
            self.model.base.eval()
        return self

    def on_train_epoch_start(self) -> None:
        """Begin the sums of the epoch's losses."""
        self.train_sums = {}

    def on_before_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Choose what is hidden, while the batch is on the host; the same in every validation."""
        pass_of = ("train", self.current_epoch) if self.training else ("validation",)
        generator = self._generator(*pass_of, *batch.rows_B.tolist())
        batch.corruption = self._corrupt(batch, generator)
        if self.training and batch.category_BC is not None:
            rate = self.plan.config.covariates.unknown_level_rate
            batch.category_BC = hide_levels(batch.category_BC, rate, generator)
            batch.number_BM = None if batch.number_BM is None else hide_numbers(batch.number_BM, rate, generator)
        is_shared = self.training and self.world_size > 1
        return local_batch(batch, rank(), self.world_size) if is_shared else batch

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """Move the batch while the device goes on computing."""
        return batch.to(device, non_blocking=True)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The weighted sum of all heads' losses of a batch."""
        self._seed_dropout(self.current_epoch, batch_idx, self.global_rank)
        encoded = self._encode(batch, batch.corruption)
        heads = [head for head in self.model.task_heads() if self.loss_weights[head.name]]
        losses = {head.name: self._part_of_loss(head, encoded, batch) for head in heads}
        if self.adversary is not None:
            losses["study"] = self._study_loss(self.adversary, encoded, batch)
        total = torch.stack([self.loss_weights.get(name, 1.0) * loss for name, loss in losses.items()]).sum()
        begins_step = batch_idx % self.plan.config.optim.gradient_accumulation_steps == 0
        self.step_losses = {name: loss.detach() for name, loss in {"": total, **losses}.items()}
        if self.guard is not None:
            self.guard.note(self.step_losses, batch.rows_B, begins_step=begins_step)
        if begins_step:
            self.sums_before = dict(self.train_sums)
        for name, loss in (self.step_losses | {"samples": torch.ones_like(total) / self.world_size}).items():
            weighted = loss.detach().double() * _global_size(batch)
            self.train_sums[name] = self.train_sums[name] + weighted if name in self.train_sums else weighted
        # The engine takes the mean over the processes of what is here a share of the whole batch's loss.
        return total * self.world_size * self._share_of_step(batch, batch_idx)

    def _part_of_loss(self, head: Head, encoded: Encoded, batch: Batch) -> Tensor:
        """The loss of a head; of several processes, this one's part of the whole batch's mean."""
        comparison = head.compare(encoded, batch)
        loss, beside = head.loss(comparison), head.regulariser(comparison)
        loss = loss if beside is None else loss + beside
        return loss if batch.share is None else loss * batch.share.of(head.counted, head.name)

    def _study_loss(self, adversary: StudyAdversary, encoded: Encoded, batch: Batch) -> Tensor:
        """The loss of the adversary, whose gradient is reversed for the encoder."""
        assert batch.study_B is not None
        strength = strength_at(self.global_step, self.plan.total_steps, self.plan.config.studies.adversary_weight)
        loss = adversary.loss(encoded.sample.sample_BD, batch.study_B, strength)
        return loss if batch.share is None else loss * batch.share.of("samples", "study")

    def _share_of_step(self, batch: Batch, batch_idx: int) -> float:
        """What makes the mean over the samples of a step of the mean over this batch, which the engine divides."""
        accumulation = self.plan.config.optim.gradient_accumulation_steps
        steps = self.plan.steps_per_epoch
        of_step = step_size(self.plan.num_train, steps, batch_idx // accumulation if steps > 1 else 0)
        return 1.0 if accumulation == 1 else _global_size(batch) * accumulation / of_step

    def train_losses(self) -> dict[str, float]:
        """Mean losses of the epoch so far: ``train_loss`` is the weighted sum, the others are the heads' own."""
        if not self.train_sums:  # every step of the epoch was left out
            return {"train_loss": math.nan}
        sums = self._summed(self.train_sums)
        samples = sums.pop("samples")
        means = {name: total / samples for name, total in sums.items()}
        return {"train_loss": means.pop(""), **{f"train_{name}_loss": mean for name, mean in means.items()}}

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip the gradient's norm; if it, or a loss, is not finite, stop before the step or skip it.

        In fp16 an infinite gradient is expected now and then: the scaler skips the step and takes a smaller scale.
        """
        parameters = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        limit = gradient_clip_val or math.inf
        norm = full_scalar(torch.nn.utils.clip_grad_norm_(parameters, limit))
        if self.guard is None:
            return
        finite_H = self.guard.flags(norm, with_gradient=self.trainer.precision != "16-mixed")
        finite_H = min_over_processes(finite_H.int()).bool()
        if not finite_H.all():
            rate = optimizer.param_groups[0]["lr"]
            self.guard.answer(finite_H, Step(self.global_step + 1, self.current_epoch + 1, float(norm), rate))
            self._leave_out(parameters)

    def _leave_out(self, parameters: list[torch.nn.Parameter]) -> None:
        """Take nothing of this step: without a gradient, the optimiser changes neither a weight nor its own state."""
        for parameter in parameters:
            parameter.grad = None
        self.train_sums = self.sums_before

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the sums of an epoch that has not come to its end, and which steps were skipped."""
        checkpoint["train_sums"] = self._summed(self.train_sums)
        checkpoint["skipped_steps"] = [] if self.guard is None else self.guard.skipped

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on with the sums of the epoch, which the first process holds for all, and the skipped steps."""
        checkpoint["lr_schedulers"] = [progress_of_schedule(state) for state in checkpoint["lr_schedulers"]]
        self.train_sums = {
            name: torch.tensor(total if is_first() else 0.0, dtype=torch.float64, device=self.device)
            for name, total in checkpoint["train_sums"].items()
        }
        if self.guard is not None:
            self.guard.skipped = list(checkpoint["skipped_steps"])

    def _summed(self, sums: dict[str, Tensor]) -> dict[str, float]:
        """Sums over all processes, in plain numbers."""
        if not sums:
            return {}
        totals = sum_over_processes(torch.stack(list(sums.values())))
        return dict(zip(sums, totals.tolist(), strict=True))

    def on_validation_epoch_start(self) -> None:
        """Forget the last validation."""
        self.metrics.reset()
        nothing = torch.zeros((), dtype=torch.float64, device=self.device)
        self.loss_sums = {head.name: nothing for head in self.model.task_heads()}
        self.validation_samples = 0

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Feed the metrics with a batch.

        Heads that do not ask for what was hidden are measured with nothing hidden, as the model is used later.
        """
        encoded = self._encode(batch, batch.corruption)
        hiding = {objective.head_name for objective in self.objectives if objective.hides}
        whole = encoded if encoded.corruption.is_nothing else self._encode(batch, None)
        if batch_idx >= self.trainer.val_dataloaders.batch_sampler.num_own:  # type: ignore[union-attr]
            return  # another process's: this one only computes as often
        for head in self.model.task_heads():
            comparison = head.compare(encoded if head.name in hiding else whole, batch)
            self.loss_sums[head.name] = self.loss_sums[head.name] + head.loss(comparison).double() * len(batch)
            self.metrics.update(head, comparison, batch.rows_B)
        self.validation_samples += len(batch)

    def on_validation_epoch_end(self) -> None:
        """Log losses and metrics. ``val_loss`` is the target's alone where there is a target."""
        samples = torch.tensor(float(self.validation_samples), dtype=torch.float64, device=self.device)
        sums = self._summed({"samples": samples, **self.loss_sums})
        samples_in_all = sums.pop("samples")
        losses = {name: total / samples_in_all for name, total in sums.items()}
        weighted = sum(self.loss_weights[name] * loss for name, loss in losses.items())
        self.latest = {"val_loss": losses.get("target", weighted)}
        self.latest |= {f"val_{name}_loss": loss for name, loss in losses.items()}
        self.latest |= {f"val_{name}": value for name, value in self.metrics.compute().items()}
        self.log_dict(self.latest, logger=False)

    def configure_optimizers(self) -> Any:
        """The optimiser and schedule of the plan."""
        config = self.plan.config
        linear_path_decay, rates = 0.0, None
        if isinstance(config, TrainConfig):
            linear_path_decay = config.head.linear_path_decay
            rates = Rates(
                peak=config.optim.peak_lr,
                linear=config.head.linear_path_lr,
                asv=config.transfer.asv_lr,
                covariates=config.covariates.categorical_lr,
                layer_decay=config.transfer.layer_lr_decay,
                layers=config.model.layers,
            )
        groups = parameter_groups(self.model, config.optim.weight_decay, linear_path_decay, rates)
        if self.adversary is not None:
            own = {"params": list(self.adversary.parameters()), "weight_decay": config.optim.weight_decay}
            groups.append({**own, "lr": config.optim.peak_lr})
        optimizer = make_optimizer(groups, config.optim, fused=config.run.mixed_precision != "fp16")
        scheduler = make_scheduler(
            optimizer, config.optim, self.plan.total_steps, self.plan.monitor, self.plan.higher_is_better
        )
        return optimizer if scheduler is None else {"optimizer": optimizer, "lr_scheduler": scheduler}

    def _encode(self, batch: Batch, corruption: Corruption | None) -> Encoded:
        """Encode a batch; where bases are masked, known vectors of the whole sequences would not do."""
        known_AD = None if corruption is not None and corruption.masked_M is not None else self.frozen_vectors_AD
        vectors = None if known_AD is None else known_AD[batch.asvs_U]
        encoded: Encoded = self.model(batch, corruption, vectors)
        return encoded

    def _corrupt(self, batch: Batch, generator: torch.Generator) -> Corruption:
        """Hide from the model what objectives ask it for; what is measured but not learned, in validation alone."""
        config = self.plan.config
        hidden: dict[str, Tensor] = {}
        for objective in self.objectives:
            if self.loss_weights[objective.head_name] or not self.training:
                hidden |= objective.hide(batch, config.objective, config.model, generator)
        return Corruption(**hidden)

    def _seed_dropout(self, *key: int) -> None:
        """Make dropout a function of the step. No state of a generator outlives a step.

        A resumed run thus repeats the unbroken one to the bit.
        """
        seed = self._seed("dropout", *key)
        # torch.manual_seed would also write down the whole stack for every kind of device that is not there.
        torch.default_generator.manual_seed(seed)
        if self.device.type == "cuda":
            torch.cuda.manual_seed(seed)

    def _generator(self, *key: str | int) -> torch.Generator:
        return torch.Generator().manual_seed(self._seed(*key))

    def _seed(self, *key: str | int) -> int:
        digest = hashlib.sha256(repr((self.plan.config.run.seed, *key)).encode()).digest()
        return int.from_bytes(digest[:8], "little") >> 1


def _global_size(batch: Batch) -> int:
    """Samples of the batch of all processes."""
    return len(batch) if batch.share is None else batch.share.global_size
