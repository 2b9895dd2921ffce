"""`aam models`: the models of the user's index, a copy added, one removed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from aam.config.sharing.statement import StatementOptions
from aam.errors import AamError, InputError
from aam.evaluation.catalogue import estimate_of, metric
from aam.files.atomic import check_output, write_text
from aam.files.columns import Columns
from aam.files.delimited import endings
from aam.files.model_index import MODEL, check_free, check_name, known_place, names, new_entry, remove_entry
from aam.models.folder.container import read_manifest
from aam.models.folder.front_matter import (
    Statement,
    figures_in,
    joined_card,
    licence_in,
    own_facts,
    read_card,
    stated_in,
    with_statement,
)
from aam.models.folder.paths import CARD, CONFIG, WEIGHTS, find_weights
from aam.workflows.sharing.checks import check_model
from aam.workflows.sharing.entry import Entry, read_entry, total_bytes, write_entry

NAN = float("nan")


@dataclass(frozen=True, kw_only=True)
class Row:
    """A model of the index.

    Attributes
    ----------
    name
        Its name.
    target, kind
        The columns that it predicts, and what they are; of an encoder empty and ``encoder``.
    samples
        That it learned from; None where it does not say.
    metric, value, low, high, judged_on
        How good it is by the main metric of its first target, the 95 % interval, and by which samples; NaN where its
        card does not say.
    date
        When it was made, else when it was added (``YYYY-MM-DD``).
    licence
        What its card says; empty where it is not stated.
    bytes
        Of its files.
    source
        Where it is from.
    path
        Its model folder.
    problem
        Why it cannot be read.
    """

    name: str
    target: str = ""
    kind: str = ""
    samples: int | None = None
    metric: str = ""
    value: float = NAN
    low: float = NAN
    high: float = NAN
    judged_on: str = ""
    date: str = ""
    licence: str = ""
    bytes: int | None = None
    source: str = ""
    path: str = ""
    problem: str = ""


COLUMNS = tuple(field.name for field in fields(Row))


def list_index(output: Path | None = None, *, overwrite: bool = False) -> Columns:
    """All models of the index, a row each, also written to a table if asked.

    Raises
    ------
    InputError
        If the table cannot be written.
    """
    if output is not None:
        endings(output)
        check_output(output, overwrite)
    rows = [row_of(name) for name in names()]
    table = Columns.of_rows(COLUMNS, [tuple(getattr(row, name) for name in COLUMNS) for row in rows])
    if output is not None:
        table.write(output)
    return table


def row_of(name: str) -> Row:
    """The row of a model; one that cannot be read has a problem."""
    place = known_place(name)
    model = place / MODEL
    known = {"name": name, "bytes": total_bytes(model), "path": str(model)}
    try:
        entry = read_entry(place)
        return Row(**known, **_read(model, entry))  # type: ignore[arg-type]
    except AamError as error:
        return Row(**known, problem=str(error))  # type: ignore[arg-type]


def _read(model: Path, entry: Entry) -> dict[str, object]:
    manifest, (facts, body) = read_manifest(model), read_card(model)
    own = own_facts(facts)
    first = next(figures_in(facts), None)
    samples = own.get("samples")
    found: dict[str, object] = {
        "target": "" if manifest.targets is None else ", ".join(manifest.targets.columns),
        "kind": "encoder" if manifest.targets is None else manifest.targets.kind.saved_name,
        "samples": samples if isinstance(samples, int) else _number_in(str(manifest.record.get("trained on", ""))),
        "date": str(own.get("made") or entry.added)[:10],
        "licence": stated_in(body).licence or licence_in(facts),
        "source": entry.origin,
    }
    if first is not None:
        ends = (NAN if end is None else end for end in (first.low, first.high))
        found |= {"metric": first.metric, "value": first.value, "judged_on": first.part.replace("_", "-")}
        found |= dict(zip(("low", "high"), ends, strict=True))
    return found


def _number_in(text: str) -> int | None:
    word = text.partition(" ")[0].replace(",", "")
    return int(word) if word.isascii() and word.isdecimal() and len(word) < 12 else None


def show(name: str) -> Iterator[str]:
    """What there is to know of a model of the index: lines of a name and its facts, and its card.

    Raises
    ------
    InputError
        If no model has the name.
    """
    row = row_of(name)
    if row.problem:
        yield f"{name}: cannot be read: {row.problem}"
        return
    entry = read_entry(known_place(name))
    changed = entry.changed(Path(row.path))
    yield f"{name}: {what(row)}"
    yield f"  from     {entry.origin}, added on {entry.added}"
    yield f"  folder   {row.path}"
    yield f"  licence  {row.licence or 'not stated'}"
    yield f"  files    {'changed since: ' + ', '.join(changed) if changed else 'as they were added'}"
    yield ""
    yield from read_card(Path(row.path))[1].rstrip("\n").splitlines()


def what(row: Row) -> str:
    """What a model does and how good it is, in a line."""
    said = row.kind if not row.target else f"{row.kind} of {row.target}"
    said += "" if row.samples is None else f", {row.samples:,} samples"
    return f"{said}, {figure(row)}" if row.metric else said


def figure(row: Row) -> str:
    """The figure of a model with its interval; empty where its card has none."""
    if not row.metric:
        return ""
    return f"{metric(row.metric).label} {estimate_of(row.metric, row.value, row.low, row.high)}"


def add_to_index(folder: Path, name: str | None, card: StatementOptions, *, overwrite: bool = False) -> str:
    """Take a copy of a model into the index; returns its name.

    Parameters
    ----------
    folder
        Model folder or run directory.
    name
        Its name; that of the folder if None.
    card
        What its author states.
    overwrite
        Whether a model of the name is replaced.

    Raises
    ------
    CheckpointError
        If there is no model, or it is damaged.
    InputError
        If the name cannot be one, or is taken.
    """
    chosen = check_name(folder.resolve().name if name is None else name)
    check_free(chosen, overwrite=overwrite)
    source = find_weights(folder).parent
    with new_entry(chosen, overwrite=overwrite) as place:
        copy_model(source, place / MODEL, card)
        write_entry(place, place / MODEL, source=str(folder.resolve()))
    return chosen


def copy_model(source: Path, target: Path, card: StatementOptions) -> None:
    """Copy the files of a model, and nothing else, with what its author states; checked before and after.

    Raises
    ------
    CheckpointError, InputError
        If the model is damaged, or its card cannot be read.
    """
    weights = find_weights(source)
    check_model(weights.parent)
    target.mkdir()
    shutil.copyfile(weights, target / WEIGHTS)
    for name in (CONFIG, CARD):
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)
    facts, body = read_card(target)
    if body and (card.given or facts):
        write_text(target / CARD, joined_card(*with_statement(facts, body, Statement(**card.given))))
    elif card.given:
        raise InputError(source, f"has no {CARD} to state it in", "save the model again")
    check_model(target)


def remove_from_index(name: str) -> None:
    """Remove a model from the index; raises :class:`~aam.errors.InputError` if there is none of the name."""
    remove_entry(name)
