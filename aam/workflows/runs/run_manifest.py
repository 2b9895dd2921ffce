"""The record of a run's data: inputs with checksums, samples kept and dropped, sizes, versions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aam.config import PretrainConfig, TrainConfig
from aam.config.option import input_paths
from aam.data.study.earlier import clock_notes, describe_earlier, fit_earlier, with_earlier
from aam.data.study.several.harmony import harmony_of
from aam.data.study.several.labels import balance_levels, balance_notes
from aam.data.study.study import Study
from aam.errors import InputError
from aam.files.atomic import read_json, sha256_file
from aam.files.cache import FileState, file_state, is_unchanged
from aam.models.folder.paths import find_weights
from aam.runs.directory import RunDirectory
from aam.runs.layout import DATA, SAMPLE_LISTS
from aam.training.distributed.collectives import world_size
from aam.training.hardware.device import choose_device
from aam.training.plan.supervision import Inputs
from aam.workflows.runs.provenance import full_environment, origin, parent_model, promise

InputStates = Mapping[Path, FileState | None]
"""Each input file of a run and its state before it was read."""


def data_record(
    config: PretrainConfig | TrainConfig, inputs: Inputs, before: InputStates, command: str
) -> dict[str, Any]:
    """The content of ``data.json``, in plain types.

    Parameters
    ----------
    config
        The run's.
    inputs
        What it learns from.
    before, command
        As for :func:`run_record`.

    Raises
    ------
    InputError
        As there.
    """
    split, targets = inputs.split, inputs.targets
    harmony = harmony_of(inputs.study, config.study.study_column)
    used = np.sort(np.concatenate(list(split.parts().values())))
    balance = balance_notes(config, inputs.balance_N, split.train)
    return {
        **run_record(config, before, command),
        **study_record(inputs.study, used, (*split.notes, *balance, *_earlier_notes(inputs))),
        **({} if harmony is None else {"studies": harmony.to_dict()}),
        "samples": {part: len(rows) for part, rows in split.parts().items()},
        "targets": None if targets is None else targets.to_dict(),
    }


def _earlier_notes(inputs: Inputs) -> tuple[str, ...]:
    """How many samples have earlier ones, and what the time tells; nothing where none are read."""
    spec, study = inputs.earlier, inputs.study
    return () if spec is None else (describe_earlier(study, spec), *clock_notes(study, spec))


def notes_of_all(study: Study, config: TrainConfig) -> tuple[str, ...]:
    """What is said of all samples of a cross-validation: how they are balanced, and what is earlier."""
    balance = tuple(balance_notes(config, balance_levels(config, study), np.arange(len(study))))
    if not config.earlier.is_asked_for:
        return balance
    spec = fit_earlier(config.earlier, study, np.arange(len(study)), config.split.group_column)
    return (*balance, describe_earlier(with_earlier(study, spec), spec), *clock_notes(study, spec))


def run_record(config: PretrainConfig | TrainConfig, before: InputStates, command: str) -> dict[str, Any]:
    """The entry of any run in ``data.json``: its starts, its inputs, and what repeating it promises.

    Parameters
    ----------
    config
        The run's.
    before
        From :func:`inputs_before_reading`.
    command
        The command line, as it was typed.

    Raises
    ------
    InputError
        If an input has changed since it was read.
    """
    came = origin(config, command, DATA)
    parent = parent_model(config)  # before its file is found to be what it was
    return {
        **came,
        "seed": config.run.seed,
        "inputs": list(input_records(before)),
        "parent_model": parent,
        "processes": world_size(),
        "environment": full_environment(),
        "promise": promise(config, choose_device(config.run.device).type, world_size(), came["changes"], came["parts"]),
    }


def study_record(study: Study, used: np.ndarray, notes: tuple[str, ...] = ()) -> dict[str, Any]:
    """The entry of a study in ``data.json``: samples dropped and why, reads, ASVs, lengths.

    Parameters
    ----------
    study
        The study.
    used
        Rows of the samples that are used, ascending.
    notes
        What else is worth saying.
    """
    counts, lengths = study.table.counts, study.lengths
    return {
        "flow": [
            {
                "step": step.step,
                "kept": step.kept,
                "dropped": step.dropped,
                "reason": step.reason,
                "examples": list(step.examples),
            }
            for step in study.flow
        ],
        "notes": [*study.notes, *notes],
        "num_asvs": len(lengths),
        "rarefy_depth": study.rarefy_depth,
        "reads_per_sample": np.sort(np.asarray(counts.sum(axis=1)).ravel()[used]).tolist(),
        "asvs_per_sample": np.sort(np.diff(counts.indptr)[used]).tolist(),
        "sequence_lengths": _spread_of(lengths) if study.has_dna else None,
    }


def _spread_of(lengths: np.ndarray) -> dict[str, int]:
    return {"min": int(lengths.min()), "median": int(np.median(lengths)), "max": int(lengths.max())}


def inputs_before_reading(config: PretrainConfig | TrainConfig) -> InputStates:
    """The inputs of a run as they are now; what is not there is for its reader to refuse.

    Raises
    ------
    CheckpointError
        If there is no model where an encoder is said to be.
    """
    return {path: file_state(path) for path in _inputs(config)}


def input_records(before: InputStates) -> Iterator[dict[str, Any]]:
    """Path, size and SHA-256 of each input file, once it was read.

    Parameters
    ----------
    before
        From :func:`inputs_before_reading`.

    Raises
    ------
    InputError
        If one changed while it was read, or cannot be read.
    """
    for path, state in before.items():
        try:
            digest = sha256_file(path)
        except OSError as error:
            problem = f"was read, but cannot be read again for its checksum ({error.strerror})"
            raise InputError(path, problem, "put it back and start again") from None
        if state is None or not is_unchanged(path, state):
            raise InputError(path, "changed while it was read", "retry once no other program is writing to it")
        yield {"path": str(path), "bytes": state.bytes, "sha256": digest}


def check_inputs_unchanged(config: PretrainConfig | TrainConfig, run: RunDirectory) -> None:
    """Refuse to resume a run whose inputs have changed.

    Raises
    ------
    InputError
        Naming the first file that differs.
    """
    if not (run.path / DATA).exists():
        return
    before = _recorded_inputs(run)
    started = f"the run {run.path} started"
    where = "resume in the folder that the run was started in, or put the file back"
    _check_same(
        ((path, before.get(path)) for path in _inputs(config)),
        gone=(f"is missing; {started} with it", where),
        other=(f"has changed since {started}", "restore the original, or start a new run"),
    )


def check_inputs_still_same(run: RunDirectory, remedy: str) -> None:
    """Refuse to continue a run whose inputs have changed since it started.

    Parameters
    ----------
    run
        The whole.
    remedy
        What to do once they are put back.

    Raises
    ------
    InputError
        Naming the first file that differs.
    """
    back = f"restore the original and {remedy}, or start a new run"
    _check_same(
        _recorded_inputs(run).items(),
        gone=("was deleted during the run", f"put it back and {remedy}"),
        other=("changed during the run", back),
    )


def _check_same(recorded: Iterable[tuple[Path, str | None]], *, gone: tuple[str, str], other: tuple[str, str]) -> None:
    """Refuse the first input that is not there, or has another SHA-256; ``gone`` and ``other``: problem, and remedy."""
    for path, digest in recorded:
        if not path.is_file():
            raise InputError(path, *gone)
        if sha256_file(path) != digest:
            raise InputError(path, *other)


def _recorded_inputs(run: RunDirectory) -> dict[Path, str]:
    """Path -> SHA-256 of the inputs that a run started with."""
    try:
        return {Path(item["path"]): item["sha256"] for item in read_json(run.path / DATA)["inputs"]}
    except (TypeError, KeyError):
        problem = "damaged: it does not list the inputs of the run"
        raise InputError(run.path / DATA, problem, "start a new run") from None


def write_lists(inputs: Inputs, run: RunDirectory) -> None:
    """Write the ids of each part's samples."""
    for part, rows in inputs.split.parts().items():
        run.write_lines(SAMPLE_LISTS[part], [str(sample_id) for sample_id in inputs.study.sample_ids[rows]])


def _inputs(config: PretrainConfig | TrainConfig) -> Iterator[Path]:
    """The files that a run reads; of the folder of an encoder, its weights."""
    encoder = config.transfer.pretrained_encoder if isinstance(config, TrainConfig) else None
    yield from (find_weights(path) if path == encoder else path for path in input_paths(config))
