"""Memory and time of each command by the number of samples, drawn from the results of the tables in several files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.load.cases import CASES

START = "parts-"
WIDTH, HEIGHT, DPI = 9.0, 3.6, 150
PANELS = (("own", "memory of its own, GB"), ("processor", "seconds of the processor"))
FIRST_STEP = ("aam train", "aam pretrain")


class Curve(NamedTuple):
    """One figure of a command by size: samples and values, ascending."""

    samples: list[int]
    values: list[float]


def curves(records: Mapping[str, Mapping[str, Any]], figure: str) -> dict[str, Curve]:
    """What each command took.

    Parameters
    ----------
    records
        Case -> its record, as the file of results has them.
    figure
        ``own`` or ``processor``.
    """
    found: dict[str, Curve] = {}
    for samples, row in sorted(_rows(records), key=lambda pair: pair[0]):
        curve = found.setdefault(row["what"].split(":")[0], Curve([], []))
        curve.samples.append(samples)
        curve.values.append(row[figure])
    return found


def _rows(records: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for name, record in records.items():
        if name.startswith(START):
            yield from ((CASES[name].full["samples"], row) for row in record["rows"])


def draw(path: Path, records: Mapping[str, Mapping[str, Any]]) -> None:
    """Draw both figures beside each other."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI, layout="constrained")
    for axes, (name, words) in zip(figure.subplots(1, len(PANELS)), PANELS, strict=True):
        for command, curve in curves(records, name).items():
            until = " (to the first step)" if command in FIRST_STEP else ""
            axes.plot(curve.samples, curve.values, marker="o", label=f"{command}{until}")
        axes.set_xscale("log")
        axes.set_yscale("log")
        sizes = sorted({samples for samples, _ in _rows(records)})
        axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
        axes.minorticks_off()
        axes.set_xlabel("samples, in ten files")
        axes.set_ylabel(words)
    axes.legend(fontsize=7, frameon=False)
    figure.savefig(path)
