"""What an explanation says, in sentences: how well the model predicts, what goes up and down, and how sure that is.

Nothing is claimed where the interval of an effect holds 0.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from aam.data.targets.kinds import Predictions, TargetSpec
from aam.evaluation.catalogue import Interval, metric, percent, value_of
from aam.evaluation.metrics import evaluate, score
from aam.explanation.groups import CLADE
from aam.explanation.results.explanation import Seen
from aam.explanation.results.need import is_needed
from aam.report.explanation.data import level_words
from aam.report.explanation.findings import LEAST_SAMPLES, Finding
from aam.text import plural

MOST_NAMED = 3
CLADE_LABEL = re.compile(r"(.+) \d+ \(\d+ ASVs?\)")
NO_NAMES = (
    "No taxonomy was given, so clades have no names: --taxonomy names them (a QIIME 2 taxonomy of these ASVs, as from "
    "qiime feature-classifier)."
)
NO_CAUSE = (
    "Importance is no cause: a group may stand for others that come and go with it, for diet or for the protocol, and "
    "changing it need not change the target."
)

NO_BETTER = (
    "That is not clearly better than a guess: effects show what the model does, and hardly what goes along with the "
    "target."
)


def joined(words: Sequence[str]) -> str:
    """A list in words: ``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def name_of(finding: Finding) -> str:
    """A group as a noun: its taxon, or of a clade the number of its ASVs, with the taxon that most of them share."""
    label = CLADE_LABEL.fullmatch(finding.label)
    if label is None or not finding.name.startswith(f"{CLADE}-"):
        return finding.label
    taxon = "" if label[1] == CLADE else f"{label[1]} "
    return f"a clade of {plural(finding.size, f'{taxon}ASV')} ({finding.name})"


def unseen_words(seen: Seen, group_column: str | None) -> str:
    """How the samples stand to those of training, to follow a number of them; empty where that is not known."""
    if seen == "new groups" and group_column:
        return f" whose {group_column} it has never seen"
    return {
        "new groups": " of groups that it has never seen",
        "new samples": " that it has never seen",
        "training": " that it was trained on, so that this is no measure of how well it predicts new ones",
        "unknown": "",
    }[seen]


def accuracy_words(table: Predictions, spec: TargetSpec, seen: Seen, group_column: str | None) -> str:
    """How well a target is predicted, or that it cannot be told.

    Parameters
    ----------
    table
        Predictions of the explained samples.
    spec
        The target.
    seen
        What the model knows of them.
    group_column
        The metadata column of their groups.
    """
    known = table.known()
    if not len(known):
        return f"Explains {plural(len(table), 'prediction')} of {spec.column}, whose truth is not known."
    main = table.kind.main_metric
    value = value_of(main, score(known)[main])
    samples = f"{plural(len(known), 'sample')}{unseen_words(seen, group_column)}"
    if spec.kind.is_ordered or spec.kind.is_count:
        return f"Predicts {spec.column} with a {metric(main).in_text} of {value} (chance: 0) in {samples}."
    if spec.classes:
        chance = percent(1 / len(spec.classes))
        return f"Predicts {spec.column} with a balanced accuracy of {value} (chance: {chance}) in {samples}."
    return f"Predicts {spec.column} to within {value} on average in {samples}."


def is_no_better_than_a_guess(table: Predictions, spec: TargetSpec) -> bool:
    """Whether the interval of the main result holds that of a guess; False where too few truths are known."""
    known = table.known()
    if len(known) < LEAST_SAMPLES:
        return False
    name, guess = ("balanced_accuracy", 1 / len(spec.classes)) if spec.classes else ("r2", 0.0)
    if spec.kind.is_ordered or spec.kind.is_count:
        name, guess = spec.kind.main_metric, 0.0
    return bool(evaluate(known)[name].low <= guess)


def trend_words(found: Sequence[Finding], target: str) -> list[str]:
    """Which groups rise and fall with a number, as the model reads them.

    Parameters
    ----------
    found
        The most important first.
    target
        What shares were compared with: the column, or ``the predicted`` column.
    """
    clear = [one for one in found if one.push and one.is_told]
    rising = [one for one in clear if one.push > 0 and one.slope > 0]
    falling = [one for one in clear if one.push < 0 and one.slope < 0]
    other = [one for one in clear if one not in rising and one not in falling]
    parts = [_verb(falling, "falls", "fall", target if not rising else "")]
    parts.append(_verb(rising, "rises", "rise", target))
    lines = [_sentence("; ".join(part for part in parts if part))] if rising or falling else []
    for sign, slope in ((1, 0), (1, -1), (-1, 0), (-1, 1)):
        lines += _against(target, sign, [one for one in other if (one.push, one.slope) == (sign, slope)][:MOST_NAMED])
    return lines


def _against(target: str, sign: int, found: Sequence[Finding]) -> list[str]:
    """What is said of groups that move predictions otherwise than their shares go with the target."""
    if not found:
        return []
    several = len(found) > 1
    verb = f"{'raise' if sign > 0 else 'lower'}{'' if several else 's'}"
    shares = "their shares" if several else "its share"
    if found[0].slope:
        way = f"{'rise' if found[0].slope > 0 else 'fall'}{'' if several else 's'} with {target}"
    else:
        way = f"show{'' if several else 's'} no such trend"
    return [_sentence(f"{joined([name_of(one) for one in found])} {verb} the prediction, though {shares} {way}")]


def _verb(found: Sequence[Finding], one: str, several: str, target: str) -> str:
    if not found:
        return ""
    names = joined([name_of(each) for each in found[:MOST_NAMED]])
    return f"{names} {one if len(found) == 1 else several}{f' with {target}' if target else ''}"


def error_words(found: Sequence[Finding], target: str) -> list[str]:
    """Which groups predictions get worse without, where nothing says which way they move them.

    Parameters
    ----------
    found
        The most important first.
    target
        What is predicted.
    """
    some = [one for one in found if one.effect.low > 0][:MOST_NAMED]
    return [f"{target} is predicted worse without {joined([name_of(one) for one in some])}."] if some else []


def class_words(found: Sequence[Finding], name: str, other: str = "") -> list[str]:
    """Which groups speak for and against a class.

    Parameters
    ----------
    found
        The most important first, of the probability of the class.
    name
        The class.
    other
        The only other class, for which speaks what speaks against this one; empty where there are several.
    """
    lines = []
    for sign, words in ((1, f"for '{name}'"), (-1, f"for '{other}'" if other else f"against '{name}'")):
        some = [one for one in found if one.push == sign and one.is_told][:MOST_NAMED]
        if some:
            verb = "speaks" if len(some) == 1 else "speak"
            lines.append(f"{joined([name_of(one) for one in some])} {verb} {words}")
    return [_sentence("; ".join(lines))] if lines else []


def certainty_words(clear_G: np.ndarray, stable_G: np.ndarray | None, level: str) -> str:
    """How many things have an effect that the choice of samples does not explain, and how many are stable.

    Parameters
    ----------
    clear_G
        Whether the interval of each leaves out 0, for any output.
    stable_G
        Whether each is stable over models; None for a single model.
    level
        What they are.
    """
    number, clear = len(clear_G), int(clear_G.sum())
    things = f"{number:,} {level_words(level, number)}"
    if not clear:
        return f"None of {things} has an effect that is clearly not 0."
    said = f"{clear:,} of {things} {'has' if clear == 1 else 'have'} an effect that is clearly not 0"
    if stable_G is not None:
        stable = int(stable_G.sum())
        said += f", {stable:,} of them with one sign over the models"
    return f"{said}: this is what is used, and most of it tells little of the target."


def need_words(need: Mapping[str, Interval], level: str) -> str:
    """How many of the groups whose exchange was measured the model needs."""
    number = sum(map(is_needed, need.values()))
    things = f"{len(need):,} {level_words(level, len(need))}"
    said = f"The model needs {number:,} of {things}" if number else f"The model needs none of {things} by itself"
    return f"{said}: the error grows where {'its' if number == 1 else 'their'} reads are those of other samples."


def naming_words(level: str, *, has_taxonomy: bool) -> list[str]:
    """What to say where groups have no names."""
    return [] if has_taxonomy or level not in (CLADE, "asv") else [NO_NAMES]


def _sentence(text: str) -> str:
    """With a capital first letter, unless it is part of an id."""
    first = text.split(" ", 1)[0]
    start = text[0].upper() + text[1:] if first.isalpha() and first.islower() else text
    return f"{start}."
