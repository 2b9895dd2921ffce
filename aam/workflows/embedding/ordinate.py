"""Ordinations of samples by the learned distance and by another one, and tests of both.

Legend: ``N`` samples of the ordination.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from aam.evaluation.false_discovery import corrected
from aam.files.columns import Columns
from aam.log import say
from aam.ordination.agreement import mantel, procrustes
from aam.ordination.association import Association, permanova, permanova_of_numbers, permdisp
from aam.ordination.ordinations import Ordination, principal_components, principal_coordinates
from aam.ordination.permutations import Permutations
from aam.progress import Bar
from aam.text import plural, shorten
from aam.workflows.embedding.distances import FEWEST, title_of

if TYPE_CHECKING:
    from aam.report.embedding import Colour
    from aam.report.figures.ordinations import Layout

LEARNED = "learned"
COMPARED_AXES = 3
"""Axes of the Procrustes analysis."""


@dataclass(frozen=True, eq=False)
class Ordinated:
    """Ordinations and tests.

    Attributes
    ----------
    rows
        Rows of the samples among all.
    ordinations
        Name of each distance -> its ordination of these samples.
    permanova, agreement
        Tests of the columns, and of how far the distances agree.
    """

    rows: np.ndarray
    ordinations: Mapping[str, Ordination]
    permanova: Columns
    agreement: Columns


@dataclass(frozen=True, kw_only=True)
class Testing:
    """How tests are made: columns, groups, permutations, seed and whether a progress bar is shown."""

    colours: Sequence[Colour]
    groups: np.ndarray | None
    permutations: int
    axes: int
    seed: int
    progress: bool


def ordinate(
    vectors_ND: np.ndarray, rows: np.ndarray, distances_NN: np.ndarray, metric: str, testing: Testing
) -> Ordinated:
    """Ordinate some samples by the Euclidean distance of their vectors and by another one, and test both.

    Parameters
    ----------
    vectors_ND
        Vectors of the samples.
    rows
        Rows of the samples among all those that the columns are of.
    distances_NN
        Their other distances.
    metric
        Its name.
    testing
        Columns to test, and how.
    """
    learned_NN = euclidean(vectors_ND)
    ordinations = {
        metric: principal_coordinates(distances_NN, testing.axes, testing.seed),
        LEARNED: principal_components(vectors_ND, testing.axes),
    }
    both = {metric: distances_NN, LEARNED: learned_NN}
    tested = [colour for colour in testing.colours if _can_be_tested(colour, rows)]
    with Bar("tests", "tests", 2 * len(tested) + 3, wanted=testing.progress) as bar:
        found = [row for colour in tested for row in _tests(colour, rows, both, testing, bar)]
        agreement = _agreement(distances_NN, learned_NN, ordinations, testing, bar)
    return Ordinated(rows, ordinations, _corrected(found), agreement)


def layouts_of(ordinations: Mapping[str, Ordination], umap: np.ndarray | None) -> list[Layout]:
    """What the report draws: the ordinations, and UMAP's layout where there is one."""
    from aam.report.figures.ordinations import Layout

    found = []
    for name, one in ordinations.items():
        title = "Learned distance" if name == LEARNED else f"{title_of(name)[0].upper()}{title_of(name)[1:]}"
        found.append(Layout(name, title, one.coordinates_NK, one.shares_K))
    return found if umap is None else [*found, Layout("umap", "Learned distance, UMAP", umap, np.empty(0))]


def euclidean(vectors_ND: np.ndarray) -> np.ndarray:
    """Euclidean distances of vectors, ``N x N``."""
    from scipy.spatial.distance import pdist, squareform

    return np.asarray(squareform(pdist(np.asarray(vectors_ND, dtype=np.float64))))


def _can_be_tested(colour: Colour, rows: np.ndarray) -> bool:
    """Whether the samples differ in a column, and not all of them; says so where not."""
    values = colour.values[rows][colour.is_known[rows]]
    number = len(np.unique(values)) if len(values) else 0
    most = len(values) if colour.is_number else len(values) - 1
    if 2 <= number <= most and len(values) > FEWEST:
        return True
    say(
        f"'{shorten(colour.column)}' is not tested: it has {plural(number, 'value')} in {plural(len(values), 'sample')}"
    )
    return False


def _tests(
    colour: Colour, rows: np.ndarray, both: Mapping[str, np.ndarray], testing: Testing, bar: Bar
) -> Iterator[dict[str, Any]]:
    """The tests of one column, a row for each distance."""
    known = np.flatnonzero(colour.is_known[rows])
    values = colour.values[rows][known]
    codes = values.astype(np.float64) if colour.is_number else np.unique(values, return_inverse=True)[1]
    groups = None if testing.groups is None else testing.groups[rows][known]
    permutations = Permutations.of(codes, groups, testing.permutations, testing.seed)
    for name, distances_NN in both.items():
        own = distances_NN[np.ix_(known, known)]
        scatter = Association(statistic=np.nan, share=np.nan, p=np.nan)
        if colour.is_number:
            place = permanova_of_numbers(own, codes, permutations)
        else:
            place, scatter = permanova(own, codes, permutations), permdisp(own, codes, permutations)
        bar.advance()
        yield {
            "column": colour.column,
            "distance": name,
            "samples": len(known),
            "levels": 0 if colour.is_number else int(codes.max()) + 1,
            "permuted": permutations.how,
            "pseudo_f": place.statistic,
            "r2": place.share,
            "p": place.p,
            "permdisp_f": scatter.statistic,
            "permdisp_p": scatter.p,
        }


def _corrected(rows: Sequence[dict[str, Any]]) -> Columns:
    """The tests as a table, with their p corrected for their number."""
    names = ["column", "distance", "samples", "levels", "permuted", "pseudo_f", "r2", "p", "permdisp_f", "permdisp_p"]
    columns = {name: np.array([row[name] for row in rows]) for name in names}
    q = corrected(columns["p"].astype(np.float64))
    place = names.index("p") + 1
    return Columns({name: columns[name] for name in names[:place]} | {"q": q} | {n: columns[n] for n in names[place:]})


def _agreement(
    distances_NN: np.ndarray,
    learned_NN: np.ndarray,
    ordinations: Mapping[str, Ordination],
    testing: Testing,
    bar: Bar,
) -> Columns:
    """How far the learned distance agrees with the other one."""
    found = {}
    for method in ("pearson", "spearman"):
        found[f"mantel_{method}"] = mantel(distances_NN, learned_NN, method, testing.permutations, testing.seed)
        bar.advance()
    first, second = (ordination.coordinates_NK for ordination in ordinations.values())
    axes = min(COMPARED_AXES, first.shape[1], second.shape[1])
    found["procrustes"] = procrustes(first[:, :axes], second[:, :axes], testing.permutations, testing.seed)
    bar.advance()
    return Columns(
        {
            "method": np.array(list(found), dtype=object),
            "samples": np.full(len(found), len(learned_NN)),
            "correlation": np.array([one.correlation for one in found.values()]),
            "p": np.array([one.p for one in found.values()]),
        }
    )
