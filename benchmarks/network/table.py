"""The page of results, their record, and the figure."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from aam.files.atomic import write_text
from benchmarks.machine import conditions
from benchmarks.network.curves import Point
from benchmarks.network.ideas import OTHERS, TaskScores
from benchmarks.network.recipes import IDEAS

BASE = "plain"
WORTH, LOST = 0.01, -0.01
"""Mean difference above which an idea helps, and that of a task below which it does not."""
ENOUGH = 4
"""Tasks that an idea has to be tried on."""
WIDTH, HEIGHT, DPI = 8.0, 3.2, 110
DRAWN = {
    "blend": "blend",
    "forest": "random forest",
    "components": "network, trained",
    "mean of blend and network": "mean of blend and network",
    "components-start": "network, start",
}
TITLES = {"real": "infant_ecam, month of life", "simulated": "simulated study"}


def write(folder: Path, tasks: Sequence[TaskScores], points: Sequence[Point]) -> None:
    """Write ``network.md``, ``network.json`` and ``network.png``."""
    about = conditions()
    record = {
        "conditions": about,
        "recipes": {name: dataclasses.asdict(recipe) for name, recipe in IDEAS.items()},
        "tasks": [dataclasses.asdict(one) for one in tasks],
        "curves": [dataclasses.asdict(one) for one in points],
    }
    write_text(folder / "network.json", json.dumps(record, indent=1, allow_nan=False) + "\n")
    write_text(folder / "network.md", "\n".join(page(tasks, points, about)) + "\n")
    draw(folder / "network.png", points)


def page(tasks: Sequence[TaskScores], points: Sequence[Point], about: Mapping[str, str]) -> Iterator[str]:
    """Lines of Markdown."""
    yield from ("# What a network adds to a blend", "")
    yield "`python -m benchmarks.network ideas curves table --data DATA`; the protocol is in its `--help`. R2, or AUROC"
    yield "for classes; whole groups held out, five folds, one dealing."
    yield from ("", ", ".join(f"{name} {value}" for name, value in about.items()))
    yield from ("", "## Competitors", "")
    shown = ("blend", *OTHERS, "plain", "start", "components-start", "components", "components-clades", "together")
    yield from _table(["", *(f"{one.task} ({one.samples})" for one in tasks)], _scores(tasks, shown))
    yield from ("", "Seconds of one core for a fold:", "")
    yield from _table(["", *(one.task for one in tasks)], _seconds(tasks, ("blend", *IDEAS)))
    yield from ("", "## Ideas", "", "Difference from the plain network; mean over tasks ± its standard error.", "")
    yield from _table(["idea", *(one.task for one in tasks), "mean", "helps"], _ideas(tasks))
    yield from ("", "## A network as one more member of the blend", "")
    yield "Difference from the blend: weighted by out-of-fold predictions (and the mean weight), or with a fixed share."
    yield ""
    yield from _table(["network", "how", *(one.task for one in tasks), "mean"], _joined(tasks))
    for study in dict.fromkeys(one.study for one in points):
        mine = [one for one in points if one.study == study]
        yield from ("", f"## Learning curve: {TITLES[study]}", "")
        names = list(dict.fromkeys(name for one in mine for name in one.scores))
        yield from _table(
            ["training samples", *names], [[f"{one.size:,}", *(_cell(one, name) for name in names)] for one in mine]
        )
        yield from ("", "Ahead of the blend, in R² (95 %, whole groups resampled):", "")
        names = list(dict.fromkeys(name for one in mine for name in one.leads))
        yield from _table(
            ["training samples", *names], [[f"{one.size:,}", *(_lead(one, name) for name in names)] for one in mine]
        )


def _lead(one: Point, name: str) -> str:
    if name not in one.leads:
        return ""
    value, low, high = one.leads[name]
    return f"{value:+.3f} ({low:+.3f} to {high:+.3f})"


def _cell(one: Point, name: str) -> str:
    if name not in one.scores:
        return ""
    took = one.seconds.get(name)
    return f"{one.scores[name]:.3f}" + ("" if took is None else f" ({took:,.0f} s)")


def _scores(tasks: Sequence[TaskScores], names: Sequence[str]) -> Iterator[list[str]]:
    for name in names:
        if any(name in one.scores for one in tasks):
            yield [name, *(f"{one.scores[name]:.3f}" if name in one.scores else "" for one in tasks)]


def _seconds(tasks: Sequence[TaskScores], names: Sequence[str]) -> Iterator[list[str]]:
    for name in names:
        if any(name in one.seconds for one in tasks):
            yield [name, *(f"{one.seconds[name]:.1f}" if name in one.seconds else "" for one in tasks)]


def _ideas(tasks: Sequence[TaskScores]) -> Iterator[list[str]]:
    for name, recipe in IDEAS.items():
        apart = [one.scores[name] - one.scores[BASE] if name in one.scores else np.nan for one in tasks]
        if name != BASE and not np.isnan(apart).all():
            yield [f"`{name}`: {recipe.words}", *_signed(apart), _mean(apart), verdict(apart)]


def verdict(apart: Sequence[float]) -> str:
    """Whether an idea helps; nothing where it was tried on too few tasks."""
    if np.isfinite(apart).sum() < ENOUGH:
        return ""
    return "yes" if helps(apart) else "no"


def helps(apart: Sequence[float]) -> bool:
    """Whether an idea is worth it, by its difference on each task (NaN where it was not tried)."""
    return bool(np.nanmean(apart) > WORTH and np.nanmin(apart) >= LOST)


def _joined(tasks: Sequence[TaskScores]) -> Iterator[list[str]]:
    for name in IDEAS:
        ways = {f"blend + {name}": "weighted", f"blend, a quarter {name}": "a quarter"}
        for key, words in ways.items():
            apart = [one.scores[key] - one.scores["blend"] if key in one.scores else np.nan for one in tasks]
            if np.isnan(apart).all():
                continue
            cells = _signed(apart)
            if key == f"blend + {name}":
                weights = [one.weights.get(name, np.nan) for one in tasks]
                pairs = zip(cells, weights, strict=True)
                cells = [f"{cell} (weight {weight:.2f})" if cell else "" for cell, weight in pairs]
            yield [name, words, *cells, _mean(apart)]


def _signed(values: Sequence[float]) -> list[str]:
    return ["" if np.isnan(value) else f"{value:+.3f}" for value in values]


def _mean(values: Sequence[float]) -> str:
    known = np.array(values)[~np.isnan(values)]
    error = known.std(ddof=1) / np.sqrt(len(known)) if len(known) > 1 else np.nan
    return f"{known.mean():+.3f}" + ("" if np.isnan(error) else f" ± {error:.3f}")


def _table(header: Sequence[str], rows: Iterator[list[str]] | Sequence[list[str]]) -> Iterator[str]:
    yield "| " + " | ".join(header) + " |"
    yield "|" + "---|" * len(header)
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def draw(path: Path, points: Sequence[Point]) -> None:
    """The learning curves."""
    from matplotlib.figure import Figure

    studies = list(dict.fromkeys(one.study for one in points))
    figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI, layout="constrained")
    for axes, study in zip(np.atleast_1d(figure.subplots(1, len(studies))), studies, strict=True):
        mine = [one for one in points if one.study == study]
        for name, words in DRAWN.items():
            known = [one for one in mine if name in one.scores]
            if known:
                axes.plot([one.size for one in known], [one.scores[name] for one in known], marker="o", label=words)
        axes.set_xscale("log")
        axes.set_xticks([one.size for one in mine], [f"{one.size:,}" for one in mine])
        axes.minorticks_off()
        axes.set_title(TITLES[study], fontsize=10)
        axes.set_xlabel("training samples")
        axes.set_ylabel("R²")
    axes.legend(fontsize=8, frameon=False)
    figure.savefig(path)
