"""What `aam pretrain` and `aam train` have in common: the run directory around the run."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aam.config import PretrainConfig, TrainConfig
from aam.config.option import input_paths
from aam.log import logging_to_file, logging_to_terminal, say, silent, warn
from aam.runs.directory import RunDirectory, how_to_go_on, open_run
from aam.training.distributed.collectives import first_decides, is_first, process_group
from aam.training.distributed.rank_info import find_rank_info
from aam.training.run.build_run import Prepared
from aam.workflows.provenance import say_changes
from aam.workflows.run_manifest import (
    DATA,
    InputStates,
    check_inputs_unchanged,
    data_record,
    inputs_before_reading,
    write_lists,
)

if TYPE_CHECKING:
    from aam.training.run.fit import Fitted


from aam.config import to_flat


def make_room(run: RunDirectory, config: PretrainConfig | TrainConfig) -> None:
    """Remove the run that a new one takes the place of; to be called when nothing can be wrong with the new one."""
    if config.run.overwrite and config.run.resume_from is None:
        run.clear()


def options_to_repeat(config: PretrainConfig | TrainConfig) -> dict[str, Any]:
    """The options of a run as its ``config.yaml`` has them: to repeat it does not ask to remove or change a run."""
    return {**to_flat(config), "overwrite": False, "resume_from": None}


def run_training(config: PretrainConfig | TrainConfig, command: str, prepare: Callable[[], Prepared]) -> None:
    """Take the run directory, train, and write all results.

    Parameters
    ----------
    config
        What was asked for.
    command
        ``pretrain`` or ``train``.
    prepare
        Reads the data and makes the model.
    """
    rank_info = find_rank_info(config.distributed)
    log = logging_to_terminal() if rank_info is None or rank_info.rank == 0 else silent()
    remedy = partial(how_to_go_on, command, config.run.output_dir)
    with log, process_group(rank_info, config.distributed, config.run.device, remedy):
        if config.distributed.data_parallel:
            warn("--data-parallel now means --devices all: a process for each GPU, with the pairs of all their samples")
        train_into_directory(config, command, command_line(), prepare)


def train_into_directory(
    config: PretrainConfig | TrainConfig,
    command: str,
    typed: str,
    prepare: Callable[[], Prepared],
    *,
    advise: bool = True,
) -> Fitted:
    """What :func:`run_training` does, said to whoever listens already.

    Parameters
    ----------
    config, command, prepare
        As there.
    typed
        The command line that repeats the run.
    advise
        Say what to type next.
    """
    with taken_directory(config, typed) as (run, before):
        prepared = prepare()
        record = first_decides(lambda: _write_plan(prepared, before, run, command, typed))
        # The engine takes seconds to load: whoever mistypes a column's name is to be told before that.
        from aam.training.run.fit import fit
        from aam.workflows.finalize import Trained, finish_run, model_record

        fitted = fit(prepared, run, command)
        if not is_first():
            return fitted
        trained = Trained(config=prepared.plan.config, inputs=prepared.inputs, device=prepared.device)
        finish_run(trained, run, {**record, "model": model_record(prepared, fitted)})
        run.finish({"best_epoch": fitted.best_epoch, "best_value": fitted.best_value, "epochs": fitted.epochs})
        shutil.rmtree(run.checkpoints, ignore_errors=True)
        advice = ["", *next_commands(prepared.plan.config, run)] if advise else []
        say(f"model: {run.model}", *advice)
    return fitted


@contextmanager
def taken_directory(config: PretrainConfig | TrainConfig, typed: str) -> Iterator[tuple[RunDirectory, InputStates]]:
    """The run directory of a run, taken for this process, with all that is said in its log; and the inputs, unread.

    Raises
    ------
    InputError
        As :func:`~aam.runs.directory.open_run`; and if a run is to be resumed whose inputs have changed.
    """
    with ExitStack() as stack:
        yield first_decides(lambda: stack.enter_context(_opened(config, typed)))


@contextmanager
def _opened(config: PretrainConfig | TrainConfig, typed: str) -> Iterator[tuple[RunDirectory, InputStates]]:
    options = config.run
    resume = options.resume_from is not None
    with (
        open_run(options.output_dir, resume=resume, overwrite=options.overwrite, inputs=input_paths(config)) as run,
        logging_to_file(run.log),
    ):
        say(f"$ {typed}")
        before = inputs_before_reading(config)
        if resume:
            check_inputs_unchanged(config, run)
            say_changes(config, run)
        yield run, before


def command_line() -> str:
    """The command as it was typed."""
    name = Path(sys.argv[0]).name
    return shlex.join(["aam" if name == "__main__.py" else name, *sys.argv[1:]])


def next_commands(config: PretrainConfig | TrainConfig, run: RunDirectory) -> list[str]:
    """What to type next."""
    path = shlex.quote(str(run.path))
    if isinstance(config, TrainConfig):
        told = [*config.covariates.columns, *config.target.normalize_by]
        sheet = " --metadata NEW.tsv" if told else ""
        words = f"aam predict --model {path} --table NEW.biom{sheet} --output predictions.tsv"
        return ["Next, predict new samples:", f"  {words}"]
    tables = " ".join(f"--table {shlex.quote(str(table))}" for table in config.table.table)
    more = f"--metadata SAMPLES.tsv --metadata-column COLUMN --pretrained-encoder {path} --output-dir RUN"
    return ["Next, train it to predict a metadata column:", f"  aam train {tables} {more}"]


def _write_plan(prepared: Prepared, before: InputStates, run: RunDirectory, command: str, typed: str) -> dict[str, Any]:
    """Write down what is about to be done; the content of ``data.json``."""
    config = prepared.plan.config
    record = data_record(config, prepared.inputs, before, typed)
    make_room(run, config)
    if config.run.resume_from is not None:
        run.write_json(DATA, record)  # changed options are noted before they are in force
    run.write_config(command, options_to_repeat(config))
    if config.run.resume_from is None:
        run.write_json(DATA, record)
    write_lists(prepared.inputs, run)
    run.checkpoints.mkdir(exist_ok=True)
    return record
