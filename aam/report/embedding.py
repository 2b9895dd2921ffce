"""The page of an embedding: ordinations side by side, what explains the distances, and nearest training samples.

Legend: ``N`` samples of the ordination, ``K`` axes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from aam.evaluation.catalogue import percent
from aam.files.columns import Columns
from aam.report.figures.ordinations import Layout, layouts_figure
from aam.report.html import Cell, Page, Picture, Section, Table, Tile
from aam.text import listed, plural

MOST_NEAREST = 12
SIGNIFICANT = 0.05
DASH = "\u2013"


@dataclass(frozen=True, eq=False)
class Colour:
    """A metadata column that ordinations are coloured by.

    Attributes
    ----------
    column
        Its name.
    values
        Numbers (NaN is missing) or labels (``""`` is missing) of all samples.
    is_target
        Whether the model predicts it.
    """

    column: str
    values: np.ndarray
    is_target: bool = False

    @property
    def is_number(self) -> bool:
        """Whether it is a number."""
        return self.values.dtype != object

    @property
    def is_known(self) -> np.ndarray:
        """Which samples have a value."""
        return ~np.isnan(self.values) if self.is_number else self.values != ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Findings:
    """What is found of the vectors of some samples.

    Attributes
    ----------
    title
        Names of the table and the model.
    words
        What the vectors are.
    num_samples
        All samples that have a vector.
    metric
        What the learned distance is compared with, in words; empty where nothing is ordinated.
    rows
        The samples of the ordination.
    layouts
        Ordinations of these.
    colours
        Columns to colour them by.
    permanova, agreement, nearest
        The tables of the results.
    num_trained
        How many of the ordinated samples trained the model; None where that is not known.
    notes
        What else is worth saying.
    """

    title: str
    words: Sequence[str]
    num_samples: int
    metric: str
    rows: np.ndarray
    layouts: Sequence[Layout]
    colours: Sequence[Colour]
    permanova: Columns | None
    agreement: Columns | None
    nearest: Columns | None
    num_trained: int | None
    notes: Sequence[str]


def embedding_page(found: Findings) -> Page:
    """The report of an embedding."""
    sentences = [*summary(found), *found.notes]
    sections = [_ordination(found), _permanova(found), _agreement(found), _nearest(found), _vectors(found)]
    return Page(
        kicker="AAM embedding",
        title=found.title,
        headline=sentences[0],
        verdicts=sentences[1:],
        tiles=list(_tiles(found)),
        sections=[section for section in sections if section is not None],
    )


def pictures(found: Findings) -> list[Picture]:
    """The ordinations, one picture for each colour."""
    shown = found.colours or [Colour("", np.full(found.num_samples, "", dtype=object))]
    return [_picture(found, colour) for colour in shown] if found.layouts else []


def summary(found: Findings) -> Iterator[str]:
    """What was found, in plain words."""
    agreement = found.agreement
    if agreement is None:
        yield f"Vectors of {plural(found.num_samples, 'sample')} were written."
    else:
        by_method = dict(zip(agreement["method"].tolist(), agreement["correlation"].tolist(), strict=True))
        mantel = by_method["mantel_spearman"]
        yield (
            f"The learned distance between samples agrees {_how_far(mantel)} with {found.metric} "
            f"(Mantel, Spearman: {mantel:.2f}; Procrustes: {by_method['procrustes']:.2f})."
        )
    yield from _explained(found)
    if found.nearest is not None:
        yield _familiar(found.nearest)


def _how_far(correlation: float) -> str:
    return "well" if correlation > 0.7 else "in part" if correlation > 0.3 else "hardly"


def _explained(found: Findings) -> Iterator[str]:
    """A sentence for each column: its share of the learned distances and of the others."""
    for colour in found.colours:
        rows = {row["distance"]: row for row in _dicts(found.permanova) if row["column"] == colour.column}
        learned, other = rows.pop("learned", None), next(iter(rows.values()), None)
        if learned is None or other is None:
            continue
        seen = "no test: the model was trained on it" if _is_circular(found, colour) else f"q = {learned['q']:.2g}"
        yield (
            f"{colour.column} explains {percent_of(learned['r2'])} of the squared learned distances "
            f"({seen}), and {percent_of(other['r2'])} of those of {found.metric} "
            f"(q = {other['q']:.2g})."
        )


def percent_of(share: float) -> str:
    """A share with one digit below ten per cent."""
    return f"{100 * share:.1f} %" if share < 0.1 else percent(share)


def _familiar(nearest: Columns) -> str:
    far = nearest["farther_than"]
    number = int((far > 1 - SIGNIFICANT).sum())
    return (
        f"{plural(number, 'sample')} of {nearest.size:,} ({percent(number / max(1, nearest.size))}) "
        f"{'is' if number == 1 else 'are'} farther from "
        "their nearest training sample than 95 % of the training samples are from theirs."
    )


def _dicts(table: Columns | None) -> Iterator[dict[str, Any]]:
    names = [] if table is None else list(table)
    for row in () if table is None else table.rows:
        yield dict(zip(names, row, strict=True))


def _tiles(found: Findings) -> Iterator[Tile]:
    yield Tile(f"{found.num_samples:,}", "samples", "that have a vector")
    names = {"mantel_spearman": "Mantel correlation", "procrustes": "Procrustes correlation"}
    for row in _dicts(found.agreement):
        if row["method"] in names:
            yield Tile(f"{row['correlation']:.2f}", names[row["method"]], f"learned distance and {found.metric}")


def _picture(found: Findings, colour: Colour) -> Picture:
    title = colour.column
    draw = partial(layouts_figure, found.layouts, colour.values[found.rows], title)
    by = f" coloured by {title}" if title else ""
    caption = "Each dot is a sample; the axes' shares are those of the variation of each distance."
    if len(found.rows) < found.num_samples:
        caption += f" A random {len(found.rows):,} of {found.num_samples:,} samples are shown."
    name = f"ordination-{title}" if title else "ordination"
    return Picture(name, draw, f"Ordinations of the samples{by}", caption)


def _ordination(found: Findings) -> Section | None:
    if not found.layouts:
        return None
    text = (
        f"First, principal coordinates of {found.metric}; then those of the learned distance, the Euclidean "
        "distance of the samples' vectors (so that they are also the principal components of the vectors)."
    )
    return Section("ordination", "Ordination", [text], pictures=pictures(found))


def _permanova(found: Findings) -> Section | None:
    if found.permanova is None or not found.permanova.size:
        return None
    rows = [_test_cells(row, found.metric) for row in _dicts(found.permanova)]
    header = ("column", "distance", "R\u00b2", "p", "q", "pseudo-F", "samples", "PERMDISP p")
    text = [
        "PERMANOVA: the share of the squared distances that a column explains (R\u00b2), and whether chance would "
        "explain as much (p by permutation; q is corrected for the number of tests, Benjamini-Hochberg). A small p of "
        "PERMDISP means that levels differ in their scatter, which PERMANOVA may take for a difference in place."
    ]
    text += _circular(found)
    table = Table(header, rows, "", frozenset(range(2, len(header))))
    return Section("permanova", "What explains the distances", text, tables=[table])


def _is_circular(found: Findings, colour: Colour) -> bool:
    """Whether the model has seen the column of some of these samples."""
    return colour.is_target and bool(found.num_trained)


def _circular(found: Findings) -> Iterator[str]:
    """What the model knew of the columns that are tested."""
    learned = [colour.column for colour in found.colours if colour.is_target]
    if not learned or found.num_trained == 0:
        return
    those = "it" if len(learned) == 1 else "them"
    number = len(found.rows)
    share = "" if found.num_trained is None else f" ({found.num_trained:,} of these {plural(number, 'sample')})"
    yield (
        f"The model has seen {listed(learned)} of its training samples{share}: of those, what the learned distance "
        f"says of {those} is no test."
    )


def _test_cells(row: dict[str, Any], metric: str) -> list[Cell]:
    """The cells of one test."""
    disp = row["permdisp_p"]
    return [
        Cell(row["column"], plural(row["levels"], "level") if row["levels"] else "number"),
        Cell("learned" if row["distance"] == "learned" else metric),
        Cell(percent_of(row["r2"])),
        Cell(f"{row['p']:.2g}", "" if row["permuted"] == "freely" else row["permuted"]),
        Cell(f"{row['q']:.2g}"),
        Cell(_number(row["pseudo_f"])),
        Cell(f"{row['samples']:,}"),
        Cell(f"{disp:.2g}" if disp == disp else DASH),
    ]


def _agreement(found: Findings) -> Section | None:
    if found.agreement is None:
        return None
    names = {
        "mantel_pearson": "Mantel, Pearson",
        "mantel_spearman": "Mantel, Spearman",
        "procrustes": "Procrustes (PROTEST)",
    }
    rows = [
        [
            Cell(names[row["method"]]),
            Cell(f"{row['correlation']:.3f}"),
            Cell(f"{row['p']:.2g}"),
            Cell(f"{row['samples']:,}"),
        ]
        for row in _dicts(found.agreement)
    ]
    text = (
        f"How far the learned distance agrees with {found.metric}: the correlation of the distances of all pairs "
        "(Mantel), and of the two ordinations laid on each other (Procrustes). 1 is agreement; a model that learned "
        "what the other distance does not see need not agree."
    )
    table = Table(("test", "correlation", "p", "samples"), rows, "", frozenset({1, 2, 3}))
    return Section("fidelity", f"Agreement with {found.metric}", [text], tables=[table])


def _nearest(found: Findings) -> Section | None:
    nearest = found.nearest
    if nearest is None or not nearest.size:
        return None
    values = [name for name in nearest if name.endswith("_1") and name not in ("neighbour_1", "distance_1")]
    order = np.argsort(-nearest["farther_than"], kind="stable")[:MOST_NEAREST]
    rows = [
        [
            Cell(str(nearest["sample-id"][row])),
            Cell(
                str(nearest["neighbour_1"][row]),
                ", ".join(f"{name.removesuffix('_1')}: {nearest[name][row]}" for name in values),
            ),
            Cell(_number(float(nearest["distance_1"][row]))),
            Cell(percent(float(nearest["farther_than"][row]))),
        ]
        for row in order.tolist()
    ]
    header = ("sample", "most like", "distance", "farther than")
    text = (
        f"The {plural(len(rows), 'sample')} that are farthest from every training sample; nearest.tsv has all. Farther "
        "than: the share of the training samples that are nearer to their own nearest one."
    )
    table = Table(header, rows, "", frozenset({2, 3}))
    return Section("nearest", "Nearest training samples", [text], tables=[table])


def _vectors(found: Findings) -> Section:
    return Section("vectors", "What the vectors are", list(found.words))


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 100 else f"{value:,.0f}"
