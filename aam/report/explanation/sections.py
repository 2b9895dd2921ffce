"""Sections of the page of an explanation: figures and tables of groups, samples, methods and other things."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial

import numpy as np

from aam.evaluation.catalogue import NONE, Interval, number, percent
from aam.explanation.effects import Effects
from aam.explanation.groups import ASV, CLADE
from aam.explanation.model import MODEL
from aam.explanation.results.need import is_needed, need_of
from aam.report.explanation.data import (
    LARGEST_SHOWN,
    ExplanationView,
    code_of,
    distinct,
    level_words,
    members_of,
    outputs_shown,
    target_of,
)
from aam.report.explanation.findings import Finding, findings, value_of_output
from aam.report.figures.explain.abundance import abundance_by_value
from aam.report.figures.explain.agreement import agreement_matrix
from aam.report.figures.explain.effects import ranked_effects, sample_effects
from aam.report.figures.explain.parts import Series, sign_words
from aam.report.figures.explain.positions import position_track
from aam.report.figures.explain.samples import sample_heat_maps
from aam.report.figures.explain.tree import Branches, Tip, branches, effect_tree
from aam.report.figures.hover import ranked_hover, swarm_hover
from aam.report.html import Cell, Picture, Section, Table
from aam.report.style import shorten_middle

MOST_RANKED, MOST_SHARES, MOST_MAPPED, MOST_SWARMS, MOST_TIPS, MOST_CLADES, MOST_SERIES = 15, 6, 15, 10, 30, 5, 8
LONGEST_ID = 40
ARROWS = {1: "\u2191", -1: "\u2193", 0: NONE}


def found_of(
    explanation: ExplanationView, effects: Effects, output: int, column: str, most: int = MOST_RANKED
) -> list[Finding]:
    """What is known of the most important groups of a level for an output of a target."""
    groups = explanation.groups[effects.level]
    need = need_of(explanation.effects, effects.level, column)
    places = distinct(effects, groups, output, most, {name for name, one in need.items() if is_needed(one)})
    names = [effects.names[place] for place in places]
    spec = next(spec for spec in explanation.specs if spec.column == column)
    table = explanation.predictions[column]
    by_output = explanation.by_output(effects) or len(explanation.specs) == 1
    code = code_of(explanation, output, column) if by_output else max(0, len(spec.classes) - 1)
    values, _ = value_of_output(table, spec, code)
    size_of = dict(zip(groups.names, groups.size_G.tolist(), strict=True))
    shares = explanation.shares(effects.level, names)
    found = findings(effects, output, places, shares, values, table.groups, [size_of[name] for name in names])
    return [dataclasses.replace(one, need=need.get(one.name), knows_need=bool(need)) for one in found]


def effects_section(
    explanation: ExplanationView, effects: Effects, found: Sequence[Finding], output: int, title: str
) -> Section:
    """The most important groups of a level: ranked, and as a table."""
    names = [one.name for one in found]
    stable = frozenset(one.name for one in found if one.is_stable)
    things = level_words(effects.level)
    by_size = "by the mean size of their effect in the samples that have them"
    ranking = f": those first that the model needs, then {by_size}" if any(one.need for one in found) else f" {by_size}"
    caption = (
        f"The {len(names)} most important {things}{ranking}. Dots are mean "
        "effects in the n samples that have them, bars their 95 % intervals; a grey dot is an effect whose interval "
        "holds 0."
    )
    if stable:
        caption += " A diamond marks effects that are stable over models."
    series = Series(title=title, effects=effects, output=output)
    draw, hover = partial(ranked_effects, [series], names, stable), partial(ranked_hover, series, names)
    alt = f"Effects of {things} with intervals"
    picture = Picture(f"effects-{effects.level}", draw, alt, caption, hover=hover)
    return Section(
        f"effects-{effects.level}-{output}",
        f"{things[0].upper()}{things[1:]}",
        [_overlap_words(effects)] if effects.level == CLADE else [],
        pictures=[picture],
        tables=[_table(explanation, effects, found, output)],
    )


def _overlap_words(effects: Effects) -> str:
    return (
        f"Clades are nested. Of {len(effects):,} those are shown that have at most {percent(LARGEST_SHOWN)} of the "
        "ASVs and share fewer than half of theirs with a more important one."
    )


def _table(explanation: ExplanationView, effects: Effects, found: Sequence[Finding], output: int) -> Table:
    share_NG = explanation.shares(effects.level, [one.name for one in found])
    header = ["group", "effect", "samples", "mean share", "trend"]
    knows_stable = any(one.is_stable is not None for one in found)
    knows_need = any(one.need is not None for one in found)
    header += ["stable"] if knows_stable else []
    header += ["needed"] if knows_need else []
    rows = []
    for column, one in enumerate(found):
        share_N = share_NG[:, column]
        mean = float(share_N[share_N > 0].mean()) if (share_N > 0).any() else np.nan
        cells = [
            Cell(one.label, "" if one.name == one.label else shorten_middle(one.name, LONGEST_ID)),
            Cell(signed(one.effect.value), _ends(one.effect)),
            Cell(f"{one.support:,}", percent(one.support / max(1, explanation.num_samples))),
            Cell(_share(mean)),
            Cell(f"{ARROWS[one.slope]} {signed(one.trend.value)}", _ends(one.trend)),
        ]
        cells += [Cell("yes" if one.is_stable else "no")] if knows_stable else []
        rows.append([*cells, *([_need_cell(one)] if knows_need else [])])
    caption = f"Effects on {effects.outputs[output]} ({effects.unit_of(output)})"
    return Table(header, rows, caption, frozenset(range(1, len(header))))


def _need_cell(found: Finding) -> Cell:
    if found.need is None:
        return Cell(NONE, "not measured")
    return Cell("yes" if found.is_needed else "no", f"error {signed(found.need.value)}")


def _share(value: float) -> str:
    return NONE if not np.isfinite(value) else f"{100 * value:.2g} %" if value < 0.1 else percent(value)


def signed(value: float) -> str:
    """A number with its sign."""
    text = number(value)
    return f"+{text}" if np.isfinite(value) and value > 0 else text


def _ends(found: Interval) -> str:
    return "" if not np.isfinite(found.low) else f"95 % CI {signed(found.low)} to {signed(found.high)}"


def abundance_section(
    explanation: ExplanationView, effects: Effects, found: Sequence[Finding], output: int, column: str
) -> Section | None:
    """Shares of the most important groups against the target."""
    spec = next(spec for spec in explanation.specs if spec.column == column)
    table = explanation.predictions[column]
    known = table.kind.is_present(table.observed)
    _, is_truth = value_of_output(table, spec, code_of(explanation, output, column))
    shown = found[:MOST_SHARES]
    if not shown:
        return None
    share_NG = explanation.shares(effects.level, [one.name for one in shown])
    values = (table.observed if is_truth else table.predicted)[known | (not is_truth)]
    values = values.astype(object) if spec.classes else values.astype(np.float64)
    share_NG = share_NG[known | (not is_truth)]
    title = column if is_truth else f"predicted {column}"
    shares = {one.label: share_NG[:, place] for place, one in enumerate(shown)}
    middle = "lines are medians" if spec.classes else "lines are running medians"
    caption = f"Share of the reads of each sample on a logarithmic scale, against {title}; {middle}."
    draw = partial(abundance_by_value, shares, values, title)
    picture = Picture("shares", draw, f"Shares of the most important groups against {title}", caption)
    return Section(f"shares-{output}", f"Shares and {title}", pictures=[picture])


def samples_section(
    explanation: ExplanationView, effects: Effects, found: Sequence[Finding], output: int, column: str
) -> Section | None:
    """Samples by groups, and effects in single samples; None where effects are errors: of one sample chance."""
    if effects.is_increase or not found:
        return None
    table = explanation.predictions[column]
    spec = next(spec for spec in explanation.specs if spec.column == column)
    order, title = table.predicted, f"predicted {column}"
    if spec.classes:
        assert table.probabilities is not None
        code = code_of(explanation, output, column)
        order, title = table.probabilities[:, code], f"probability of {explanation.targets.output_names[output]}"
    place_of = {name: place for place, name in enumerate(effects.names)}
    shown = found[:MOST_MAPPED]
    names = [one.name for one in shown]
    share_NG = explanation.shares(effects.level, names)
    effect_NG = effects.by_sample_NGO[:, [place_of[name] for name in names], output]
    order = np.asarray(order, dtype=np.float64)
    draw = partial(sample_heat_maps, [one.label for one in shown], share_NG, effect_NG, order, title)
    pictures = [
        Picture(
            "heat-map",
            draw,
            "Heat maps of samples by groups",
            f"Samples from left to right by {title} (the line on top). Left: share of reads, brighter is more, on a "
            f"logarithmic scale from 0.01 %. Right: effect, {_colour_words(effects)}.",
        )
    ]
    few = names[:MOST_SWARMS]
    draw_swarm = partial(sample_effects, effects, output, few, share_NG[:, : len(few)])
    hover = partial(swarm_hover, effects, output, few, share_NG[:, : len(few)], table.sample_ids)
    caption = "Each dot is a sample that has the group; its place is the effect there, its colour the share of reads."
    pictures.append(Picture("effects-by-sample", draw_swarm, "Effects in single samples", caption, hover=hover))
    return Section(f"samples-{output}", "Sample by sample", pictures=pictures)


def _colour_words(effects: Effects) -> str:
    above, below = sign_words(effects)
    return f"orange {above}, blue {below}"


def tree_section(explanation: ExplanationView, output: int, title: str) -> Section | None:
    """The tree of the most important ASVs, with the most important clades in colours."""
    asvs = next((one for one in explanation.told if one.level == ASV), None)
    clades = next((one for one in explanation.told if one.level == CLADE), None)
    tree = explanation.clades
    if asvs is None or tree is None or len(asvs) < 3:
        return None
    order = np.argsort(-np.nan_to_num(asvs.importance_GO[:, output]), kind="stable")[:MOST_TIPS].tolist()
    column_of = {str(name): place for place, name in enumerate(explanation.asv_ids)}
    node_of = {place: int(tree.node_of_asv[column_of[asvs.names[place]]]) for place in order}
    node_of = {place: node for place, node in node_of.items() if node >= 0}
    # ASVs of one node are one tip; the most important of them stands there
    first = {node: place for place, node in reversed(node_of.items())}
    if len(first) < 3 or not _are_tips(tree.parent, list(first)):
        return None
    coloured = _coloured(explanation, clades, output, [column_of[asvs.names[place]] for place in first.values()])
    tips = [
        Tip(
            label=asvs.labels[place],
            value=float(asvs.effect_GO[place, output]),
            low=float(asvs.low_GO[place, output]),
            high=float(asvs.high_GO[place, output]),
            clades=frozenset(label for label, inside in coloured.items() if column_of[asvs.names[place]] in inside),
        )
        for place in first.values()
    ]
    drawn: Branches = branches(tree.parent, tree.length, list(first))
    draw = partial(effect_tree, drawn, tips, list(coloured), asvs.unit_of(output))
    caption = (
        f"The tree of the {len(tips)} most important ASVs, with their mean effects on {title}: {_colour_words(asvs)}, "
        "grey is unclear. Branches in a colour are those of the clades in the legend."
    )
    picture = Picture("tree", draw, "Tree of the most important ASVs with their effects", caption)
    return Section(f"tree-{output}", "Tree", pictures=[picture])


def _are_tips(parent: np.ndarray, nodes: Sequence[int]) -> bool:
    return not np.isin(nodes, parent).any()


def _coloured(
    explanation: ExplanationView, clades: Effects | None, output: int, shown: Sequence[int]
) -> dict[str, frozenset[int]]:
    """Labels of the most important clades that have shown ASVs -> their ASVs."""
    if clades is None:
        return {}
    groups = explanation.groups[CLADE]
    members = members_of(groups)
    places = distinct(clades, groups, output, 4 * MOST_CLADES)
    found = {clades.labels[place]: members[clades.names[place]] for place in places}
    several = {label: asvs for label, asvs in found.items() if len(asvs & frozenset(shown)) > 1}
    return dict(list(several.items())[:MOST_CLADES])


def agreement_section(explanation: ExplanationView, level: str, output: int, title: str) -> Section | None:
    """Methods and learners side by side, and how alike they rank."""
    series = _series(explanation, [one for one in explanation.effects if one.level == level], output)
    if len(series) < 2:
        return None
    series = sorted(series, key=lambda one: one.effects.learner != MODEL)[:MOST_SERIES]
    main = series[0].effects
    names = [
        main.names[place] for place in distinct(main, explanation.groups.get(level), series[0].output, MOST_RANKED)
    ]
    things = level_words(level)
    pictures = [
        Picture(
            "side-by-side",
            partial(ranked_effects, series[:4], names),
            f"Effects of {things} by method and learner",
            f"The same {things} by {'several methods and learners' if len(series) > 1 else 'one method'}; each panel "
            "has its own axis, since effects of methods that measure errors are no changes of predictions.",
        ),
        Picture(
            "agreement",
            partial(agreement_matrix, series),
            "Rank correlations of methods and learners",
            f"Spearman correlations of the importance of {things}: 1 where two rank all alike, 0 where they have "
            "nothing in common.",
        ),
    ]
    return Section(f"agreement-{output}", "Methods and learners side by side", [], pictures=pictures)


def _series(explanation: ExplanationView, effects: Sequence[Effects], output: int) -> list[Series]:
    """What is shown of effects beside an output; those on something else (an error, attention) beside the first one."""
    shown = [place for place, _, _ in outputs_shown(explanation)]
    target = target_of(explanation, output)
    is_first_of_target = output == next(place for place in shown if target_of(explanation, place) == target)
    found = []
    for one in effects:
        if explanation.by_output(one):
            place, is_here = output, True
        elif len(one.outputs) == len(explanation.specs):
            place, is_here = target, is_first_of_target
        else:
            place, is_here = 0, output == shown[0]
        if is_here:
            found.append(Series(title=_series_title(explanation, one), effects=one, output=place))
    return found


def _series_title(explanation: ExplanationView, effects: Effects) -> str:
    title = explanation.methods.get(effects.method, (effects.method, ""))[0]
    several = len({one.method for one in explanation.effects}) > 1
    learner = "whole model" if effects.learner == MODEL else effects.learner
    return f"{title}, {learner}" if several else learner


def other_sections(explanation: ExplanationView, output: int) -> list[Section]:
    """Positions of the sequences, and whatever else is no group of ASVs: covariates, parts of the input."""
    sections = []
    others = [one for one in explanation.effects if one.level not in explanation.groups and len(one)]
    for level in dict.fromkeys(one.level for one in others):
        series = _series(explanation, [one for one in others if one.level == level], output)[:4]
        if not series:
            continue
        main, place = series[0].effects, series[0].output
        things, title = level_words(level), main.outputs[place]
        if level == "position":
            caption = f"Grey: mean size of the effect of each position on {title}; bars: its mean with a sign."
            picture = Picture("positions", partial(position_track, series), "Effects of positions", caption)
        else:
            names = [main.names[one] for one in distinct(main, None, place, MOST_RANKED)]
            caption = f"Effects of {things} on {title} with their 95 % intervals."
            picture = Picture(level, partial(ranked_effects, series, names), f"Effects of {things}", caption)
        heading = f"{things[0].upper()}{things[1:]}"
        sections.append(Section(f"{level}-{output}", heading, pictures=[picture]))
    return sections


def outputs_of(explanation: ExplanationView, effects: Effects) -> list[tuple[int, str, str]]:
    """The outputs that are shown and that these effects have: place, title and column of the target."""
    if len(explanation.specs) > 1 and not explanation.by_output(effects):
        columns = explanation.targets.columns
        own = [(place, name, name) for place, name in enumerate(effects.outputs) if name in columns]
        # shares of attention are of no target: beside them stand the values of the first
        return own or [(0, effects.outputs[0], columns[0])]
    shown = outputs_shown(explanation)
    return [(place, title, spec.column) for place, title, spec in shown if place < len(effects.outputs)]
