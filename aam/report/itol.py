"""Files for iTOL, the Interactive Tree of Life: a tree, and what its annotation templates say of tips and clades.

Whoever drags ``tree.nwk`` into iTOL, and then the other files onto the tree, sees effects as bars, taxa and signs as
strips, and the most important clades in colours.

References
----------
Letunic, Bork (2024), Interactive Tree of Life (iTOL) v6, Nucleic Acids Research 52, doi:10.1093/nar/gkae268. Templates:
https://itol.embl.de/help.cgi
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from aam.explanation.effects import Effects
from aam.explanation.groups import ASV, CLADE
from aam.explanation.model import MODEL
from aam.files.atomic import write_text
from aam.learners.clades import Clades
from aam.phylogeny.newick_text import newick_text
from aam.report.figures.explain.parts import LOWERS, RAISES, UNCLEAR
from aam.report.style import class_colours
from aam.text import CONTROL

TREE = "tree.nwk"
MOST_CLADES = 30
ODD = re.compile(r"[^A-Za-z0-9._-]+")
"""What ids of iTOL had better not have: it separates by tabs and ``|``, and Newick by brackets, commas and colons."""
SIGNS = {"raises": RAISES, "lowers": LOWERS, "unclear": UNCLEAR}
INCREASES = {"worse without": RAISES, "unclear": UNCLEAR}
"""Of methods that measure errors, which have no direction."""
Rows = Sequence[Sequence[str]]


def itol_files(
    clades: Clades,
    asv_ids: Sequence[str],
    effects: Sequence[Effects],
    labels: Sequence[str] = (),
    taxa: Sequence[str] = (),
) -> dict[str, str]:
    """Name of each file -> its text: the tree, and annotations with the same names of tips.

    Parameters
    ----------
    clades
        The tree, and the node of each ASV (-1 where it is not in the tree). Nodes are called ``clade-17`` as in tables.
    asv_ids
        Ids of the ASVs, each once.
    effects
        Those of ASVs and clades on the whole model are written, a file for each method and output.
    labels
        How each ASV is shown; its id where left out.
    taxa
        The taxon that colours each ASV; empty where it is not known.
    """
    tips = safe_names(asv_ids, reserved=[f"{CLADE}-{node}" for node in range(len(clades.parent))])
    inside = np.flatnonzero(clades.node_of_asv >= 0).tolist()
    tip_of = {str(asv_ids[a]): tips[a] for a in inside}
    files = {TREE: clades_newick(clades, tips)}
    shown = labels or asv_ids
    files["itol_labels.txt"] = _labels([(tips[a], str(shown[a])) for a in inside])
    if any(taxa):
        files["itol_taxa.txt"] = _strip("taxon", [(tips[a], taxa[a]) for a in inside if taxa[a]])
    for one in effects:
        if one.learner != MODEL or one.level not in (ASV, CLADE):
            continue
        for output, name in enumerate(one.outputs):
            ending = f"{one.method}_{ODD.sub('-', name)}" if len(one.outputs) > 1 else one.method
            if one.level == ASV:
                files[f"itol_effects_{ending}.txt"] = _bars(one, output, tip_of)
                files[f"itol_signs_{ending}.txt"] = _signs(one, output, tip_of)
            else:
                files[f"itol_clades_{ending}.txt"] = _clades(one, output)
    return files


def write_itol(folder: Path, files: Mapping[str, str]) -> None:
    """Write the files into a folder that is there."""
    for name, text in files.items():
        write_text(folder / name, text)


def safe_names(ids: Sequence[str], reserved: Sequence[str] = ()) -> tuple[str, ...]:
    """The ids, each with runs of odd characters as one hyphen and, where two are alike or taken, with a number.

    Parameters
    ----------
    ids
        The ids, each once.
    reserved
        Names that are taken.
    """
    taken, found = set(reserved), []
    plain = {str(name) for name in ids if not ODD.search(str(name))}
    for name in map(str, ids):
        safe = ODD.sub("-", name) or "-"
        number, chosen = 2, safe
        while chosen in taken or (chosen in plain and chosen != name):
            chosen, number = f"{safe}.{number}", number + 1
        taken.add(chosen)
        found.append(chosen)
    return tuple(found)


def clades_newick(clades: Clades, tips: Sequence[str]) -> str:
    """The tree as Newick text: ASVs are tips, and inner nodes are called by their place.

    Several ASVs on one node are tips below it, at no distance; tips without an ASV are left out.
    """
    inside = np.flatnonzero(clades.node_of_asv >= 0)
    number = len(clades.parent)
    is_kept = np.zeros(number, dtype=bool)
    is_kept[clades.node_of_asv[inside]] = True
    for node, up in enumerate(clades.parent.tolist()):
        if up >= 0 and is_kept[node]:
            is_kept[up] = True
    is_kept[-1] = True
    # ASVs come first, then the nodes that stay
    nodes = np.flatnonzero(is_kept)
    place = np.full(number, -1)
    place[nodes] = len(inside) + np.arange(len(nodes))
    above = clades.parent[nodes]
    parent = np.concatenate([place[clades.node_of_asv[inside]], np.where(above >= 0, place[above], -1)])
    length = None
    if clades.length is not None:
        length = np.concatenate([np.zeros(len(inside)), np.asarray(clades.length)[nodes]])
    names = {row: tips[a] for row, a in enumerate(inside.tolist())}
    names |= {int(place[node]): f"{CLADE}-{node}" for node in nodes.tolist()}
    return newick_text(*_without_single_asvs(parent, length, names, len(inside)))


def _without_single_asvs(
    parent: np.ndarray, length: np.ndarray | None, names: Mapping[int, str], num_asvs: int
) -> tuple[np.ndarray, np.ndarray | None, dict[int, str]]:
    """An ASV that is alone below its node takes the node's place."""
    children = np.bincount(parent[parent >= 0], minlength=len(parent))
    new_names, is_dropped = dict(names), np.zeros(len(parent), dtype=bool)
    for asv in range(num_asvs):
        node = int(parent[asv])
        if children[node] == 1 and parent[node] >= 0:
            new_names[node] = names[asv]
            is_dropped[asv] = True
    kept = np.flatnonzero(~is_dropped)
    number_of = np.cumsum(~is_dropped) - 1
    above = parent[kept]
    renamed = {int(number_of[node]): new_names[node] for node in kept.tolist() if node in new_names}
    return np.where(above >= 0, number_of[above], -1), None if length is None else length[kept], renamed


def _bars(effects: Effects, output: int, tip_of: Mapping[str, str]) -> str:
    rows = [
        (tip_of[name], repr(float(value)))
        for name, value in zip(effects.names, effects.effect_GO[:, output], strict=True)
        if name in tip_of and np.isfinite(value)
    ]
    label = f"effect on {effects.outputs[output]} ({effects.method})"
    return _dataset("DATASET_SIMPLEBAR", {"DATASET_LABEL": [label], "COLOR": [RAISES]}, rows)


def _signs(effects: Effects, output: int, tip_of: Mapping[str, str]) -> str:
    rows = [(tip_of[name], _sign(effects, place, output)) for place, name in enumerate(effects.names) if name in tip_of]
    return _strip(f"sign of the effect on {effects.outputs[output]}", rows, INCREASES if effects.is_increase else SIGNS)


def _sign(effects: Effects, place: int, output: int) -> str:
    low, high = effects.low_GO[place, output], effects.high_GO[place, output]
    if effects.is_increase:
        return "worse without" if low > 0 else "unclear"
    return "raises" if low > 0 else "lowers" if high < 0 else "unclear"


def _clades(effects: Effects, output: int) -> str:
    """The most important clades with a clear effect, by its sign."""
    order = np.argsort(-np.nan_to_num(effects.importance_GO[:, output]), kind="stable").tolist()
    signs = [(place, _sign(effects, place, output)) for place in order]
    clear = [(place, sign) for place, sign in signs if sign != "unclear"][:MOST_CLADES]
    rows = [(effects.names[place], "clade", {**SIGNS, **INCREASES}[sign], "normal", "2") for place, sign in clear]
    return _dataset("TREE_COLORS", {}, rows)


def _strip(title: str, rows: Sequence[tuple[str, str]], colours: Mapping[str, str] | None = None) -> str:
    kinds = sorted({kind for _, kind in rows}) if colours is None else list(colours)
    colour_of = colours or class_colours(kinds)
    head = {
        "DATASET_LABEL": [title],
        "COLOR": [UNCLEAR],
        "LEGEND_TITLE": [title],
        "LEGEND_SHAPES": ["1"] * len(kinds),
        "LEGEND_COLORS": [colour_of[kind] for kind in kinds],
        "LEGEND_LABELS": kinds,
    }
    return _dataset("DATASET_COLORSTRIP", head, [(tip, colour_of[kind], kind) for tip, kind in rows])


def _labels(rows: Rows) -> str:
    return _dataset("LABELS", {}, rows)


def _dataset(kind: str, settings: Mapping[str, Sequence[str]], rows: Rows) -> str:
    """A file by the rules of the templates: its kind, the separator, settings, and rows after the word ``DATA``."""
    lines = [kind, "SEPARATOR TAB", *("\t".join([name, *map(_cell, values)]) for name, values in settings.items())]
    lines += ["DATA", *("\t".join(map(_cell, row)) for row in rows)]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """A cell on one line, without tabs; a leading hash, which begins a comment, is marked."""
    flat = CONTROL.sub(" ", text)
    return f"'{flat}" if flat.startswith("#") and not re.fullmatch(r"#[0-9a-f]{6}", flat) else flat
