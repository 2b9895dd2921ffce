"""`aam info`: say what a file or folder is, and what is in it."""

from __future__ import annotations

import json
import math
import shlex
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aam.cli.describe.folders import describe_folder
from aam.cli.info_files import describe_file, describe_layer
from aam.cli.terminal import Terminal
from aam.config import InfoConfig
from aam.config.studies import STUDY
from aam.config.yaml_file import read_config_file
from aam.data.study.earlier import data_in_words
from aam.data.targets.targets import Targets
from aam.errors import CheckpointError, InputError
from aam.evaluation.blend_record import blend_facts, read_blend
from aam.files.atomic import sha256_file
from aam.files.limits import limits
from aam.models.folder.manifest import members_in_words
from aam.models.folder.migrations import check_format, to_present
from aam.models.folder.paths import WEIGHTS, unfinished_notes
from aam.runs.continuing import is_resumable
from aam.runs.directory import RunDirectory, environment, resume_command
from aam.runs.layout import (
    CONFIG,
    CV_FOREST_PREDICTIONS,
    CV_METRICS,
    CV_PREDICTIONS,
    DATA,
    FOLDS,
    LOG,
    MEMBERS,
    METRICS,
    PREDICTIONS,
    REPORT,
    SAMPLE_LISTS,
)
from aam.runs.record_schema import SAME, damage_named, parts_of, read_record
from aam.text import decode_text, listed, read_bytes, read_ids

Facts = list[tuple[str, str]]
DAMAGED = "not an AAM model, or damaged; pickles are never loaded"
# What comes of a description whose parts are not what they should be.
WRONG_TYPES = (TypeError, ValueError, KeyError, IndexError, AttributeError)
DESCRIBED = ("aam", "members", "weights", "targets", "data", "record")
RESULTS = (REPORT, *PREDICTIONS.values(), CV_PREDICTIONS, CV_FOREST_PREDICTIONS, CV_METRICS, METRICS, LOG)


def describe_model(weights: Path) -> tuple[str, Facts]:
    """Title and facts of a model, from the header of its weights.

    Raises
    ------
    CheckpointError
        If it is no model of AAM, or its header is damaged.
    """
    header = _read_header(weights)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or "aam" not in metadata:
        raise CheckpointError(f"{weights}: a safetensors file, but not of AAM")
    content: dict[str, Any] = _parsed(weights, metadata["aam"])
    try:
        check_format(weights, content)
        content, _ = to_present(content)
        if missing := [name for name in DESCRIBED if name not in content]:
            raise CheckpointError(f"{weights}: damaged (its description lacks '{missing[0]}'); use another copy")
        return _facts_of_model(header, content)
    except WRONG_TYPES:
        raise CheckpointError(f"{weights}: {DAMAGED}") from None


def _facts_of_model(header: dict[str, Any], content: dict[str, Any]) -> tuple[str, Facts]:
    """Title and facts, from the shapes of the weights and what describes them."""
    members, targets = content["members"], content["targets"]
    kinds = [member["kind"] for member in members]
    number = sum(math.prod(tensor["shape"]) for tensor in header.values())
    facts = [("version", f"aam {content['aam']}"), ("parameters", f"{number:,} in {len(header):,} arrays")]
    named = [str(member.get("name", member["kind"])) for member in members]
    facts += [("members", members_in_words(named, content["weights"]))] if kinds != ["network"] else []
    if targets is not None:
        facts.append(("predicts", _predicted(targets["specs"])))
    sizes = [member["model"] for member in members if member["kind"] == "network"][:1]
    facts += [("size", f"width {size['embedding_dim']}, {size['num_soft_clades']} soft clades") for size in sizes]
    treated = data_in_words(content["data"])
    facts += [(name.replace("_", " "), str(value)) for name, value in treated.items() if value is not None]
    facts += [(name.replace("_", " "), str(value)) for name, value in content["record"].items()]
    if targets is None:
        return "a pre-trained encoder", [*facts, ("used with", "aam train --pretrained-encoder")]
    is_ensemble = set(kinds) == {"network"} and len(kinds) > 1
    title = f"an ensemble of {len(kinds)} trained models" if is_ensemble else "a trained model"
    return title, [*facts, _novelty(content.get("familiarity")), ("used with", "aam predict --model")]


def _novelty(familiarity: Any) -> tuple[str, str]:
    """By what the model notices samples unlike those of training."""
    if familiarity is None or familiarity["limits"] is None:
        return "novelty", "not judged: the model does not know how far its training samples are from one another"
    judged, fewest = familiarity["limits"][2], familiarity["fewest_reads"]
    return "novelty", f"judged by {judged:,} training samples, of {fewest:,} reads or more"


def _predicted(targets: list[dict[str, Any]]) -> str:
    """The columns that a model predicts, and whether they are numbers or classes."""
    columns = listed([f"'{target['column']}'" for target in targets])
    if numbers := [len(target["classes"]) for target in targets if target["classes"]]:
        what = "ordered classes" if targets[0].get("kind") == "ordered" else "classes"
        return f"{columns}, one of {listed(map(str, numbers))} {what}"
    if targets[0].get("kind") == "counts":
        return f"{columns}, a count" if len(targets) == 1 else f"{columns}: {len(targets)} counts"
    return f"{columns}, a number" if len(targets) == 1 else f"{columns}: {len(targets)} numbers"


def _num_folds(path: Path, config: Mapping[str, Any]) -> int:
    """Folds of a cross-validation, over all repeats; where studies are left out, its data say which."""
    repeats = int(config.get("cv_repeats") or 1)
    if config["cv"] != STUDY:
        return int(config["cv"]) * repeats
    record = read_record(path / DATA) if (path / DATA).is_file() else {}
    return len(record.get("studies", {}).get("left_out", ())) * repeats


def describe_run(path: Path) -> tuple[str, Facts]:
    """Title and facts of a run directory."""
    run = RunDirectory(path)
    config = read_config_file(run.config)
    state = "a finished run" if run.is_finished else "an unfinished run"
    command = config.get("command") or "aam"
    tables = config.get("table") or []
    facts = [("tables", tables if isinstance(tables, str) else ", ".join(tables))]
    columns = config.get("metadata_column") or []
    if columns:
        named = listed([columns] if isinstance(columns, str) else columns)
        facts.append(("target", f"{named} of {config.get('metadata')}"))
    if config.get("cv"):
        facts.append(("cross-validation", _progress(path / FOLDS, _num_folds(path, config))))
    elif int(config.get("ensemble") or 1) > 1:
        facts.append(("ensemble", _progress(path / MEMBERS, int(config["ensemble"]))))
    for part, name in SAMPLE_LISTS.items():
        if (path / name).is_file():
            facts.append((f"{'training' if part == 'train' else part} samples", f"{len(read_ids(path / name)):,}"))
    record = read_record(path / DATA) if (path / DATA).is_file() else None
    facts += [] if record is None else _facts_of_blend(path / DATA, record)
    if run.metrics.is_file():
        lines = decode_text(read_bytes(run.metrics), run.metrics).splitlines()
        facts.append(("epochs", f"{len(lines) - 1:,}"))
    if (run.model / WEIGHTS).is_file():
        title, of_model = describe_model(run.model / WEIGHTS)
        facts += [("model", f"{title} ({run.model})"), *((f"  {name}", value) for name, value in of_model[:4])]
    if (run.baseline / WEIGHTS).is_file():
        facts.append(("baseline", f"{dict(describe_model(run.baseline / WEIGHTS)[1])['members']} ({run.baseline})"))
    facts += [(name, str(path / name)) for name in RESULTS if (path / name).is_file()]
    if not run.is_finished:
        facts.append(_how_to_continue(run, command))
    if record is not None:
        facts += _how_to_repeat(run, command, record)
    return f"{state} of aam {command}", facts


def _how_to_continue(run: RunDirectory, command: str) -> tuple[str, str]:
    """The command that goes on with an unfinished run, or does it again."""
    if is_resumable(run.config):
        return "continue with", resume_command(command, run.path)
    return "start again with", f"{shlex.join(['aam', command, '--config', str(run.config)])} --overwrite"


def _facts_of_blend(path: Path, record: dict[str, Any]) -> Facts:
    """Members and weights of a run that trained a blend."""
    if "learners" not in record:
        return []
    with damage_named(path):
        targets = Targets.from_dict(record["targets"])
        blend = read_blend(record, targets.columns)
    return [] if blend is None else blend_facts(blend, targets)


def _how_to_repeat(run: RunDirectory, command: str, record: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The command that repeats a run from its start, and what keeps it from giving the same numbers."""
    folder, place = Path(record.get("folder", Path.cwd())), run.path.resolve()
    again = place.with_name(f"{place.name}-again")
    words = shlex.join(["aam", command, "--config", str(place / run.config.name), "--output-dir", str(again)])
    yield "repeat with", words if folder == Path.cwd() else f"cd {shlex.quote(str(folder))} && {words}"
    for name, now in environment().items():
        versions = dict.fromkeys(str(part["environment"].get(name, now)) for part in parts_of(record))
        if other := [version for version in versions if version != now]:
            yield "other version", f"{name} {' and '.join(other)}, now {now}"
    inputs = [item["path"] for item in record.get("inputs", []) if not _is_same(folder / item["path"], item)]
    if inputs:
        yield "other inputs", f"missing or changed: {listed(inputs)}"
    if (promise := record.get("promise")) != SAME:
        yield "note", promise or "the run does not record whether it is reproducible"


def _is_same(path: Path, item: dict[str, Any]) -> bool:
    return path.is_file() and path.stat().st_size == item["bytes"] and sha256_file(path) == item["sha256"]


def _progress(folder: Path, total: int) -> str:
    """How many of the runs within a run are finished."""
    done = sum(RunDirectory(run).is_finished for run in folder.glob("*"))
    return f"{done} of {total} {folder.name} are finished ({folder})"


def _read_header(weights: Path) -> dict[str, Any]:
    damaged = f"{weights}: {DAMAGED}"
    try:
        with weights.open("rb") as file:
            (size,) = struct.unpack("<Q", file.read(8))
            if size > limits().model_header_bytes:
                raise CheckpointError(damaged)
            return _parsed(weights, file.read(size))
    except FileNotFoundError:
        raise CheckpointError(f"{weights}: no such file") from None
    except (struct.error, OSError):
        raise CheckpointError(damaged) from None


def _parsed(weights: Path, text: str | bytes) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise CheckpointError(f"{weights}: {DAMAGED}")
    return content


def run(config: InfoConfig) -> None:
    """Find out what the path leads to, and print what is in it."""
    path, layer = config.info.path, config.info.table_layer
    title, facts = _describe(path) if layer is None else describe_layer(path, layer)
    console = Terminal()
    console.print(f"{path}: {title}")
    width = max((len(name) for name, _ in facts), default=0)
    for name, value in facts:
        console.print(f"  {name:<{width}}  {value}")


def _describe(path: Path) -> tuple[str, Facts]:
    if not path.is_dir() and path.suffix != ".safetensors":
        return describe_file(path)
    if RunDirectory(path).config.is_file():
        return describe_run(path)
    weights = path if path.suffix == ".safetensors" and not path.is_dir() else path / WEIGHTS
    if weights.is_file() or weights == path:
        title, facts = describe_model(weights)
        return title, [*facts, *(("note", line) for line in unfinished_notes(path))]
    if found := describe_folder(path):
        return found
    raise InputError(path, f"holds neither a run ({CONFIG}) nor a model ({WEIGHTS})", "give a file or another folder")
