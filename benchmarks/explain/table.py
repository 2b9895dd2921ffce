"""The page of results and their record."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import t as student

from aam.explanation.model import MODEL
from aam.files.atomic import write_text
from aam.text import plural
from benchmarks.explain.calibration import EFFECT, MEAN_MODEL, OTHER_MODEL, SAME_MODEL, SAMPLES, Covered, Signs
from benchmarks.explain.infants import SHOWN
from benchmarks.explain.networks import EPOCHS, RANDOM, TRAINED, OfNetwork
from benchmarks.explain.nulls import SHUFFLED, TRUE, Called
from benchmarks.explain.rankings import CORRELATION, IMPURITY, PERMUTED
from benchmarks.explain.recovery import Score
from benchmarks.explain.studies import EXPLAINED, INFORMATIVE, NUM_ASVS, TARGET

LEVELS = {"asv": "ASVs", "clade": "Clades"}
SHOWN_LEARNERS = ("model", "forest", "trees-dna", "clr-linear")
SHOWN_READINGS = ("in samples that have it", "with its relatives")
CONFIDENCE, ENOUGH = 0.95, 3
"""Level of the intervals, and the fewest studies that one is made of."""
FIRST_INFANTS = 200
"""ASVs that the record keeps."""


def write(folder: Path, found: Mapping[str, Any], about: Mapping[str, str]) -> None:
    """Write ``explain.md`` and ``explain.json`` of the parts that are there."""
    scores, called, of_networks = (found.get(part, []) for part in ("recovery", "nulls", "networks"))
    covered, signs = found.get("calibration", ([], []))
    infants = found.get("infants", [])
    record = {
        "conditions": about,
        "recovery": [_plain(asdict(one)) for one in scores],
        "coverage": [asdict(one) for one in covered],
        "signs": [asdict(one) for one in signs],
        "called": [asdict(one) for one in called],
        "networks": [_plain(asdict(one)) for one in of_networks],
        "infants": infants[: 1 + FIRST_INFANTS],
    }
    write_text(folder / "explain.json", rows_as_lines(record))
    lines = ["# What explanations find", ""]
    lines += ["`python -m benchmarks.explain --data DATA`; what is measured is in its `--help`.", ""]
    lines.append(", ".join(f"{name} {value}" for name, value in about.items()))
    lines += recovery_lines(scores) if scores else ()
    lines += [*coverage_lines(covered), *sign_lines(signs)] if covered else ()
    lines += call_lines(called) if called else ()
    lines += network_lines(of_networks) if of_networks else ()
    lines += infant_lines(infants) if infants else ()
    write_text(folder / "explain.md", "\n".join(lines) + "\n")


def rows_as_lines(record: Mapping[str, Any]) -> str:
    """A record as JSON: a line for each row of its lists, without what the row does not have, numbers short."""
    parts = []
    for name, value in record.items():
        rows = value if isinstance(value, list) else [value]
        lines = ",\n".join(json.dumps(_short(row), allow_nan=False) for row in rows)
        parts.append(f"{json.dumps(name)}: " + (f"[\n{lines}\n]" if isinstance(value, list) else lines))
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _short(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: round(value, 5) if isinstance(value, float) else value for name, value in row.items() if value is not None
    }


def network_lines(found: Sequence[OfNetwork]) -> Iterator[str]:
    """What methods find in networks."""
    yield from ("", "## Networks", "")
    yield f"Studies: {len({one.seed for one in found})}, as above; a network is trained for {EPOCHS} epochs (R2 on the"
    yield f"samples that are explained: {_average(found, TRAINED, 'r2')}). AUROC of the rankings of groups, precision"
    yield "at k in brackets; the same network with random weights; and by how much sums of attributions miss what they"
    yield "must sum to, at most, as a share of the standard deviation of the predictions."
    for level, words in LEVELS.items():
        yield from ("", f"### {words}", "")
        yield _row("method", "trained", "random weights", "not complete by")
        yield _rule(4)
        mine = [one for one in found if one.level == level]
        for method in dict.fromkeys(one.method for one in mine):
            some = [one for one in mine if one.method == method]
            missing = [one.incomplete for one in some if one.incomplete is not None]
            apart = f"{max(missing):.0e}" if missing else ""
            cells = [_both(some, weights) for weights in (TRAINED, RANDOM)]
            yield _row(method, *([_both(some, ""), ""] if not any(cells) else cells), apart)


def _both(some: Sequence[OfNetwork], weights: str) -> str:
    if not any(one.weights == weights for one in some):
        return ""
    return f"{_average(some, weights, 'auroc')} ({_average(some, weights, 'precision')})"


def _average(some: Sequence[OfNetwork], weights: str, field: str) -> str:
    return f"{np.mean([getattr(one, field) for one in some if one.weights == weights]):.2f}"


def recovery_lines(scores: Sequence[Score]) -> Iterator[str]:
    """Tables of the rankings: precision, AUROC, and what is called."""
    designs = sorted({(one.samples, one.effect) for one in scores})
    seeds = len({one.seed for one in scores})
    yield from ("", "## Recovery", "")
    yield f"Simulated studies of each design: at most {seeds}; {NUM_ASVS} ASVs, {INFORMATIVE:.0%} of them informative,"
    yield f"in whole clades; {EXPLAINED} samples of other subjects are explained. Mean over studies, with its 95 %"
    yield f"interval where there are {ENOUGH} or more."
    yield "R2 of the blend on them: " + "; ".join(
        f"{_design(design)} {_mean(scores, design, TARGET, 'model', 'precision', 2)}" for design in designs
    )
    for level, words in LEVELS.items():
        for measure, title in (("auroc", "AUROC of the ranking"), ("precision", "precision at k")):
            yield from ("", f"### {words}: {title}", "")
            yield _row("ranking", *(_design(design) for design in designs))
            yield _rule(len(designs) + 1)
            for name in _rankings(scores, level):
                yield _row(name, *(_mean(scores, design, level, name, measure, 2) for design in designs))
        yield from (
            "",
            f"### {words}: called important, of these not informative, informative ones found",
            "",
        )
        yield _row("rule", *(_design(design) for design in designs))
        yield _rule(len(designs) + 1)
        for name in _rankings(scores, level):
            cells = [_calls(scores, design, level, name) for design in designs]
            if any(cells):
                yield _row(name, *cells)


def _rankings(scores: Sequence[Score], level: str) -> list[str]:
    """Rankings that are shown: those beside the explanations, then methods by learner."""
    names = list(dict.fromkeys(one.ranking for one in scores if one.level == level))
    rivals = [name for name in (CORRELATION, IMPURITY, PERMUTED) if name in names]
    return rivals + [name for name in names if name not in rivals and _is_shown(name)]


def _is_shown(name: str) -> bool:
    """Whether a method's ranking is shown: all of the model, and of some learners those that are worth it."""
    _, learner, *reading = name.split(": ")
    return learner == MODEL or (learner in SHOWN_LEARNERS and (not reading or reading[0] in SHOWN_READINGS))


def _calls(scores: Sequence[Score], design: tuple[int, float], level: str, name: str) -> str:
    some = [one for one in _chosen(scores, design, level, name) if one.called is not None]
    if not some:
        return ""
    called, false, power = (np.mean([getattr(one, field) for one in some]) for field in ("called", "false", "power"))
    return f"{called:.0f}, {false:.0%}, {power:.0%}"


def _chosen(scores: Sequence[Score], design: tuple[int, float], level: str, name: str) -> list[Score]:
    return [one for one in scores if ((one.samples, one.effect), one.level, one.ranking) == (design, level, name)]


def _mean(scores: Sequence[Score], design: tuple[int, float], level: str, name: str, measure: str, digits: int) -> str:
    values = np.array([getattr(one, measure) for one in _chosen(scores, design, level, name)], dtype=np.float64)
    if not len(values):
        return ""
    if len(values) < ENOUGH:
        return f"{values.mean():.{digits}f}"
    half = student.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():.{digits}f} ± {half:.{digits}f}"


def coverage_lines(covered: Sequence[Covered]) -> Iterator[str]:
    """Share of intervals that hold a value."""
    seeds = len({one.seed for one in covered})
    yield from ("", "## Calibration of the intervals", "")
    yield f"Studies: {seeds}; {SAMPLES} training samples, effect {EFFECT:g}, removal. Share of the"
    yield "95 % intervals of the mean"
    yield f"effect on {EXPLAINED} samples that hold the effect of the same model on ten times as"
    yield "many, the effects of models"
    yield "fitted on other samples, and the mean of these (number of intervals)."
    for level, words in LEVELS.items():
        yield from ("", f"### {words}", "")
        kinds = (SAME_MODEL, OTHER_MODEL, MEAN_MODEL)
        yield _row("learner", "interval of", "samples that have it", *kinds)
        yield _rule(len(kinds) + 3)
        for learner in SHOWN_LEARNERS:
            for models, carriers in dict.fromkeys((one.models, one.carriers) for one in covered):
                mine = [
                    one
                    for one in covered
                    if (one.level, one.learner, one.models, one.carriers) == (level, learner, models, carriers)
                ]
                shares = (_share([one for one in mine if one.of == of], "held", "intervals") for of in kinds)
                yield _row(learner, "1 model" if models == 1 else f"{models} folds", carriers, *shares)


def sign_lines(signs: Sequence[Signs]) -> Iterator[str]:
    """Share of effects with the sign of the truth."""
    yield from ("", "### Signs", "")
    yield "Informative groups whose optimum is not in the middle of the gradient: share of effects"
    yield "with the sign of their"
    yield "side (number of effects)."
    yield ""
    yield _row("level", "learner", "clear effects", "all effects")
    yield _rule(4)
    for level, words in LEVELS.items():
        for learner in SHOWN_LEARNERS:
            mine = [one for one in signs if (one.level, one.learner) == (level, learner)]
            yield _row(words, learner, _share(mine, "right", "clear"), _share(mine, "all_right", "effects"))


def call_lines(called: Sequence[Called]) -> Iterator[str]:
    """What is called with true and with shuffled targets."""
    seeds = len({one.seed for one in called})
    yield from ("", "## Nulls", "")
    yield f"Studies: {seeds}; {SAMPLES} training samples, effect {EFFECT:g}. Where targets are"
    yield "shuffled (subjects exchange"
    yield "theirs), whatever is called is called wrongly. Mean number of groups that are called,"
    yield "of all; with the true targets"
    yield "also the share of these without an informative ASV, and of the informative groups that are found."
    for level, words in LEVELS.items():
        yield from ("", f"### {words}", "")
        yield _row("method: learner", "models", "word", "shuffled targets", "true targets", "not informative", "found")
        yield _rule(7)
        keys = dict.fromkeys((one.method, one.learner, one.folds, one.word) for one in called)
        shown = [key for key in keys if key[1] in SHOWN_LEARNERS]
        for method, learner, folds, word in sorted(shown, key=_order):
            mine = [
                one
                for one in called
                if (one.level, one.method, one.learner, one.folds, one.word) == (level, method, learner, folds, word)
            ]
            null, true = ([one for one in mine if one.targets == targets] for targets in (SHUFFLED, TRUE))
            yield _row(
                f"{method}: {learner}",
                "1" if folds == 1 else f"{folds} folds",
                word,
                _number(null),
                _number(true),
                _share(true, "false", "called", counted=False),
                _share(true, "found", "informative", counted=False),
            )


def _order(key: tuple[str, str, int, str]) -> tuple[Any, ...]:
    method, learner, folds, word = key
    return method != "removal", SHOWN_LEARNERS.index(learner), folds, word


def _number(some: Sequence[Called]) -> str:
    if not some:
        return ""
    return f"{np.mean([one.called for one in some]):.1f} of {np.mean([one.groups for one in some]):.0f}"


def _share(some: Sequence[Any], part: str, whole: str, *, counted: bool = True) -> str:
    total = sum(getattr(one, whole) for one in some)
    if not total:
        return ""
    share = f"{sum(getattr(one, part) for one in some) / total:.0%}"
    return f"{share} ({total:,})" if counted else share


def infant_lines(infants: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The most important ASVs of the infants, with names."""
    about, *found = infants
    yield from ("", "## `infant_ecam`", "")
    yield f"Month of life of {about['samples']} samples of children, five folds of whole children, removal, the blend,"
    r2 = "" if about["r2"] is None else f"(held-out R2 {about['r2']:.2f}), "
    yield f"{r2}{plural(about['groups'], 'ASV')} that at least 2 % of the samples have."
    stable = sum(one["stable"] for one in found)
    yield f"{stable} of the {len(found)} largest are stable. Names: [names.tsv](../explain/names.tsv), by the first 100"
    yield "bases. Effects in months, in the samples that have the ASV."
    for key, title in (("rank", "over all samples"), ("rank_in_carriers", "in the samples that have the ASV")):
        yield from ("", f"### The {SHOWN} largest by the mean size of the effect {title}", "")
        yield _row(
            "",
            "name",
            "effect (95 %)",
            "stable",
            "samples that have it",
            "reads",
            "Spearman with age",
            "bases 41 to 75",
        )
        yield _rule(8)
        for one in sorted(found, key=lambda one, key=key: one[key])[:SHOWN]:
            yield _row(
                str(one[key]),
                one["name"],
                f"{one['effect']:+.2f} ({one['low']:+.2f} to {one['high']:+.2f})",
                "yes" if one["stable"] else "no",
                f"{one['prevalence']:.0%}",
                f"{one['share']:.1%}",
                f"{one['correlation']:+.2f}",
                f"`{one['asv'][40:75]}`",
            )


def _design(design: tuple[int, float]) -> str:
    return f"{design[0]:,} samples, effect {design[1]:g}"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def _rule(columns: int) -> str:
    return "|" + "---|" * columns


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """NaN as None, which JSON knows."""
    return {key: None if isinstance(value, float) and np.isnan(value) else value for key, value in row.items()}
