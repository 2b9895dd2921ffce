"""The training run: Lightning's Trainer around a prepared model; the best model ends up in the run directory."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import lightning as L

from aam.config import TrainConfig
from aam.data.study.earlier import earlier_data
from aam.errors import NonFiniteError, PreemptedError, ReportedByAnotherRank, RunError
from aam.log import say, say_detail
from aam.models.attention import compile_layers
from aam.models.folder.description import ModelDescription
from aam.models.folder.weights import save_model
from aam.models.sequence_predictor import SequencePredictor, encoder_of
from aam.runs.directory import RunDirectory, resume_hint
from aam.text import format_duration, plural
from aam.training.checkpoints.checkpoint import AtomicCheckpointIO, SaveCheckpoints, latest_checkpoint, restore_best
from aam.training.distributed.collectives import decided_by_rank_0, is_first
from aam.training.hardware.device_memory import PeakMeter, is_out_of_memory
from aam.training.hardware.host_memory import give_back_freed_memory
from aam.training.memory.layout import out_of_memory
from aam.training.run import frozen_draws as frozen
from aam.training.run.build_run import Prepared, new_adversary
from aam.training.run.callbacks import AddPoints, BestModel, History, StopOnSignal, restored_signal_handlers
from aam.training.run.progress import ProgressBar, SayDuration
from aam.training.run.strategy import quiet, strategy_options
from aam.training.run.unfreezing import GradualUnfreezing, PatienceAfter
from aam.training.step.metrics import Truths
from aam.training.step.module import TrainingModule
from aam.training.step.nonfinite import NonFiniteGuard
from aam.training.step.sharding import full_state

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]

MOST_SAMPLES_FROM_THE_START = 20_000
"""Training samples above which nobody waits for a measurement of the start: one pass over them leaves it behind.

Of 80,000, the measurement on 20,000 validation samples took four fifths of the time to the first step."""
PRECISIONS: dict[str | None, Precision] = {"none": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


@dataclass(frozen=True)
class Fitted:
    """How a training run came out.

    Attributes
    ----------
    best_epoch, best_value
        Epoch (from 0) whose model was kept, and its metric.
    epochs
        Epochs that were trained, in all.
    seconds
        Of this process's part of the training.
    peak_bytes
        Most memory that was taken meanwhile: of the GPU, or of the process on a CPU.
    late_signal
        The signal received in the last epoch, when nothing was left to stop; None for none.
    skipped_steps
        Steps, from 1, skipped because a loss or gradient was not finite.
    """

    best_epoch: int
    best_value: float
    epochs: int
    seconds: float
    peak_bytes: int
    late_signal: int | None = None
    skipped_steps: tuple[int, ...] = ()


def fit(prepared: Prepared, run: RunDirectory, command: str, add_to_curves: AddPoints | None = None) -> Fitted:
    """Train, from the start or from the newest checkpoint of the run directory.

    Parameters
    ----------
    prepared
        What to train.
    run
        Takes checkpoints, metrics and, in ``model/``, the best model.
    command
        ``train`` or ``pretrain``.
    add_to_curves
        Takes the numbers of each epoch and its last step.

    Raises
    ------
    NonFiniteError
        If the loss or a gradient is not finite; the weights are those before.
    PreemptedError
        If a signal stopped the run, which can then be resumed.
    RunError
        If memory ran out; with what to type.
    """
    config = prepared.plan.config
    inputs = prepared.inputs
    truths = None if inputs.targets is None else Truths(inputs.targets, inputs.study.targets, inputs.level_N)
    guard = NonFiniteGuard(run.path, inputs.study.sample_ids, config.optim.skip_non_finite)
    adversary = new_adversary(prepared)
    module = TrainingModule(prepared.model, prepared.plan, truths, prepared.frozen_vectors_AD, guard, adversary)
    if config.run.compile_model:
        compile_layers(prepared.model)
    best = BestModel(lambda module, epoch, value: _save(prepared, run, module, epoch, value))
    signals = StopOnSignal(run, command)
    callbacks = [History(run, best, add_to_curves), best, *_callbacks(prepared, run, signals)]
    resumed = config.run.resume_from is not None
    checkpoint = decided_by_rank_0(lambda: _checkpoint_of(run)) if resumed else None
    if config.model.gradient_checkpointing and prepared.device.type == "cpu":
        give_back_freed_memory()
    started, meter = time.monotonic(), PeakMeter(prepared.device)
    with quiet(), restored_signal_handlers(), _explained(prepared, run):
        trainer = _trainer(prepared, run, callbacks, fresh=checkpoint is None)
        trainer.fit(
            module, *frozen.loaders(prepared, run.path, _read_asvs(prepared)), ckpt_path=checkpoint, weights_only=True
        )
    seconds = time.monotonic() - started
    peak, skipped = meter.stop(), tuple(guard.skipped)
    fitted = Fitted(best.epoch, best.value, trainer.current_epoch, seconds, peak, signals.received, skipped)
    say_detail(prepared.memory.compared(fitted.peak_bytes))
    say(*_outcome(fitted, prepared))
    say(*_unlearned(module))
    return fitted


def _checkpoint_of(run: RunDirectory) -> Path | None:
    """The checkpoint to resume from, with the best model at that time restored."""
    checkpoint = latest_checkpoint(run.checkpoints)
    if checkpoint is not None:
        restore_best(checkpoint, run.model)
    return checkpoint


def _read_asvs(prepared: Prepared) -> bool:
    """Whether the targets' head needs the ASVs of a sample (or those of earlier ones), and not only its vector."""
    config = prepared.plan.config
    return isinstance(config, TrainConfig) and config.reads_asvs


def describe_model(prepared: Prepared, record: dict[str, Any]) -> ModelDescription:
    """The description of the model in its folder, without its weights."""
    config, model = prepared.plan.config, prepared.model
    base = encoder_of(model)
    # Tables of the other strand are then turned to be compared with those of training, and never refused.
    takes_both_strands = any(name == "reverse-complement" for name, _ in config.augmentation.strengths)
    return ModelDescription(
        options=base.options,
        supervision=base.supervision,
        predictor=model.plan if isinstance(model, SequencePredictor) else None,
        data={
            "trim_length": config.table.trim_length,
            "reverse_complement": config.table.reverse_complement or ("auto" if takes_both_strands else "no"),
            "max_bp": config.table.max_bp,
            "rarefy_depth": prepared.study.rarefy_depth,
            "token_limit": config.sampling.token_limit,
            "asv_sampling": config.sampling.asv_sampling,
            "study_column": prepared.study.made_column(config.study.study_column),
            **earlier_data(prepared.inputs.earlier),
        },
        record=record,
    )


def _save(prepared: Prepared, run: RunDirectory, module: TrainingModule, epoch: int, value: float) -> None:
    plan = prepared.plan
    record: dict[str, Any] = {"trained on": f"{len(prepared.split.train)} samples", "epochs of training": epoch + 1}
    record |= {f"validation {n.removeprefix('val_')}": round(v, 6) for n, v in module.latest.items() if n != "val_loss"}
    record |= {"seed": plan.config.run.seed}
    augmented = plan.config.augmentation.strengths
    if augmented:
        record["augmentation"] = ", ".join(f"{name}={strength:g}" for name, strength in augmented)
    state = full_state(module.model)
    if is_first():
        save_model(run.model, state, describe_model(prepared, record))


def _callbacks(prepared: Prepared, run: RunDirectory, signals: StopOnSignal) -> list[L.Callback]:
    plan = prepared.plan
    patience = plan.config.optim.patience
    assert patience is not None
    every, first_epoch = 0, 0
    if isinstance(plan.config, TrainConfig):
        every, first_epoch = plan.config.transfer.gradual_unfreezing, plan.config.transfer.all_learn_from
    mode = "max" if plan.higher_is_better else "min"
    stop = PatienceAfter(first_epoch, plan.monitor, mode=mode, patience=patience, check_finite=False)
    parts = [GradualUnfreezing(every)] if every else []
    remedy = partial(resume_hint, signals.command, run.path)
    keeper = SaveCheckpoints(run.checkpoints, plan.config.run.checkpoint_minutes, remedy)
    bar = [ProgressBar()] if plan.config.run.progress and is_first() else []
    return [stop, *parts, keeper, signals, *bar, SayDuration(*bar)]


def _trainer(prepared: Prepared, run: RunDirectory, callbacks: list[L.Callback], fresh: bool) -> L.Trainer:
    config = prepared.plan.config
    return L.Trainer(
        accelerator="gpu" if prepared.device.type == "cuda" else "cpu",
        **strategy_options(config.distributed, AtomicCheckpointIO()),
        deterministic=prepared.device.type == "cpu",
        precision=PRECISIONS[config.run.mixed_precision],
        max_epochs=config.optim.epochs,
        accumulate_grad_batches=config.optim.gradient_accumulation_steps,
        gradient_clip_val=config.optim.max_grad_norm or None,
        callbacks=callbacks,
        logger=False,
        default_root_dir=run.path,
        use_distributed_sampler=False,
        num_sanity_val_steps=-1 if fresh and _start_may_be_best(prepared) else 0,  # all of the validation samples
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=1,
    )


def _start_may_be_best(prepared: Prepared) -> bool:
    """Whether the start is measured: a linear fit of few samples may be hard to beat."""
    return len(prepared.split.train) <= MOST_SAMPLES_FROM_THE_START


@contextmanager
def _explained(prepared: Prepared, run: RunDirectory) -> Iterator[None]:
    """Turn torch's out-of-memory errors into advice, and report once what all processes meet.

    The batch is never changed during a run.
    """
    try:
        yield
    except (PreemptedError, NonFiniteError) as error:
        if is_first():
            raise
        raise ReportedByAnotherRank(error.exit_code) from error
    except (MemoryError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise RunError(out_of_memory(prepared.memory, prepared.plan, run.path, prepared.device.type)) from error
        raise


def _unlearned(module: TrainingModule) -> Iterator[str]:
    """How well an adversary still tells studies apart, where there is one."""
    losses, adversary = module.train_losses(), module.adversary
    if adversary is not None and "train_study_loss" in losses:
        found = f"loss {losses['train_study_loss']:.3f} in the last epoch, {adversary.chance:.3f} by chance"
        yield f"study adversary: {found}; the nearer, the less the sample vector tells studies apart"


def _outcome(fitted: Fitted, prepared: Prepared) -> Iterator[str]:
    name = prepared.plan.config.optim.best_metric
    stopped = "" if fitted.epochs >= prepared.plan.config.optim.epochs else " (early stopping)"
    yield f"trained {plural(fitted.epochs, 'epoch')} in {format_duration(fitted.seconds)}{stopped}"
    which = f"epoch: {fitted.best_epoch + 1}" if fitted.best_epoch >= 0 else "model: the initial fit, before training"
    yield f"best {which} ({name} {fitted.best_value:.4g})"
