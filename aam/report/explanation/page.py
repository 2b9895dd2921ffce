"""From what was found of a model to the page that shows it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from aam.evaluation.catalogue import interval_of, metric, value_of
from aam.evaluation.metrics import evaluate
from aam.explanation.effects import Effects
from aam.explanation.groups import ASV, CLADE
from aam.explanation.results.need import is_needed, need_of
from aam.report.explanation.data import (
    ExplanationView,
    code_of,
    level_words,
    outputs_shown,
)
from aam.report.explanation.findings import Finding, value_of_output
from aam.report.explanation.sections import (
    abundance_section,
    agreement_section,
    effects_section,
    found_of,
    other_sections,
    outputs_of,
    samples_section,
    tree_section,
)
from aam.report.explanation.words import (
    NO_BETTER,
    NO_CAUSE,
    accuracy_words,
    certainty_words,
    class_words,
    error_words,
    is_no_better_than_a_guess,
    naming_words,
    need_words,
    trend_words,
    unseen_words,
)
from aam.report.html import Cell, Page, Section, Table, Tile

READING = (
    "An effect is a change of the prediction, in the units of the target or of a probability: positive where what is "
    "measured raises the prediction. Methods that measure errors give an increase of the error, and attention a share "
    "of a sample: neither says which way a prediction moves. Intervals are of 95 % and drawn over samples or whole "
    "groups."
)


def explanation_page(explanation: ExplanationView) -> Page:
    """The report of an explanation: a summary in words, then figures and tables, then methods and caveats.

    Parameters
    ----------
    explanation
        What was found, and the samples in which it was found.
    """
    spoken = explanation.spoken
    sentences, sections = list(_accuracy(explanation)), []
    if spoken is not None:
        sentences += _summary(explanation, spoken)
        sentences += naming_words(spoken.level, has_taxonomy=explanation.has_taxonomy)
        sections = list(_group_sections(explanation, spoken))
    for place, title, _ in outputs_shown(explanation):
        sections += _titled(other_sections(explanation, place), explanation, title)
    sections.append(_methods(explanation))
    if explanation.command:
        text = ["Command and options."]
        sections.append(
            Section("method", "Reproducibility", text, code=explanation.command, options=explanation.options)
        )
    columns = ", ".join(spec.column for spec in explanation.specs)
    return Page(
        kicker="AAM explanation",
        title=f"{columns} \u00b7 {explanation.model}",
        headline=sentences[0],
        verdicts=sentences[1:],
        tiles=list(_tiles(explanation, spoken)),
        sections=sections,
    )


def _accuracy(explanation: ExplanationView) -> Iterator[str]:
    for spec in explanation.specs:
        table = explanation.predictions[spec.column]
        yield accuracy_words(table, spec, explanation.seen, explanation.group_column)
        if is_no_better_than_a_guess(table, spec):
            yield NO_BETTER


def _summary(explanation: ExplanationView, effects: Effects) -> Iterator[str]:
    for place, title, column in outputs_of(explanation, effects):
        found = found_of(explanation, effects, place, column)
        if effects.is_increase:
            yield from error_words(found, title)
        else:
            yield from output_words(explanation, found, place, title, column)
    if need := need_of(explanation.effects, effects.level):
        yield need_words(need, effects.level)
    if not effects.is_signed:
        return
    stable = effects.is_stable_GO
    clear_G = np.asarray(effects.is_clear_GO.any(axis=1))
    yield certainty_words(clear_G, None if stable is None else np.asarray(stable.any(axis=1)), effects.level)


def output_words(explanation: ExplanationView, found: list[Finding], output: int, title: str, column: str) -> list[str]:
    """What is said of one output."""
    spec = next(spec for spec in explanation.specs if spec.column == column)
    if spec.classes:
        code = code_of(explanation, output, column)
        others = [name for place, name in enumerate(spec.classes) if place != code]
        other = "" if len(others) > 1 else others[0] if len(explanation.specs) == 1 else f"{column}={others[0]}"
        return class_words(found, title, other)
    _, is_truth = value_of_output(explanation.predictions[column], spec, 0)
    return trend_words(found, column if is_truth else f"the predicted {column}")


def _tiles(explanation: ExplanationView, spoken: Effects | None) -> Iterator[Tile]:
    spec = explanation.specs[0]
    table = explanation.predictions[spec.column].known()
    if len(table) and len(explanation.specs) == 1:
        results = evaluate(table)
        for name in table.kind.tiles[:2]:
            yield Tile(value_of(name, results[name].value), metric(name).label, interval_of(name, results[name]))
    words = unseen_words(explanation.seen, explanation.group_column).split(",")[0].strip()
    yield Tile(f"{explanation.num_samples:,}", "samples explained", words)
    need = {} if spoken is None else need_of(explanation.effects, spoken.level)
    if spoken is not None and need:
        number = sum(map(is_needed, need.values()))
        yield Tile(
            f"{number:,}", f"{level_words(spoken.level)} needed", f"of {len(need):,}; the error grows without them"
        )
    elif spoken is not None and spoken.is_signed:
        things = level_words(spoken.level)
        clear = int(spoken.is_clear_GO.any(axis=1).sum())
        yield Tile(f"{clear:,}", f"{things} with a clear effect", f"of {len(spoken):,}; intervals without 0")
        if (stable := spoken.is_stable_GO) is not None:
            yield Tile(f"{int(stable.any(axis=1).sum()):,}", f"stable {things}", "one sign over models")


def _group_sections(explanation: ExplanationView, spoken: Effects) -> Iterator[Section]:
    """The sections of each output: the level that is spoken of in full, the others ranked."""
    for place, title, column in outputs_of(explanation, spoken):
        found = found_of(explanation, spoken, place, column)
        own: list[Section | None] = [
            effects_section(explanation, spoken, found, place, title),
            abundance_section(explanation, spoken, found, place, column),
            samples_section(explanation, spoken, found, place, column),
        ]
        for effects in explanation.told:
            if effects is not spoken and effects.level in (CLADE, ASV):
                more = found_of(explanation, effects, place, column)
                own.append(effects_section(explanation, effects, more, place, title))
        level = ASV if any(one.level == ASV for one in explanation.effects) else spoken.level
        own += [tree_section(explanation, place, title), agreement_section(explanation, level, place, title)]
        yield from _titled([one for one in own if one is not None], explanation, title)


def _titled(sections: list[Section], explanation: ExplanationView, title: str) -> list[Section]:
    """Sections that say which output they are of, where there are several."""
    if len(outputs_shown(explanation)) == 1:
        return sections
    return [
        dataclasses.replace(
            section,
            title=f"{title}: {section.title}",
            pictures=[dataclasses.replace(one, name=f"{one.name}-{title}") for one in section.pictures],
        )
        for section in sections
    ]


def _sentence(note: str) -> str:
    """A note of the log as a sentence of the page."""
    return f"{note[0].upper()}{note[1:]}."


def _methods(explanation: ExplanationView) -> Section:
    used = list(dict.fromkeys(one.method for one in explanation.effects))
    rows = []
    for name in used:
        title, summary = explanation.methods.get(name, (name, ""))
        levels = list(dict.fromkeys(one.level for one in explanation.effects if one.method == name))
        rows.append([Cell(title, name), Cell(summary), Cell(", ".join(map(level_words, levels)))])
    tables = [Table(("method", "what it measures", "of"), rows)] if rows else []
    text = [READING, NO_CAUSE, *map(_sentence, explanation.notes)]
    if explanation.seen in ("training", "unknown"):
        text.append("Effects in samples that the model was trained on also show what it learned by heart.")
    return Section("reading", "How to read this", text, tables=tables)
