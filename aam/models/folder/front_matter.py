"""What stands above a model card as YAML, for model hubs and for `aam models`; and what only its author can state."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from aam.config.yaml_file import read_nested_text
from aam.data.targets.targets import Targets
from aam.errors import InputError
from aam.models.folder.paths import CARD
from aam.text import decode_text, read_bytes
from aam.version import __version__

MARK = "---\n"
MOST_CARD_BYTES = 1 << 20
DEPTH = 10
WORDS = "the card begins with YAML between lines of ---"
LIBRARY = "aam"
TITLE = "Stated by the author"
NOT_STATED = "not stated"
HUB_LICENCES = (
    *("apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "isc", "mpl-2.0", "unlicense", "cc0-1.0"),
    *("cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nd-4.0", "cc-by-nc-sa-4.0", "cc-by-nc-nd-4.0"),
    *("gpl-2.0", "gpl-3.0", "lgpl-3.0", "agpl-3.0", "odc-by", "odbl", "pddl"),
)
"""Licences that model hubs know by their identifiers; they call any other one ``other``, with a name."""
LARGEST = 1e300
TASKS = {True: "tabular-classification", False: "tabular-regression", None: "feature-extraction"}


@dataclass(frozen=True, kw_only=True)
class Statement:
    """What no file says of a model; None where its author does not either.

    Attributes
    ----------
    licence
        SPDX identifier, or the name of a licence.
    region
        Region of 16S and primers.
    population
        Of which hosts or sites the samples are.
    citation
        What to cite: a reference or a DOI.
    """

    licence: str | None = None
    region: str | None = None
    population: str | None = None
    citation: str | None = None

    @property
    def given(self) -> dict[str, str]:
        """What is stated."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value is not None}


LABELS = {
    "licence": "Licence",
    "region": "Region of 16S and primers",
    "population": "Hosts or sites",
    "citation": "Please cite",
}


def facts_of_targets(targets: Targets | None) -> dict[str, Any]:
    """What a hub needs to know of a model by its targets (None for an encoder)."""
    is_class = None if targets is None else bool(targets.specs[0].classes)
    kind = "encoder" if targets is None else targets.kind.saved_name
    return {
        "library_name": LIBRARY,
        "pipeline_tag": TASKS[is_class],
        "tags": ["aam", "16s", "amplicon", "microbiome", kind],
        "aam": {"version": __version__},
    }


def split_card(text: str, source: Path) -> tuple[dict[str, Any], str]:
    """The facts above a card and the card itself; no facts where there are none.

    Raises
    ------
    InputError
        If the facts are no plain YAML.
    """
    if not text.startswith(MARK):
        return {}, text
    above, mark, below = text[len(MARK) :].partition(f"\n{MARK}")
    if not mark:
        raise InputError(source, "the YAML at its start has no end", WORDS)
    read_nested_text(above, source, DEPTH, WORDS)  # refuses what could do harm, or grow
    try:
        return yaml.safe_load(above), below.lstrip("\n")
    except (yaml.YAMLError, ValueError):
        raise InputError(source, "its facts cannot be read", WORDS) from None


def joined_card(facts: Mapping[str, Any], body: str) -> str:
    """The inverse of :func:`split_card`."""
    above = yaml.safe_dump(dict(facts), sort_keys=False, allow_unicode=True, width=10_000)
    return f"{MARK}{above}{MARK}\n{body}"


def read_card(folder: Path) -> tuple[dict[str, Any], str]:
    """Facts and text of the card of a model folder; nothing where there is no card.

    Raises
    ------
    InputError
        If it is too large, no text, or its facts are no plain YAML.
    """
    path = folder / CARD
    if not path.is_file():
        return {}, ""
    content = read_bytes(path, MOST_CARD_BYTES + 1)
    if len(content) > MOST_CARD_BYTES:
        raise InputError(path, f"has more than {MOST_CARD_BYTES:,} bytes", "a card is a text for people")
    return split_card(decode_text(content, path), path)


def with_statement(facts: Mapping[str, Any], body: str, statement: Statement) -> tuple[dict[str, Any], str]:
    """Facts and text of a card in which something is stated; what was stated before stays unless it is stated anew."""
    before = stated_in(body)
    all_stated = Statement(**{**before.given, **statement.given})
    own = {name: value for name, value in facts.items() if name not in ("license", "license_name")}
    licence = {} if all_stated.licence is None else _licence(all_stated.licence)
    return {**licence, **own}, _without_section(body).rstrip("\n") + "\n\n" + "\n".join(_section(all_stated)) + "\n"


def stated_in(body: str) -> Statement:
    """What the text of a card states."""
    found = {}
    for name, label in LABELS.items():
        line = re.search(rf"^- {re.escape(label)}: (.+)$", _section_of(body), re.MULTILINE)
        if line and line[1] != NOT_STATED:
            found[name] = line[1]
    return Statement(**found)


@dataclass(frozen=True, kw_only=True)
class Figure:
    """How good a model is by a metric, as its card says.

    Attributes
    ----------
    target
        Column of the metadata; empty for an encoder.
    metric
        Name of the metric.
    value, low, high
        Its value, and the ends of its 95 % interval, which are None where there is none.
    part
        Which samples it was judged by.
    """

    target: str
    metric: str
    value: float
    low: float | None
    high: float | None
    part: str


def figures_entry(title: str, task: str, dataset: str, figures: Sequence[Figure]) -> list[dict[str, Any]]:
    """The ``model-index`` of a card, as hubs have it, with the ends of intervals as arguments of a metric."""
    results = []
    for target, part in dict.fromkeys((one.target, one.part) for one in figures):
        own = [one for one in figures if (one.target, one.part) == (target, part)]
        results.append(
            {
                "task": {"type": task, "name": target or "encoder"},
                "dataset": {"name": dataset, "type": "amplicon-16s", "split": part},
                "metrics": [{"type": one.metric, "value": float(one.value)} | _ends(one) for one in own],
            }
        )
    return [{"name": title, "results": results}]


def _ends(figure: Figure) -> dict[str, Any]:
    if figure.low is None or figure.high is None:
        return {}
    return {"args": {"low": float(figure.low), "high": float(figure.high), "level": 0.95}}


def figures_in(facts: Mapping[str, Any]) -> Iterator[Figure]:
    """The figures that a card's facts hold in such a form; whatever else stands there is passed over."""
    results = [one for model in _dicts(facts.get("model-index")) for one in _dicts(model.get("results"))]
    for result, one in [(whole, one) for whole in results for one in _dicts(whole.get("metrics"))]:
        task, data, ends = (_dict(found) for found in (result.get("task"), result.get("dataset"), one.get("args")))
        value, low, high = (_number(found) for found in (one.get("value"), ends.get("low"), ends.get("high")))
        if value is not None:
            target, part = str(task.get("name", "")), str(data.get("split", ""))
            yield Figure(target=target, metric=str(one.get("type", "")), value=value, low=low, high=high, part=part)


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST
    return float(value) if is_number else None


def own_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What AAM itself keeps among a card's facts."""
    return _dict(facts.get(LIBRARY))


def licence_in(facts: Mapping[str, Any]) -> str:
    """The licence among a card's facts; empty where there is none."""
    licence = facts.get("license")
    return str((facts.get("license_name") if licence == "other" else licence) or "")


def _licence(licence: str) -> dict[str, str]:
    short = licence.lower()
    return {"license": short} if short in HUB_LICENCES else {"license": "other", "license_name": licence}


def _section(statement: Statement) -> Iterator[str]:
    yield from (f"## {TITLE}", "")
    yield from (f"- {label}: {getattr(statement, name) or NOT_STATED}" for name, label in LABELS.items())
    if statement.licence is None:
        yield from ("", "Without a licence nobody else may use or share the model: ask its author.")


def _section_of(body: str) -> str:
    found = re.search(rf"^## {TITLE}$\n(.*?)(?=^#|\Z)", body, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def _without_section(body: str) -> str:
    return re.sub(rf"^## {TITLE}$\n.*?(?=^#|\Z)", "", body, count=1, flags=re.MULTILINE | re.DOTALL)
