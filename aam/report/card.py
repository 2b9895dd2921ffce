"""What the cards of the models of a run tell besides the models themselves: results, baselines, limits and data."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aam.data.targets.targets import Targets
from aam.evaluation.baseline_comparison import HELD_OUT, Judgement, headline, verdicts
from aam.evaluation.catalogue import PREDICTORS, Interval, metric, percent, value_of
from aam.evaluation.run_results import RunRecord
from aam.files.atomic import write_text
from aam.models.folder.front_matter import (
    LIBRARY,
    Figure,
    Statement,
    figures_entry,
    joined_card,
    split_card,
    with_statement,
)
from aam.models.folder.paths import CARD
from aam.report.sections.run import best_values
from aam.runs.layout import BASELINE, MODEL
from aam.text import format_bytes, plural

SHORT_HASH = 16


def write_cards(record: RunRecord, judgements: Mapping[str, Judgement]) -> None:
    """Add to the cards of the model of a run, and of the random forest beside it, what is known at the end of the run.

    Parameters
    ----------
    record
        The run.
    judgements
        Column of each target -> the model and its baselines on the part that the headline is about.
    """
    added = "\n".join([*_results(record, judgements), *_limits(record, judgements), *_data(record)])
    judged = {MODEL: "model", BASELINE: "forest"}
    for name in (MODEL, BASELINE):
        path = record.path / name / CARD
        if path.is_file():
            note = [] if name == MODEL else ["", "This is the random forest of the results below, not the model."]
            facts, body = split_card(path.read_text(encoding="utf-8"), path)
            facts |= _facts(record, judgements, judged[name], str(facts.get("pipeline_tag", "")))
            body = "\n".join([body.rstrip("\n"), *note, added]) + "\n"
            write_text(path, joined_card(*with_statement(facts, body, Statement())))


def _facts(record: RunRecord, judgements: Mapping[str, Judgement], who: str, task: str) -> dict[str, Any]:
    """What hubs and `aam models` read of the results: the main metric of each target first."""
    data: Mapping[str, Any] = record.data
    samples = sum(int(data["samples"].get(part, 0)) for part in ("train", "validation"))
    tables = [Path(item["path"]).name for item in data.get("inputs", [])][:1]
    found = list(_figures(record, judgements, who))
    made = {"version": data.get("environment", {}).get("aam", ""), "samples": samples}
    facts: dict[str, Any] = {LIBRARY: {**made, "made": f"{datetime.now(UTC):%Y-%m-%d}"}}
    if found:
        title = "AAM encoder" if record.targets is None else f"AAM model of {', '.join(record.targets.columns)}"
        facts["model-index"] = figures_entry(title, task, "".join(tables), found)
    return facts


def _figures(record: RunRecord, judgements: Mapping[str, Judgement], who: str) -> Iterator[Figure]:
    if record.targets is None:
        for name, value in best_values(record).items():
            yield Figure(target="", metric=name, value=value, low=None, high=None, part="validation")
    for column, judgement in judgements.items():
        found = judgement.results.get(who, {})
        names = [judgement.main, *(name for name in found if name != judgement.main)]
        for name in names if found else ():
            one = found[name]
            if math.isfinite(one.value):
                ends = (one.low, one.high) if math.isfinite(one.low) and math.isfinite(one.high) else (None, None)
                low, high = ends
                yield Figure(target=str(column), metric=name, value=one.value, low=low, high=high, part=judgement.part)


def _results(record: RunRecord, judgements: Mapping[str, Judgement]) -> Iterator[str]:
    yield from ("", "## Results", "")
    if record.targets is None:
        yield from _of_encoder(record)
        return
    for spec in record.targets.specs:
        if spec.column in judgements:
            judgement = judgements[spec.column]
            yield from (
                " ".join([headline(judgement, spec, record.config.get("group_column")), *verdicts(judgement)]),
                "",
            )
            yield from _table(judgement)


def _of_encoder(record: RunRecord) -> Iterator[str]:
    found, samples = best_values(record), record.data["samples"].get("validation", 0)
    yield f"On {plural(samples, 'validation sample')}, which also chose the best epoch:"
    yield ""
    yield from (f"- {metric(name).label}: {value_of(name, value)}" for name, value in found.items())
    yield ""


def _table(judgement: Judgement) -> Iterator[str]:
    """All metrics of all predictors with their intervals."""
    whose = [PREDICTORS[who] for who in judgement.results]
    yield f"| | {' | '.join(whose)} |"
    yield f"|---|{'---|' * len(whose)}"
    for name in judgement.results["model"]:
        cells = [_cell(name, found[name]) for found in judgement.results.values()]
        yield f"| {metric(name).label} | {' | '.join(cells)} |"
    yield ""
    yield (
        f"{len(judgement.predictions['model']):,} {HELD_OUT[judgement.part]}; in brackets bootstrap intervals of 95 %. "
        "AAM is the model."
    )
    yield ""


def _cell(name: str, found: Interval) -> str:
    low, high = value_of(name, found.low), value_of(name, found.high)
    return value_of(name, found.value) + ("" if low == high else f" ({low} to {high})")


def _limits(record: RunRecord, judgements: Mapping[str, Judgement]) -> Iterator[str]:
    yield from ("## Limits", "")
    yield "- The results hold for samples like those of training: same habitat, hosts, region of 16S, and protocols."
    if record.targets is None:
        return
    yield "- It shows association, not cause, and is not made for clinical decisions."
    if not record.data.get("studies"):
        yield "- It was tested on samples of its own study alone: no other laboratory, primers or sequencer."
    group = record.config.get("group_column")
    if group is None:
        yield "- Samples were dealt one by one: if some share a subject or site, expect worse results for a new one."
    if all(judgement.part != "test" for judgement in judgements.values()):
        yield "- There was no test set."
    yield from _coverage(record, record.targets)
    yield from (f"- {note}" for note in (*record.data.get("notes", []), *record.notes))


def _coverage(record: RunRecord, targets: Targets) -> Iterator[str]:
    """How often the intervals held the truth."""
    what = "Prediction sets" if targets.specs[0].classes else "Intervals"
    for column, covered in record.coverage.items():
        at = next(one for one in covered.found if one.level == covered.level)
        name = f" of {column}" if len(targets) > 1 else ""
        yield f"- {what}{name} should hold {percent(at.level)} of the truths, and held {percent(at.held_N.mean())}."


def _data(record: RunRecord) -> Iterator[str]:
    data: Mapping[str, Any] = record.data
    yield from ("", "## Training data", "")
    for item in data.get("inputs", []):
        name = Path(item["path"]).name
        yield f"- `{name}` ({format_bytes(item['bytes'])}, SHA-256 {item['sha256'][:SHORT_HASH]}...)"
    samples = [f"{count:,} {part}" for part, count in data["samples"].items() if count]
    yield f"- samples: {', '.join(samples)}; {plural(data['num_asvs'], 'ASV')}"
    if lengths := data.get("sequence_lengths"):
        low, high = lengths["min"], lengths["max"]
        yield f"- length of ASVs: {f'{low:g}' if low == high else f'{low:g} to {high:g}'} bases"
    if group := record.config.get("group_column"):
        number = f" ({plural(record.blend.num_groups, 'group')} in training)" if record.blend else ""
        yield f"- samples of one {group} were kept together{number}"
    version = data.get("environment", {}).get("aam", "")
    yield f"- made by AAM {version} on {datetime.now(UTC):%Y-%m-%d}"
