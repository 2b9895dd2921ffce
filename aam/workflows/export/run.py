"""`aam export`: write a model as an ONNX file that gives what the model gives."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from aam.config import TableOptions
from aam.config.commands.predict import PredictOptions
from aam.config.option import input_paths
from aam.config.sharing.export import ExportConfig, ExportOptions
from aam.errors import ConfigError
from aam.files.atomic import atomic_write, sha256_file, write_json
from aam.log import say, warn
from aam.models.export.trace import OPSET, trace
from aam.models.folder.paths import find_weights
from aam.runs.outputs import check_outputs
from aam.text import listed, plural
from aam.workflows.export.check import Agreement, compare, session_of
from aam.workflows.export.description import describe
from aam.workflows.export.parts import Exportable, exportable
from aam.workflows.export.samples import Given, random_samples, simulated_samples, table_samples
from aam.workflows.model_input import read_samples
from aam.workflows.trained.loading import load_model
from aam.workflows.trained.model import TrainedModel

MODULES = ("onnx", "onnxscript", "onnxruntime")
NOTE = "aam"
"""Name of the description within the file."""
SEED = 42


@dataclass(frozen=True, kw_only=True)
class Exported:
    """A file that was written.

    Attributes
    ----------
    path, description_path
        The ONNX file, and the JSON beside it.
    description
        What the JSON holds.
    checks
        How far file and model are apart.
    opset
        Version of ONNX's operators.
    """

    path: Path
    description_path: Path
    description: dict[str, Any]
    checks: tuple[Agreement, ...]
    opset: int = OPSET


def export(config: ExportConfig) -> Exported:
    """Write a model as an ONNX file, once it was found to give what the model gives.

    Raises
    ------
    CheckpointError
        If the model cannot be read.
    ConfigError, InputError
        If the model, or a part of it, cannot be exported; if an extra is not installed; if an option, the table or the
        output cannot be used.
    RunError
        If the file would differ from the model; nothing is written then.
    """
    options, started = config.export, time.monotonic()
    check_installed()
    _check_output(config)
    model = load_model(options.model)
    parts = exportable(model, network_only=options.network_only)
    say(*_plan(parts, options))
    whole = parts.whole()
    content = trace(whole, {NOTE: json.dumps(describe(parts, whole))})
    session = session_of(content)
    checks = tuple(compare(parts, session, samples, words) for words, samples in _samples(parts, model, options))
    description = describe(parts, whole, checks)
    description |= {"sha256": hashlib.sha256(content).hexdigest(), "model": sha256_file(find_weights(options.model))}
    options.file.parent.mkdir(exist_ok=True)
    with atomic_write(options.file, "wb") as file:
        file.write(content)
    write_json(options.description, description)
    say(*(f"checked against torch: largest difference {one}" for one in checks))
    say(f"exported {len(content) / 1e6:.1f} MB in {time.monotonic() - started:.0f} s: {options.file}")
    return Exported(path=options.file, description_path=options.description, description=description, checks=checks)


def check_installed() -> None:
    """Refuse to export without the packages of the extra.

    Raises
    ------
    ConfigError
        Naming what is missing and what installs it.
    """
    missing = [name for name in MODULES if find_spec(name) is None]
    if missing:
        raise ConfigError(f"aam export needs {missing[0]}, which is not installed: pip install 'aam[onnx]'")


def _check_output(config: ExportConfig) -> None:
    options = config.export
    if options.file.parent == options.output and not options.output.parent.is_dir():
        raise ConfigError(f"--output {options.output}: there is no folder {options.output.parent}")
    if options.output.is_file() and options.file != options.output:
        raise ConfigError(f"--output {options.output} is a file: name one that ends in .onnx, or a folder")
    if options.file.parent.exists():
        inputs = [path for path in input_paths(config) if path != options.output]
        check_outputs([options.file, options.description], inputs, overwrite=options.overwrite)


def _plan(parts: Exportable, options: ExportOptions) -> Iterator[str]:
    """What is about to be written."""
    what = listed(parts.targets.columns) if parts.targets is not None else "sample vectors"
    counted = {"network": len(parts.networks), "forest": len(parts.forests)}
    members = " and ".join(plural(number, name) for name, number in counted.items() if number)
    yield f"export {members} ({parts.size:,} numbers) for {what} as ONNX, opset {OPSET}: {options.file}"
    if parts.left_out:
        warn(f"left out: {listed(parts.left_out, 6)}. The file holds the network alone, which predicts something else")


def _samples(parts: Exportable, model: TrainedModel, options: ExportOptions) -> Iterator[tuple[str, list[Given]]]:
    """The samples that the file is checked by."""
    yield "random", random_samples(parts, SEED)
    if options.table is None:
        yield "simulated", simulated_samples(parts, model.known_sequences, SEED)
        return
    table = TableOptions(table=(options.table,), table_layer=options.table_layer, sequences=options.sequences)
    own = PredictOptions(model=options.model, metadata=options.metadata, allow_unfamiliar=True)
    study, _ = read_samples(model, table, own)
    yield f"{options.table.name}", table_samples(parts, study, SEED)
