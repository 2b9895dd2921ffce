"""What AAM itself writes: tables of predictions and metrics, records, configurations, lists, logs and reports."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from aam.cli.describe.cells import Cells
from aam.cli.describe.folders import result_facts
from aam.config.yaml_file import read_config_file
from aam.runs.result_folder import BY, FILES
from aam.text import listed, shorten

Facts = list[tuple[str, str]]
Described = tuple[str, Facts]

LOGGED = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ")
SAMPLE_NAMES = ("sample_id", "sample-id")
MOST_ROWS = 30
PAGE = '<p class="kicker">'
"""What AAM's report begins with, and no other page."""
FINISHED = {"learners", "members", "folds", "best_epoch", "best_value", "epochs"}
"""What `finished.json` may hold."""
CARDS = (
    ("# AAM model\n", "the card of a model"),
    ("# AAM encoder\n", "the card of an encoder"),
    ("# Benchmark\n", "the page of a benchmark"),
    ("A simulated study. ", "what a simulated study was made with"),
)
"""How a text begins, and what it is."""
EVENTS = "events.out.tfevents"
WITH_ONNX = "onnxruntime (docs/export.md); AAM itself reads model folders"


def of_cells(cells: Cells) -> Described | None:
    """What a table is, if AAM wrote it."""
    names = set(cells.header)
    for needed, describe in TABLES:
        if needed <= names:
            return describe(cells)
    sample = next((name for name in SAMPLE_NAMES if name in names), "")
    if sample and any(name.startswith("predicted") for name in names):
        return _predictions(cells, sample)
    numbered = [name for name in cells.header if name[-1:].isdigit()]
    if sample and {"part", "observed"} <= names and len(numbered) == len(cells.header) - 3:
        return _embeddings(cells, sample, len(numbered))
    return None


def of_json(content: Any) -> Described | None:
    """What a JSON file is, if AAM wrote it."""
    if not isinstance(content, dict):
        return None
    for needed, describe in RECORDS:
        if needed <= set(content):
            return describe(content)
    if content and set(content) <= FINISHED:
        return _finished(content)
    if content and all(isinstance(one, dict) and set(one) == {"id", "where"} for one in content.values()):
        entries = [(shorten(name), shorten(f"{one['id']} in {one['where']}", 100)) for name, one in content.items()]
        return "where the entries of a run in trackers are", entries
    if content and all(isinstance(one, dict) and {"part", "level", "found"} <= set(one) for one in content.values()):
        levels = [f"{shorten(name)}: nominal {one['level']}" for name, one in content.items()]
        return "the coverage of intervals of a run", [("targets", listed(levels))]
    return None


def of_yaml(path: Path, text: str) -> Described | None:
    """What a YAML file is, if it holds the options of a command."""
    if not re.match(r"(?:#[^\n]*\n)*[a-z][a-z_]*:(?:[ \n]|$)", text):
        return None
    options = read_config_file(path)
    command = str(options.get("command") or "train")
    facts = [("options", f"{len(options):,}")]
    named = [name for name in ("table", "metadata_column") if name in options]
    facts += [(name.replace("_", " "), _listed(options[name])) for name in named]
    return f"the options of aam {command}", [*facts, ("used with", f"aam {command} --config {path}")]


def of_text(path: Path, text: str) -> Described | None:
    """What a text of whole lines is, if it is a log, a model card or a list of ids."""
    lines = text.split("\n")
    if began := LOGGED.match(lines[0]):
        number, command = sum(1 for line in lines if LOGGED.match(line)), lines[0][began.end() :]
        return "the log of a run", [("lines", f"{number:,}"), ("command", shorten(command.removeprefix("$ "), 100))]
    for known, title in CARDS:
        if text.startswith(known):
            return title, [("instead", f"aam info {path.parent}")]
    ids = [line.strip() for line in lines if line.strip()]
    if not any(re.search(r"[\s,;:(){}<>=]", name) for name in ids):
        facts = [("ids", f"{len(ids):,} ({listed(ids)})"), ("used with", "--train-samples, --distance-ids")]
        return "a list of ids, one a line", facts
    return None


def of_page(start: bytes) -> Described | None:
    """AAM's report."""
    if PAGE.encode() not in start:
        return None
    title = re.search(rb"<title>(.*?)</title>", start)
    named = [("title", html.unescape(title[1].decode("utf-8", "replace")))] if title else []
    return "a report of AAM", [*named, ("used with", "a browser")]


def of_name(path: Path) -> Described | None:
    """What only the name of a file tells: curves for TensorBoard, and checkpoints."""
    if path.name.startswith(EVENTS):
        return "curves for TensorBoard", [("used with", f"tensorboard --logdir {path.parent}")]
    if path.suffix == ".ckpt":
        return "a checkpoint of an unfinished run", [("used with", "aam train --resume-from RUN")]
    if path.suffix == ".onnx":
        beside = path.with_suffix(".json")
        told = [("described in", str(beside))] if beside.is_file() else []
        return "a model as ONNX", [*told, ("used with", WITH_ONNX)]
    return None


def _listed(value: Any) -> str:
    return listed(value) if isinstance(value, list | tuple) else str(value)


def _predictions(cells: Cells, sample: str) -> Described:
    ids, names = cells.column(sample), cells.header
    found = (re.fullmatch(r"predicted(?!_(?:low|high|std)(?:_|$))_?(.*)", name) for name in names)
    targets = [match[1] for match in found if match and match[1]]
    facts = [("samples", f"{len(set(ids)):,} ({listed(dict.fromkeys(ids))})")]
    facts += [("rows", f"{len(ids):,}")] if len(set(ids)) < len(ids) else []
    facts += [(name, _counted(cells.column(name))) for name in ("part", "repeat", "fold") if name in names]
    facts += [("targets", listed(targets))] if targets else []
    if "observed" in names:
        facts.append(("observed", f"{sum(map(bool, cells.column('observed'))):,} of {len(ids):,}"))
    return "predictions", [*facts, ("columns", listed(names, 12))]


def _embeddings(cells: Cells, sample: str, width: int) -> Described:
    ids = cells.column(sample)
    facts = [("samples", f"{len(ids):,} ({listed(ids)})"), ("numbers each", f"{width:,}")]
    return "sample vectors of a model", [*facts, ("part", _counted(cells.column("part")))]


def _metrics(cells: Cells) -> Described:
    """Metrics of predictors, one a line."""
    labels = [name for name in ("task", "competitor", "part", "predictor", "target") if name in cells.header]
    facts: Facts = [("metrics", f"{len(cells.rows):,}")]
    columns = [cells.column(name) for name in [*labels, "metric", "value", "low", "high"]]
    for *who, metric, value, low, high in list(zip(*columns, strict=True))[:MOST_ROWS]:
        interval = f" ({low} to {high})" if low else ""
        facts.append((f"  {' '.join([*who, metric])}", f"{value}{interval}"))
    if len(cells.rows) > MOST_ROWS:
        facts.append(("  ...", f"and {len(cells.rows) - MOST_ROWS:,} more"))
    return "metrics of predictions", facts


def _epochs(cells: Cells) -> Described:
    last = dict(zip(cells.header, cells.rows[-1], strict=False)) if cells.rows else {}
    facts = [("epochs", f"{len(cells.rows):,}")]
    return "losses and metrics of a training, by epoch", facts + [(f"  {name}", value) for name, value in last.items()]


def _truth(cells: Cells) -> Described:
    informative = Counter(cells.column("informative"))["yes"]
    return "what a simulated study was made from", [
        ("ASVs", f"{len(cells.rows):,}, {informative:,} of them informative")
    ]


def _counted(values: Sequence[str]) -> str:
    return ", ".join(f"{shorten(value)} ({number:,})" for value, number in list(Counter(values).items())[:MOST_ROWS])


TABLES: tuple[tuple[set[str], Callable[[Cells], Described]], ...] = (
    ({"metric", "value", "low", "high"}, _metrics),
    ({"epoch"}, _epochs),
    ({"feature-id", "informative", "optimum"}, _truth),
)


def _run_record(content: Mapping[str, Any]) -> Described:
    return "the record of a run", [("command", shorten(str(content["command"]), 100)), INSTEAD]


def _finished(content: Mapping[str, Any]) -> Described:
    return "the mark of a finished run", [
        *((name, shorten(_listed(value), 60)) for name, value in content.items()),
        INSTEAD,
    ]


def _description(content: Mapping[str, Any]) -> Described:
    return "the description of a model", [("version", f"aam {content['aam']}"), ("instead", "aam info the folder")]


def _not_finite(content: Mapping[str, Any]) -> Described:
    return "a step of a training that was not finite", [("what", str(content["what"])), ("step", str(content["step"]))]


def _fold(content: Mapping[str, Any]) -> Described:
    return "a fold of aam benchmark", [("repeat", str(content["repeat"])), ("fold", str(content["number"]))]


INSTEAD = ("instead", "aam info the folder of the run")


def _result(content: Mapping[str, Any]) -> Described:
    return f"the record of {shorten(str(content[BY]), 40)}", result_facts(content)


def _exported(record: Mapping[str, Any]) -> Described:
    takes = [port["name"] for port in record["inputs"] if isinstance(port, dict) and "name" in port]
    return "what a model as ONNX takes and gives", [("takes", listed(takes)), ("used with", WITH_ONNX)]


def _entry(record: Mapping[str, Any]) -> Described:
    return "where a model of the index is from", [(name, str(record[name])) for name in ("source", "added")]


RECORDS: tuple[tuple[set[str], Callable[[Mapping[str, Any]], Described]], ...] = (
    ({"command", "inputs", "environment"}, _run_record),
    ({"format", "aam", "members"}, _description),
    ({"what", "step", "gradient_norm", "batches"}, _not_finite),
    ({"settings", "repeat", "number", "learned"}, _fold),
    ({BY, FILES}, _result),
    ({"opset", "inputs", "networks", "forests"}, _exported),
    ({"source", "added", "files", "sha256"}, _entry),
)
