"""The figure of a benchmark: the model and the forest on each task, and their difference. Data in, figure out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aam.evaluation.catalogue import Interval
from aam.report.style import FOREST, GUESS, INK, MODEL, WIDE, grid_of_axes, shorten_middle

ROW, MARGIN = 0.27, 1.1  # inches
APART = 0.16
LONGEST = 34


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The two predictors on one task.

    Attributes
    ----------
    label
        The task, and what is compared.
    model, forest
        The metric of each.
    lead
        How much larger it is for the model.
    is_control
        Nothing may be found.
    """

    label: str
    model: Interval
    forest: Interval
    lead: Interval
    is_control: bool


def comparisons(found: Sequence[Comparison]) -> Figure:
    """Scores on the left, differences on the right, the first task on top; intervals are of 95 %."""
    figure, (scores, leads) = grid_of_axes(1, 2, MARGIN + ROW * len(found), WIDE, share=False)
    for place, one in enumerate(found):
        _interval(scores, one.forest, place + APART, FOREST, "Random forest" if not place else "")
        _interval(scores, one.model, place - APART, MODEL, "Blend" if not place else "")
        _interval(leads, one.lead, place, GUESS if one.is_control else MODEL, "")
    labels = [shorten_middle(one.label, LONGEST) + (" (control)" if one.is_control else "") for one in found]
    for axes, title in ((scores, "R\u00b2 or AUROC"), (leads, "Blend minus random forest")):
        axes.set_ylim(len(found) - 0.4, -0.6)
        axes.set_yticks(range(len(found)), labels if axes is scores else [""] * len(found))
        axes.set_title(title)
        axes.grid(axis="y", visible=False)
    leads.axvline(0, color=INK, linewidth=0.8)
    scores.legend(loc="upper center", bbox_to_anchor=(0.5, -0.06), ncols=2)
    return figure


def _interval(axes: Axes, found: Interval, place: float, colour: str, label: str) -> None:
    """A value as a dot on the line of its interval."""
    axes.plot([found.low, found.high], [place, place], color=colour, linewidth=1.4, solid_capstyle="butt")
    axes.plot([found.value], [place], "o", color=colour, markersize=4, label=label or "_nolegend_")
