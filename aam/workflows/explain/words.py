"""What an explanation found, in a few plain sentences."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from aam.explanation.effects import Effects
from aam.explanation.groups import ASV, CLADE, RANKS
from aam.explanation.results.explanation import Explanation

MOST = 5
LEAST_CORRELATION = 0.2
SPOKEN = ("genus", "family", "species", "order", "class", "phylum", ASV, CLADE)
"""Levels in the order in which sentences prefer them."""
assert set(SPOKEN) <= {ASV, CLADE, *RANKS}


def top_lines(explanation: Explanation, most: int = MOST) -> list[str]:
    """The most important things of the preferred level, clear ones first, for each output, in words.

    Parameters
    ----------
    explanation
        What was found.
    most
        How many things.
    """
    found = next((one for level in SPOKEN if (one := explanation.find("removal", level)) is not None), None)
    if found is None:
        return []
    # of two classes the second says what the first does
    outputs = [1] if len(explanation.specs[0].classes) == 2 else range(len(found.outputs))
    return [line for output in outputs for line in _of_output(explanation, found, output, most)]


def _of_output(explanation: Explanation, found: Effects, output: int, most: int) -> Iterator[str]:
    name = found.outputs[output]
    said = f"the probability of {name}" if explanation.specs[0].classes else name
    yield f"{said} rests most on (mean change that it makes in the samples that have it):"
    rho = _correlations(explanation, found.level, output)
    stable = found.is_stable_GO
    order = np.lexsort([-found.importance_GO[:, output], ~found.is_clear_GO[:, output]])
    for place in [g for g in order if found.support_G[g] > 0][:most]:
        change, low, high = (float(one[place, output]) for one in (found.effect_GO, found.low_GO, found.high_GO))
        ends = "" if np.isnan(low) else f" [{low:+.3g} to {high:+.3g}]"
        notes = [_trend(rho[place], said)]
        if stable is not None:
            notes.append("in all or most models" if stable[place, output] else "not stable over the models")
        elif not found.is_clear_GO[place, output]:
            notes.append("could be chance")
        yield f"  {found.labels[place]}: {change:+.3g}{ends}; {'; '.join(filter(None, notes))}".rstrip("; ")


def _trend(rho: float, said: str) -> str:
    """Whether a group's share goes up or down with what is predicted."""
    if np.isnan(rho) or abs(rho) < LEAST_CORRELATION:
        return ""
    return f"its share {'rises' if rho > 0 else 'falls'} with {said} (rho {rho:+.2f})"


def _correlations(explanation: Explanation, level: str, output: int) -> np.ndarray:
    """Correlation of the shares of a level's groups with the truth where it is known, else with the prediction."""
    found = next(one for one in explanation.associations if one.level == level)
    known = found.correlation_GO if found.truth_correlation_GO is None else found.truth_correlation_GO
    return np.asarray(known[:, output])
