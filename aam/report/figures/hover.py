"""Figures to point at, as plotly figures in plain JSON types. Data in, figure out.

Names from outside are escaped: plotly takes some tags in texts for markup. ``var(--ink)`` is a colour of the page.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aam.data.targets.kinds import Predictions
from aam.data.targets.kinds.classes import probability_of
from aam.evaluation.catalogue import PREDICTORS, number
from aam.explanation.effects import Effects
from aam.report.figures.explain.effects import swarm
from aam.report.figures.explain.parts import Series, colour_of, logged
from aam.report.style import VARIABLES, shorten_middle

HoverFigure = dict[str, Any]
ROW = 26
"""Height of a row in pixels."""


def predicted_observed_hover(results: Mapping[str, Predictions], column: str) -> HoverFigure:
    """Predicted against observed numbers; one points at samples."""
    traces = [
        _dots(table.observed, table.predicted, _ids(table), _page_colour("--model" if who == "model" else "--forest"))
        | {"name": PREDICTORS[who], "hovertemplate": "%{text}<br>observed %{x:.4~g}<br>predicted %{y:.4~g}"}
        for who, table in results.items()
    ]
    ends = _ends(np.concatenate([table.observed for table in results.values()]).astype(np.float64))
    traces.append({"type": "scatter", "mode": "lines", "x": ends, "y": ends, "hoverinfo": "skip", "showlegend": False})
    traces[-1]["line"] = {"color": _page_colour("--muted"), "dash": "dash", "width": 1}
    return _figure(traces, f"observed {column}", f"predicted {column}", height=480, showlegend=len(results) > 1)


def true_class_hover(results: Mapping[str, Predictions], column: str) -> HoverFigure:
    """Probability of the true class of each sample, by class; one points at samples."""
    table = results["model"]
    share = probability_of(table, table.observed)
    traces = []
    for place, name in enumerate(table.classes):
        own = np.flatnonzero(table.observed == name)
        words = [f"{_safe(table.sample_ids[row])}<br>predicted: {_safe(table.predicted[row])}" for row in own]
        colour = np.where(table.predicted[own] == name, VARIABLE_MODEL, VARIABLE_FOREST).tolist()
        trace = _dots(place + swarm(share[own]), share[own], words, colour)
        traces.append(trace | {"hovertemplate": "%{text}<br>probability of the true class %{y:.2f}"})
    ticks = {"tickvals": list(range(len(table.classes))), "ticktext": [_safe(name) for name in table.classes]}
    return _figure(traces, f"true {column}", "probability of the true class", height=420, xaxis=ticks)


def ranked_hover(series: Series, names: Sequence[str]) -> HoverFigure:
    """Effects with their intervals; one points at things."""
    effects = series.effects
    places = [series.place_of[name] for name in names]
    found = [series.value(name) for name in names]
    values = [value for value, _, _ in found]
    widths = [(high - value, value - low) for value, low, high in found]
    up, down = (np.nan_to_num([pair[side] for pair in widths]).tolist() for side in (0, 1))
    colours = [_css(colour_of(low, high)) for _, low, high in found]
    words = [
        f"{_safe(effects.labels[place])}<br>{_safe(name, 60)}<br>{int(effects.support_G[place]):,} samples"
        f"<br>95 % interval {number(low)} to {number(high)}"
        for name, place, (_, low, high) in zip(names, places, found, strict=True)
    ]
    trace = _dots(values, list(range(len(names))), words, colours) | {
        "hovertemplate": "%{text}<br>effect %{x:.3~g}",
        "error_x": {
            "type": "data",
            "array": up,
            "arrayminus": down,
            "color": _page_colour("--muted"),
            "width": 0,
            "thickness": 1.2,
        },
    }
    labels = [effects.labels[place] for place in places]
    return _rows([trace], labels, f"effect ({effects.unit_of(series.output)})")


def swarm_hover(
    effects: Effects, output: int, names: Sequence[str], share_NG: np.ndarray, sample_ids: np.ndarray
) -> HoverFigure:
    """Effects in single samples; one points at samples."""
    place_of = {name: place for place, name in enumerate(effects.names)}
    traces = []
    for row, name in enumerate(names):
        has = np.flatnonzero(share_NG[:, row] > 0)
        values = effects.by_sample_NGO[has, place_of[name], output]
        words = [f"{_safe(sample_ids[sample])}<br>share {100 * share_NG[sample, row]:.3g} %" for sample in has]
        trace = _dots(values, row + swarm(values), words, "")
        trace["marker"] = {
            "size": 6,
            "color": logged(share_NG[has, row]).tolist(),
            "colorscale": "Viridis",
            "cmin": -4,
            "cmax": 0,
        }
        traces.append(trace | {"hovertemplate": "%{text}<br>effect %{x:.3~g}"})
    labels = [effects.labels[place_of[name]] for name in names]
    return _rows(traces, labels, f"effect ({effects.unit_of(output)})", height=36)


def _rows(
    traces: Sequence[HoverFigure], labels: Sequence[str], x_title: str, *, height: int = ROW, **layout: Any
) -> HoverFigure:
    """Rows from above with their labels."""
    ticks = {"tickvals": list(range(len(labels))), "ticktext": [_safe(label, 30) for label in labels]}
    rows = {"range": [len(labels) - 0.4, -0.6], "automargin": True, "zeroline": False, **ticks}
    return _figure(traces, x_title, "", height=110 + height * len(labels), yaxis=rows, **layout)


def _dots(x: Any, y: Any, words: Sequence[str], colour: Any) -> HoverFigure:
    places = {name: np.asarray(values, dtype=np.float64) for name, values in (("x", x), ("y", y))}
    cells = {name: [float(v) if np.isfinite(v) else None for v in values] for name, values in places.items()}
    marker = {"size": 7, "opacity": 0.7, "color": colour}
    return {"type": "scatter", "mode": "markers", **cells, "text": list(words), "marker": marker, "showlegend": False}


def _figure(
    traces: Sequence[HoverFigure], x_title: str, y_title: str, *, height: int, showlegend: bool = False, **axes: Any
) -> HoverFigure:
    """The layout of all figures, in the colours of the page."""
    grid = {"gridcolor": _page_colour("--grid"), "zerolinecolor": _page_colour("--muted")}
    layout = {
        "height": height,
        "hovermode": "closest",
        "showlegend": showlegend,
        "font": {"color": _page_colour("--ink"), "size": 12},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 60, "r": 16, "t": 36, "b": 50},
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": _page_colour("--muted")},
        "xaxis": {"title": {"text": _safe(x_title, 60)}, **grid, **axes.get("xaxis", {})},
        "yaxis": {"title": {"text": _safe(y_title, 60)}, **grid, **axes.get("yaxis", {})},
    }
    shown = [trace | ({"showlegend": True} if "name" in trace else {}) for trace in traces]
    return {"data": shown, "layout": layout}


def _page_colour(variable: str) -> str:
    return f"var({variable})"


def _css(colour: str) -> str:
    """A stand-in colour as the page's own."""
    return _page_colour(VARIABLES[colour]) if colour in VARIABLES else colour


def _safe(text: object, length: int = 80) -> str:
    """A text that plotly shows as it is."""
    return html.escape(shorten_middle(str(text), length))


def _ids(table: Predictions) -> list[str]:
    return [_safe(name) for name in table.sample_ids]


def _ends(values: np.ndarray) -> list[float]:
    return [float(values.min()), float(values.max())]


VARIABLE_MODEL, VARIABLE_FOREST = _page_colour("--model"), _page_colour("--forest")
