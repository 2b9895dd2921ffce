"""What a run writes down of its data: inputs with their checksums, samples kept and left out, sizes, versions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from aam.config import PretrainConfig, TrainConfig
from aam.config.inputs import input_paths
from aam.data.study import Study
from aam.errors import InputError
from aam.files.atomic import read_json, sha256_file
from aam.files.run_directory import RunDirectory
from aam.files.run_record import DATA as DATA
from aam.models.folder import find_weights
from aam.training.device import choose_device
from aam.training.inputs import Inputs
from aam.training.processes import world_size
from aam.training.provenance import full_environment, origin, parent_model, promise

LISTS = {"train": "train_samples.txt", "validation": "val_samples.txt", "test": "test_samples.txt"}


def data_record(config: PretrainConfig | TrainConfig, inputs: Inputs, command: str) -> dict[str, Any]:
    """The content of ``data.json``, in plain types.

    Parameters
    ----------
    config
        The run's.
    inputs
        What it learns from.
    command
        The command line, as it was typed.
    """
    split, targets = inputs.split, inputs.targets
    used = np.sort(np.concatenate(list(split.parts().values())))
    came = origin(config, command, DATA)
    return {
        **came,
        "seed": config.run.seed,
        "inputs": list(input_records(config)),
        "parent_model": parent_model(config),
        **study_record(inputs.study, used, split.notes),
        "samples": {part: len(rows) for part, rows in split.parts().items()},
        "targets": None if targets is None else targets.to_dict(),
        "processes": world_size(),
        "environment": full_environment(),
        "promise": promise(config, choose_device(config.run.device).type, world_size(), came["changes"], came["parts"]),
    }


def study_record(study: Study, used: np.ndarray, notes: tuple[str, ...] = ()) -> dict[str, Any]:
    """What ``data.json`` says of a study: which samples were left out and why, reads, ASVs, lengths.

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
        "sequence_lengths": {
            "min": int(lengths.min()),
            "median": int(np.median(lengths)),
            "max": int(lengths.max()),
        },
    }


def input_records(config: PretrainConfig | TrainConfig) -> Iterator[dict[str, Any]]:
    """Path, size and SHA-256 of each input file.

    Raises
    ------
    InputError
        If one cannot be read any more.
    """
    for path in _inputs(config):
        try:
            yield {"path": str(path), "bytes": path.stat().st_size, "sha256": sha256_file(path)}
        except OSError as error:
            problem = f"was read, but cannot be read again for its checksum ({error.strerror})"
            raise InputError(path, problem, "put it back and start again") from None


def check_inputs_unchanged(config: PretrainConfig | TrainConfig, run: RunDirectory) -> None:
    """Refuse to resume a run whose inputs are not what they were.

    Raises
    ------
    InputError
        Naming the first file that differs.
    """
    if not (run.path / DATA).exists():
        return
    before = _recorded_inputs(run)
    for path in _inputs(config):
        if not path.is_file():
            problem = f"is not there, but the run {run.path} began with it"
            raise InputError(path, problem, "resume in the folder that the run was started in, or put the file back")
        if before.get(str(path)) != sha256_file(path):
            problem = f"is not the file that the run {run.path} began with"
            raise InputError(path, problem, "put that one back, or start a new run")


def check_inputs_still_same(run: RunDirectory, remedy: str) -> None:
    """Refuse to go on in the midst of a run whose inputs are no longer what they were when it began.

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
    for name, digest in _recorded_inputs(run).items():
        path = Path(name)
        if not path.is_file():
            raise InputError(path, "vanished while the run was under way", f"put it back and {remedy}")
        if sha256_file(path) != digest:
            problem = "changed while the run was under way"
            raise InputError(path, problem, f"put back the one that it began with and {remedy}, or start a new run")


def _recorded_inputs(run: RunDirectory) -> dict[str, str]:
    """Path -> SHA-256 of the inputs that a run began with."""
    try:
        return {item["path"]: item["sha256"] for item in read_json(run.path / DATA)["inputs"]}
    except (TypeError, KeyError):
        problem = "damaged: it does not list the inputs of the run"
        raise InputError(run.path / DATA, problem, "start a new run") from None


def write_lists(inputs: Inputs, run: RunDirectory) -> None:
    """Write the ids of each part's samples."""
    for part, rows in inputs.split.parts().items():
        run.write_lines(LISTS[part], [str(sample_id) for sample_id in inputs.study.sample_ids[rows]])


def _inputs(config: PretrainConfig | TrainConfig) -> Iterator[Path]:
    """The files that a run reads; of the folder of an encoder, its weights."""
    encoder = config.transfer.pretrained_encoder if isinstance(config, TrainConfig) else None
    yield from (find_weights(path) if path == encoder else path for path in input_paths(config))
