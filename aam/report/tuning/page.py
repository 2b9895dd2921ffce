"""The page of a search."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from aam.evaluation.catalogue import CI, difference_interval_of, difference_of, metric, value_of
from aam.report.html import Cell, Page, Picture, Section, Table, Tile
from aam.report.tuning.figures import history, importances, sliced, slices
from aam.report.tuning.shown import (
    ShownOuter,
    ShownSearch,
    ShownTrial,
    ShownTuning,
    shown_value,
    tuning_lines,
    with_interval,
)
from aam.text import format_duration

MOST_TRIALS = 12
"""Trials in the table of the page; all are in ``trials.tsv``."""


def tuning_page(shown: ShownTuning) -> Page:
    """A search."""
    lines = list(tuning_lines(shown))
    sections = [_outer_section(shown)]
    sections += [_search_section(shown, one) for one in reversed(shown.searches)]
    return Page(
        kicker="AAM search",
        title=", ".join(shown.targets),
        headline=lines[0],
        verdicts=lines[1:],
        tiles=list(_tiles(shown)),
        sections=[*sections, Section("how", "How it was done", shown.how), _command_section(shown)],
    )


def _tiles(shown: ShownTuning) -> Iterator[Tile]:
    one = shown.outer[0]
    for label, found in (("tuned, on held-out samples", one.tuned), ("untuned, on the same samples", one.default)):
        value, small = with_interval(one.main, found[one.main])
        yield Tile(value, f"{metric(one.main).name}, {label}", small)
    lead = one.difference[one.main]
    yield Tile(difference_of(one.main, lead.value), "difference", difference_interval_of(one.main, lead))
    yield Tile(f"{len(shown.recommended.trials):,}", "trials")


def _outer_section(shown: ShownTuning) -> Section:
    text = ["These samples took part in no trial: neither the search nor the choice saw them."]
    return Section("outer", "Is it worth it?", text, tables=[_outer_table(one) for one in shown.outer])


def _outer_table(one: ShownOuter) -> Table:
    rows = []
    for name in one.tuned:
        lead = one.difference[name]
        cells = [Cell(*with_interval(name, found[name])) for found in (one.tuned, one.default)]
        rows.append(
            [
                Cell(metric(name).name),
                *cells,
                Cell(difference_of(name, lead.value), difference_interval_of(name, lead)),
            ]
        )
    caption = f"{one.column}, {one.samples:,} samples, with {CI}"
    return Table(("metric", "tuned", "untuned", "difference"), rows, caption, frozenset({1, 2, 3}))


def _search_section(shown: ShownTuning, search: ShownSearch) -> Section:
    is_only = len(shown.searches) == 1
    titles = {"search": "The search"} if is_only else {"search": "The search on all samples"}
    title = titles.get(search.name, f"The search without outer fold {search.name.removeprefix('outer-')}")
    ending = "" if search is shown.recommended else f"-{search.name}"
    pictures = [
        Picture(
            f"history{ending}",
            partial(history, search, shown.metric),
            "Metric of each trial in the order of the search",
            "Each dot is a trial, judged by the pooled predictions of the folds within the training part; a cross is "
            "one that was stopped early, at its value by then. The star is the choice. Trials that are far worse than "
            "most are drawn at the edge.",
        )
    ]
    if search is shown.recommended:
        pictures += _detailed(search, shown.metric)
    return Section(f"search{ending}", title, tables=[_trials(shown, search)], pictures=pictures)


def _detailed(search: ShownSearch, name: str) -> Iterator[Picture]:
    if search.importance:
        yield Picture(
            "importance",
            partial(importances, search),
            "Importance of each option",
            "How much an option says about whether a trial is among the best (PED-ANOVA, doi:10.24963/ijcai.2023/488), "
            "over the complete trials that had it.",
        )
    if sliced(search):
        yield Picture(
            "slices",
            partial(slices, search, name),
            "Metric of the trials by the values of each option",
            "A panel for each option, the most important first; the star is the choice.",
        )


def _trials(shown: ShownTuning, search: ShownSearch) -> Table:
    higher = metric(shown.metric).higher_is_better
    ranked = sorted(search.trials, key=lambda one: _rank(one, higher))
    kept = [one for place, one in enumerate(ranked) if place < MOST_TRIALS or one.is_chosen or one.is_default]
    options = list(dict.fromkeys(name for one in search.trials for name in one.values))
    rows = [
        [
            Cell(str(one.number), _words(one)),
            Cell(value_of(shown.metric, one.value)),
            Cell(format_duration(one.seconds) if one.seconds == one.seconds else ""),
            *(Cell(_tried(one, name)) for name in options),
        ]
        for one in kept
    ]
    caption = f"the best of {len(search.trials):,} trials; all of them are in trials.tsv"
    header = ("trial", metric(shown.metric).name, "time", *options)
    return Table(header, rows, caption, frozenset(range(1, len(header))))


def _tried(one: ShownTrial, option: str) -> str:
    """The value of an option; nothing where nothing reads it."""
    if option in one.values:
        return shown_value(one.values[option])
    return "as derived" if option in one.derived else ""


def _rank(one: ShownTrial, higher: bool) -> tuple[bool, float]:
    value = one.value if one.value == one.value else 0.0
    return one.state != "complete", -value if higher else value


def _words(one: ShownTrial) -> str:
    words = {
        "the choice": one.is_chosen,
        "the best": one.is_best,
        "untuned": one.is_default,
        one.state: one.state != "complete",
    }
    return ", ".join(word for word, holds in words.items() if holds)


def _command_section(shown: ShownTuning) -> Section:
    title = shown.next_title
    text = [shown.left_words] if shown.left_words else []
    return Section("next", f"Next, {title}", text, code=shown.next_command)
