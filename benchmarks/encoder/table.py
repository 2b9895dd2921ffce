"""The scores of encoders as a table in Markdown."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from benchmarks.encoder.studies import EVALUATIONS

Scores = Mapping[str, Mapping[str, Mapping[str, float]]]
SHORT = {
    "infant_ecam": "infant",
    "fish_mackerel": "fish",
    "decomp_pmi": "decomp",
    "oral_age": "oral",
    "mouse_age_seedorf": "mouse",
}
PLAIN = {
    "C": "ASVs (`C`)",
    "D": "clades of 6-mers (`D`)",
    "K": "soft clades of 6-mers (`K`)",
    "CD": "mean of the four kernels of `C` and `D` (`CD`)",
    "CD+K": "`CD` and `K`",
    "stack CD": "`CD`, weighted by inner folds",
}
READINGS = {
    "E": "sample vector (`E`)",
    "P": "its soft clades (`P`)",
    "S": "soft clades placed anew (`S`)",
    "T": "Ward's clades in its space (`T`)",
}
SUMS = {
    "CD+E": "`CD` and `E`",
    "CD+P": "`CD` and `P`",
    "CD+S": "`CD` and `S`",
    "CD+T": "`CD` and `T`",
    "CT": "`C` and `T`",
    "CD+TS": "`CD`, `T` and `S`",
    "stack CD+E": "`CD` and `E`, weighted",
    "stack CD+S": "`CD` and `S`, weighted",
}


def tables(scores: Scores, seconds: Mapping[str, float]) -> str:
    """All tables."""
    return "\n".join(
        [
            "## Without an encoder",
            "",
            *_plain(scores),
            "",
            "## What an encoder knows by itself",
            "",
            "Mean of the linear and the radial kernel on one reading. Seconds of one core are those of pre-training.",
            "",
            *_rows(scores, seconds, READINGS),
            "",
            "## What an encoder adds",
            "",
            "Difference to `CD`, in thousandths; then their mean, and the weight of the encoder.",
            "",
            *_differences(scores),
        ]
    )


def _plain(scores: Scores) -> list[str]:
    first = next(iter(scores.values()))
    lines = _head(["", *(SHORT[study] for study in EVALUATIONS)])
    for key, words in PLAIN.items():
        lines.append(_line([words, *(_value(first, study, key) for study in EVALUATIONS)]))
    return lines


def _rows(scores: Scores, seconds: Mapping[str, float], readings: Mapping[str, str]) -> list[str]:
    lines = _head(["encoder", "reading", *(SHORT[study] for study in EVALUATIONS), "seconds"])
    for name, by_study in scores.items():
        for key, words in readings.items():
            values = [_value(by_study, study, key) for study in EVALUATIONS]
            lines.append(_line([name, words, *values, f"{seconds[name]:.0f}" if name in seconds else ""]))
    return lines


def _differences(scores: Scores) -> list[str]:
    lines = _head(["encoder", "kernels", *(SHORT[study] for study in EVALUATIONS), "mean", "weight"])
    for name, by_study in scores.items():
        for key, words in SUMS.items():
            base = "stack CD" if key.startswith("stack") else "CD"
            gains = {study: 1000 * (found[key] - found[base]) for study, found in by_study.items()}
            cells = [f"{gains[study]:+.0f}" if study in gains else "" for study in EVALUATIONS]
            cells.append(f"**{np.mean(list(gains.values())):+.1f}**")
            weights = [found[f"weight {key[-1]}"] for found in by_study.values()] if base == "stack CD" else []
            lines.append(_line([name, words, *cells, f"{np.mean(weights):.2f}" if weights else ""]))
    return lines


def _value(by_study: Mapping[str, Mapping[str, float]], study: str, key: str) -> str:
    return f"{by_study[study][key]:.3f}" if study in by_study else ""


def _head(cells: list[str]) -> list[str]:
    return [_line(cells), _line(["---"] * len(cells))]


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
