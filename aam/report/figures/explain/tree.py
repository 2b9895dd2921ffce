"""Figure of a tree with effects at its tips and clades in colours. Data in, figure out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from aam.phylogeny.tree import keep_tips
from aam.report.figures.explain.parts import colour_of, name_rows, row_label
from aam.report.style import CATEGORIES, INK, MUTED, SMALL, WIDE, grid_of_axes, is_stacked, shorten_middle, styled

BRANCHES = 0.4
"""Share of the width that a tree has on a narrow screen; labels and effects have the rest."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Branches:
    """A rooted tree of few tips, ready to draw: nodes in postorder, the root last.

    Attributes
    ----------
    parent
        Of each node; -1 for the root.
    x, y
        Distance from the root, and height: tips are at 0, 1, ... from above, and others in the middle of theirs.
    tip_of
        Place among the tips that were asked for -> its row.
    below
        Rows of the tips below each node.
    """

    parent: np.ndarray
    x: np.ndarray
    y: np.ndarray
    tip_of: Mapping[int, int]
    below: tuple[frozenset[int], ...]


def branches(parent: np.ndarray, length: np.ndarray | None, tips: Sequence[int]) -> Branches:
    """The tree of some tips, laid out.

    Parameters
    ----------
    parent, length
        The whole tree in postorder; lengths of 1 where None.
    tips
        Its nodes to keep, each once.
    """
    is_kept = np.zeros(len(parent), dtype=bool)
    is_kept[np.asarray(tips)] = True
    lengths = np.ones(len(parent)) if length is None else np.asarray(length, dtype=np.float64)
    above, short = keep_tips(parent, lengths, is_kept)
    number = len(above)
    x = np.zeros(number)
    for node in range(number - 2, -1, -1):
        x[node] = x[above[node]] + short[node]
    places = np.argsort(np.asarray(tips), kind="stable")
    row_of = _rows(above)
    y, sums, children = np.zeros(number), np.zeros(number), np.zeros(number)
    below: list[set[int]] = [set() for _ in range(number)]
    for node, up in enumerate(above.tolist()):
        if node in row_of:
            y[node] = row_of[node]
            below[node].add(row_of[node])
        else:
            y[node] = sums[node] / children[node]
        if up >= 0:
            sums[up] += y[node]
            children[up] += 1
            below[up] |= below[node]
    tip_of = {int(place): row_of[node] for place, node in zip(places, sorted(row_of), strict=True)}
    return Branches(parent=above, x=x, y=y, tip_of=tip_of, below=tuple(map(frozenset, below)))


def _rows(parent: np.ndarray) -> dict[int, int]:
    """Tip -> its row from above, so that no branches cross: nodes may be in any order with children first."""
    children: list[list[int]] = [[] for _ in parent]
    for node, up in enumerate(parent.tolist()[:-1]):
        children[up].append(node)
    row_of: dict[int, int] = {}
    pending = [len(parent) - 1]
    while pending:
        node = pending.pop()
        if not children[node]:
            row_of[node] = len(row_of)
        pending.extend(reversed(children[node]))
    return row_of


@dataclass(frozen=True, kw_only=True)
class Tip:
    """A tip of the tree: its label, its effect with an interval, and the coloured clades that it belongs to."""

    label: str
    value: float
    low: float
    high: float
    clades: frozenset[str] = frozenset()


def effect_tree(tree: Branches, tips: Sequence[Tip], clades: Sequence[str], unit: str) -> Figure:
    """A rectangular tree, its clades in colours, with effects of its tips as bars beside it.

    Parameters
    ----------
    tree
        The branches.
    tips
        In the order in which they were asked for.
    clades
        Labels of the clades to colour; each branch whose tips are all of a clade has its colour.
    unit
        What effects are measured in.
    """
    ordered = [tips[place] for place, _ in sorted(tree.tip_of.items(), key=lambda pair: pair[1])]
    colours = {clade: CATEGORIES[place % len(CATEGORIES)] for place, clade in enumerate(clades)}
    with styled():
        figure = _figure(len(tips), len(clades))
        trunk, bars = figure.axes
        _draw_branches(trunk, tree, [tip.clades for tip in ordered], colours)
        _draw_bars(bars, ordered, unit)
        if colours:
            longest = 22 if is_stacked() else 40
            handles = [
                Line2D([], [], color=colour, linewidth=3, label=shorten_middle(clade, longest))
                for clade, colour in colours.items()
            ]
            columns = 1 if is_stacked() else 3
            figure.legend(handles=handles, loc="outside lower left", ncols=columns, fontsize=SMALL)
    return figure


def _figure(num_tips: int, num_clades: int) -> Figure:
    """The tree on the left and the bars on the right, on a narrow screen too."""
    rows = num_clades if is_stacked() else -(-num_clades // 3)
    height = 1.1 + 0.2 * num_tips + 0.2 * rows
    figure, (axes,) = grid_of_axes(1, 1, height, WIDE)
    axes.remove()
    widths = [BRANCHES, 1 - BRANCHES] if is_stacked() else [0.5, 0.5]
    figure.subplots(1, 2, width_ratios=widths)
    return figure


def _draw_branches(
    axes: Axes, tree: Branches, clades_of_row: Sequence[frozenset[str]], colours: Mapping[str, str]
) -> None:
    ends = np.full((len(tree.parent), 2), np.nan)
    inks = [_ink(tree.below[node], clades_of_row, colours) for node in range(len(tree.parent))]
    for node, up in enumerate(tree.parent.tolist()):
        if up < 0:
            continue
        heavy = 1.0 if inks[node] == MUTED else 2.0
        axes.plot([tree.x[up], tree.x[node]], [tree.y[node]] * 2, color=inks[node], linewidth=heavy)
        ends[up] = np.nanmin([ends[up, 0], tree.y[node]]), np.nanmax([ends[up, 1], tree.y[node]])
    for node in np.flatnonzero(np.isfinite(ends[:, 0])).tolist():
        heavy = 1.0 if inks[node] == MUTED else 2.0
        axes.plot([tree.x[node]] * 2, ends[node], color=inks[node], linewidth=heavy)
    axes.set_axis_off()
    axes.set_ylim(len(clades_of_row) - 0.4, -0.6)


def _ink(rows: frozenset[int], clades_of_row: Sequence[frozenset[str]], colours: Mapping[str, str]) -> str:
    """The colour of a branch: of the first clade that all its tips belong to."""
    shared = frozenset.intersection(*(clades_of_row[row] for row in rows)) if rows else frozenset()
    return next((colour for clade, colour in colours.items() if clade in shared), MUTED)


def _draw_bars(axes: Axes, tips: Sequence[Tip], unit: str) -> None:
    axes.axvline(0, color=INK, linewidth=0.8)
    for row, tip in enumerate(tips):
        if np.isfinite(tip.value):
            axes.barh([row], [tip.value], height=0.66, color=colour_of(tip.low, tip.high))
    name_rows(axes, [row_label(tip.label) for tip in tips])
    axes.yaxis.tick_left()
    axes.set_xlabel(f"effect ({unit})")
    axes.locator_params(axis="x", nbins=3 if is_stacked() else 5)
