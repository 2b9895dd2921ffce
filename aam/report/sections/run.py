"""Report sections of any run: data, training, sample ordination and reproducibility."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from aam.config.option import flag
from aam.evaluation.blend_record import BlendRecord
from aam.evaluation.catalogue import ELLIPSIS, NONE, metric, number, percent, value_of
from aam.evaluation.run_results import Embeddings, RunRecord
from aam.report.figures.run import has_curves, histograms, learning_curves, ordination
from aam.report.html import Bar, Cell, Picture, Section, Share, Table
from aam.text import format_bytes, format_duration, plural

PART_WORDS = {
    "train": "for training",
    "validation": "to choose the best epoch",
    "test": "for evaluation",
    "folds": "held out in turn",
}
METHOD = "Command, inputs, software versions and all options, given or derived."
METRIC_COLUMN = re.compile(r"val_(.+)")


def data_section(record: RunRecord) -> Section:
    """Samples kept and dropped, and a description of those used."""
    data = record.data
    flow = data.get("flow", [])
    first = max(1, flow[0]["kept"]) if flow else 1
    bars = [
        Bar(step["step"], min(1.0, step["kept"] / first), f"{step['kept']:,}", _dropped(step))
        for step in flow
        if step["dropped"] or step is flow[0]
    ]
    samples = {part: count for part, count in data["samples"].items() if count}
    used = sum(samples.values())
    shares = [Share(f"{count:,} {part}", count / used, part) for part, count in samples.items() if part != "folds"]
    parts = ", ".join(f"{count:,} {PART_WORDS.get(part, part)}" for part, count in samples.items())
    story = [f"{plural(used, 'sample')} are used: {parts}. They have {plural(data['num_asvs'], 'ASV')}."]
    story.extend(_facts(data, record.blend))
    pictures = []
    if data.get("reads_per_sample") and data.get("asvs_per_sample"):
        caption = "Reads and distinct ASVs per sample."
        reads, asvs = data["reads_per_sample"], data["asvs_per_sample"]
        draw = partial(histograms, reads, asvs, used, data.get("rarefy_depth"))
        pictures.append(Picture("reads-asvs", draw, "Histograms of reads and of ASVs per sample", caption))
    return Section("data", "Data", [*story, *data.get("notes", [])], bars, shares, pictures)


def _dropped(step: Mapping[str, Any]) -> str:
    if not step["dropped"]:
        return ""
    examples = ", ".join(step["examples"])
    more = f", {ELLIPSIS}" if step["dropped"] > len(step["examples"]) else ""
    return f"{plural(step['dropped'], 'sample')} dropped: {step['reason']}" + (
        f" ({examples}{more})" if examples else ""
    )


def _facts(data: Mapping[str, Any], blend: BlendRecord | None) -> Iterator[str]:
    depth, lengths = data.get("rarefy_depth"), data.get("sequence_lengths")
    if lengths:
        low, middle, high = (lengths[name] for name in ("min", "median", "max"))
        size = f"{number(low)}" if low == high else f"{number(low)} to {number(high)} (median {number(middle)})"
        yield f"ASVs are {size} bases long."
    if depth is not None and blend is None:
        yield f"Each sample was rarefied to {depth:,} reads, drawn anew in every epoch of training."
    elif depth is not None:
        yield f"For the network, each sample was rarefied to {depth:,} reads."
    else:
        yield "All reads were used (no rarefaction)."


def training_section(record: RunRecord) -> Section | None:
    """Learning curves and the best epoch."""
    if not len(record.history.get("epoch", ())):
        return None
    model = record.data.get("model", {})
    best = str(model.get("best_metric", "loss")).removeprefix("val_")
    draw = partial(learning_curves, record.history, best, model.get("best_epoch"))
    pictures = []
    if has_curves(record.history, best):
        caption = (
            "If the validation curve turns away from the training curve, the model overfits; the best epoch was kept."
        )
        pictures.append(Picture("learning-curves", draw, "Learning curves", caption))
    return Section("training", "Training", list(_training_words(record, model, best)), pictures=pictures)


def _training_words(record: RunRecord, model: Mapping[str, Any], best: str) -> Iterator[str]:
    history = record.history
    seconds = float(np.nansum(history["seconds"])) if "seconds" in history else 0.0
    took = f" in {format_duration(seconds)}" if seconds else ""
    yield f"The model was trained for {plural(len(history['epoch']), 'epoch')}{took}."
    if skipped := model.get("skipped_steps"):
        steps = f"{plural(len(skipped), 'step')} (first: {skipped[0]})"
        yield f"{steps} skipped because of a non-finite loss or gradient."
    if model.get("best_epoch") is not None:
        epoch = model["best_epoch"] + 1
        when = f"epoch {epoch}" if epoch else "the initial fit, before training"
        yield (
            f"The best epoch on the validation samples was {when} "
            f"({metric(best).name}: {value_of(best, float(model['best_value']))})."
        )
    if model.get("parameters"):
        yield f"It has {model['parameters']:,} parameters."
    yield from _expert_words(best_values(record))


def _expert_words(values: Mapping[str, float]) -> Iterator[str]:
    """How the experts of a mixture are used; nothing for a single network."""
    weights = [value for name, value in values.items() if re.fullmatch(r"expert_\d+", name)]
    if weights:
        shares = ", ".join(percent(weight) for weight in weights)
        yield (
            f"Its head is a mixture of {len(weights)} experts with mean weights of {shares} in the validation samples; "
            f"{values['experts_per_sample']:.1f} of them serve a sample on average (1: each sample has one of its own; "
            f"{len(weights)}: all serve every sample alike, as a single network would)."
        )


def map_section(record: RunRecord) -> Section | None:
    """Ordination of the sample vectors."""
    embeddings = record.embeddings
    if embeddings is None or len(embeddings.sample_ids) < 3:
        return None
    values, title = _colours(embeddings, record)
    classes = record.first_target.classes if values is not embeddings.parts and record.first_target else ()
    draw = partial(ordination, embeddings.vectors, values, embeddings.parts, title, classes)
    caption = (
        "Principal components of the sample vectors. Nearby samples are similar to the model. Rings are held-out "
        "samples."
    )
    shown = len(embeddings.sample_ids)
    if shown < embeddings.total:
        caption += f" A random {shown:,} of {embeddings.total:,} samples are shown."
    text = (
        "Validation samples that lie among the training samples are represented like them."
        if values is embeddings.parts
        else f"A gradient or clusters of colour show that the sample vectors reflect {title}."
    )
    picture = Picture("ordination", draw, f"Ordination of the samples coloured by {title}", caption)
    return Section("map", "Sample ordination", [text], pictures=[picture])


def _colours(embeddings: Embeddings, record: RunRecord) -> tuple[np.ndarray, str]:
    """What to colour the samples by, and its name: the target, or else the part."""
    target = record.first_target
    if target is None or not (embeddings.observed != "").any():
        return embeddings.parts, "part"
    return target.kind.values_of(embeddings.observed), target.column


def best_values(record: RunRecord) -> dict[str, float]:
    """The validation metrics of the epoch whose model was kept."""
    epochs = record.history.get("epoch", np.empty(0))
    if not len(epochs):
        return {}
    best = record.data.get("model", {}).get("best_epoch")
    row = int(np.argmin(np.abs(epochs - best))) if best is not None else len(epochs) - 1
    found = {
        match.group(1): column[row]
        for name, column in record.history.items()
        if (match := METRIC_COLUMN.fullmatch(name))
    }
    return {name: float(value) for name, value in found.items() if np.isfinite(value)}


def method_section(record: RunRecord) -> Section:
    """The exact command, inputs, configuration and environment."""
    data = record.data
    inputs = [
        [Cell(str(item["path"]), f"SHA-256 {item['sha256']}"), Cell(format_bytes(item["bytes"]))]
        for item in data.get("inputs", [])
    ]
    versions = [[Cell(str(name)), Cell(str(version))] for name, version in data.get("environment", {}).items()]
    tables = [
        Table(("file", "size"), inputs, "Inputs", frozenset({1})),
        Table(("software", "version"), versions, "Environment"),
    ]
    return Section(
        "method",
        "Reproducibility",
        [text for text in (METHOD, str(data.get("promise", "")), _changes_words(data.get("changes", []))) if text],
        tables=[table for table in tables if table.rows],
        code=str(data.get("command", "")),
        options=[(name, _option(value)) for name, value in record.config.items() if name != "command"],
    )


def _changes_words(changes: list[Mapping[str, Any]]) -> str:
    """The options that were changed after the run had begun."""
    shown = [f"{flag(c['option'])} {_option(c['before'])} \u2192 {_option(c['after'])}" for c in changes]
    return f"Options changed when resuming: {', '.join(shown)}." if shown else ""


def _option(value: Any) -> str:
    if value is None or value in ([], ""):
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
