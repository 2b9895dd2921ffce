"""One run of pre-training or training in its run directory, from reading the inputs to the report."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from aam.config import PretrainConfig, TrainConfig, to_flat
from aam.config.option import input_paths
from aam.errors import PreemptedError
from aam.log import logging_to_file, say, say_detail
from aam.runs.directory import ENDED, RunDirectory, open_run
from aam.runs.layout import DATA
from aam.training.distributed.collectives import decided_by_rank_0, is_first
from aam.training.run.build_run import Prepared, prepare_training
from aam.workflows.runs.provenance import log_changes
from aam.workflows.runs.results import TrainResult
from aam.workflows.runs.run_manifest import (
    InputStates,
    check_inputs_unchanged,
    data_record,
    inputs_before_reading,
    write_lists,
)
from aam.workflows.runs.tracked import tracked

RunConfig = PretrainConfig | TrainConfig


def make_room(run: RunDirectory, config: RunConfig) -> None:
    """Remove the run that a new one takes the place of; to be called when nothing can be wrong with the new one."""
    if config.run.overwrite and config.run.resume_from is None:
        run.clear()


def options_to_repeat(config: RunConfig) -> dict[str, Any]:
    """The options of a run as its ``config.yaml`` has them: to repeat it does not ask to remove or change a run."""
    return {**to_flat(config), "overwrite": False, "resume_from": None}


def train_one(config: TrainConfig, command_line: str) -> TrainResult:
    """Train one predictor in its run directory; see :func:`train_into_directory`."""
    return train_into_directory(config, "train", command_line, lambda: prepare_training(config))


def train_into_directory(
    config: RunConfig, command: str, command_line: str, prepare: Callable[[], Prepared]
) -> TrainResult:
    """Take the run directory, train, and write all results.

    Parameters
    ----------
    config
        What was asked for.
    command
        ``pretrain`` or ``train``.
    command_line
        The command line that repeats the run.
    prepare
        Reads the data and makes the model.
    """
    with taken_directory(config, command_line) as (run, before), tracked(config, run, command) as tracking:
        prepared = prepare()
        record = decided_by_rank_0(lambda: _write_plan(prepared, before, run, command, command_line))
        tracking.begin_network(prepared.plan.config, record)
        # The engine takes seconds to load: a mistyped column is reported before that.
        from aam.training.run.fit import fit
        from aam.workflows.runs.finalize import Trained, finish_run, model_record

        fitted = fit(prepared, run, command, tracking.add_to_curves)
        judgements = {}
        if is_first():
            trained = Trained(config=prepared.plan.config, inputs=prepared.inputs, device=prepared.device)
            judgements = finish_run(trained, run, {**record, "model": model_record(prepared, fitted)})
            run.finish({"best_epoch": fitted.best_epoch, "best_value": fitted.best_value, "epochs": fitted.epochs})
            shutil.rmtree(run.checkpoints, ignore_errors=True)
            say(f"model: {run.model}")
            tracking.end(judgements)
    return TrainResult(
        run=run.path,
        config=prepared.plan.config,
        judgements=judgements,
        best_epoch=fitted.best_epoch,
        best_value=fitted.best_value,
        epochs=fitted.epochs,
        late_signal=fitted.late_signal,
    )


@contextmanager
def taken_directory(config: RunConfig, command_line: str) -> Iterator[tuple[RunDirectory, InputStates]]:
    """The run directory of a run, locked by this process, with its log open; and the inputs, unread.

    Raises
    ------
    InputError
        As :func:`~aam.runs.directory.open_run`; and if a run is to be resumed whose inputs have changed.
    """
    with ExitStack() as stack:
        yield decided_by_rank_0(lambda: stack.enter_context(_opened(config, command_line)))


@contextmanager
def _opened(config: RunConfig, command_line: str) -> Iterator[tuple[RunDirectory, InputStates]]:
    options = config.run
    resume = options.resume_from is not None
    with (
        open_run(options.output_dir, resume=resume, overwrite=options.overwrite, inputs=input_paths(config)) as run,
        logging_to_file(run.log),
    ):
        say(f"$ {command_line}")
        before = inputs_before_reading(config)
        if resume:
            check_inputs_unchanged(config, run)
            log_changes(config, run)
        with _end_in_log():
            yield run, before


@contextmanager
def _end_in_log() -> Iterator[None]:
    """Say in the log why a run came to no good end, for whoever finds it later."""
    try:
        yield
    except (PreemptedError, KeyboardInterrupt, SystemExit) as error:
        say_detail(f"{ENDED['stopped']}{error or 'stopped'}")
        raise
    except Exception as error:
        say_detail(f"{ENDED['failed']}{error or type(error).__name__}")
        raise


def _write_plan(
    prepared: Prepared, before: InputStates, run: RunDirectory, command: str, command_line: str
) -> dict[str, Any]:
    """Write down what is about to be done; the content of ``data.json``."""
    config = prepared.plan.config
    record = data_record(config, prepared.inputs, before, command_line)
    make_room(run, config)
    if config.run.resume_from is not None:
        run.write_json(DATA, record)  # changed options are noted before they are in force
    run.write_config(command, options_to_repeat(config))
    if config.run.resume_from is None:
        run.write_json(DATA, record)
    write_lists(prepared.inputs, run)
    run.checkpoints.mkdir(exist_ok=True)
    return record
