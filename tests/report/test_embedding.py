"""The page of an embedding says what was found, and only that."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from aam.files.columns import Columns
from aam.report.embedding import Colour, Findings, embedding_page, summary
from aam.report.figures.ordinations import Layout, layouts_figure
from aam.report.html import render
from aam.report.style import stacked

NUMBER = 30
RNG = np.random.default_rng(0)
AGE = Colour("age", np.where(np.arange(NUMBER) % 7, np.arange(NUMBER) * 1.0, np.nan), True)
SITE = Colour("site <b>", np.array([f"s{row % 11}" if row % 5 else "" for row in range(NUMBER)], dtype=object))


def text(*cells: str) -> np.ndarray:
    return np.array(cells, dtype=object)


def layout(name: str, axes: int = 3) -> Layout:
    return Layout(name, name.title(), RNG.normal(size=(NUMBER, axes)), np.array([0.5, 0.25, 0.01][:axes]))


def findings(**changes: Any) -> Findings:
    tests = {
        "column": text("age", "age", "site <b>", "site <b>"),
        "distance": text("unifrac", "learned", "unifrac", "learned"),
        "samples": np.array([26, 26, 24, 24]),
        "levels": np.array([0, 0, 11, 11]),
        "permuted": text(*["whole groups"] * 2, *["freely"] * 2),
        "pseudo_f": np.array([3.2, 6.1, 1.0, 1.1]),
        "r2": np.array([0.05, 0.21, 0.02, 0.03]),
        "p": np.array([0.01, 0.001, 0.4, 0.3]),
        "q": np.array([0.02, 0.004, 0.4, 0.4]),
        "permdisp_f": np.array([np.nan, np.nan, 1.0, 1.0]),
        "permdisp_p": np.array([np.nan, np.nan, 0.6, 0.7]),
    }
    agreement = {
        "method": text("mantel_pearson", "mantel_spearman", "procrustes"),
        "samples": np.full(3, NUMBER),
        "correlation": np.array([0.5, 0.6, 0.9]),
        "p": np.full(3, 0.001),
    }
    nearest = {
        "sample-id": text("a", "b"),
        "farther_than": np.array([0.5, 0.99]),
        "neighbour_1": text("t1", "t2"),
        "distance_1": np.array([0.1, 2.0]),
        "age_1": text("3", "4"),
    }
    given: dict[str, Any] = {
        "title": "t.biom",
        "words": ["A sample's vector is a toy."],
        "num_samples": 100,
        "metric": "UniFrac",
        "rows": np.arange(NUMBER),
        "layouts": [layout("unifrac"), layout("learned")],
        "colours": [AGE, SITE],
        "permanova": Columns(tests),
        "agreement": Columns(agreement),
        "nearest": Columns(nearest),
        "num_trained": 20,
        "notes": ["Something is noted."],
    }
    return Findings(**{**given, **changes})


def test_the_summary_is_in_words():
    said = list(summary(findings()))
    assert said[0].startswith("The learned distance between samples agrees in part with UniFrac")
    assert said[0].endswith("(Mantel, Spearman: 0.60; Procrustes: 0.90).")
    seen = "no test: the model was trained on it"
    assert said[1].startswith(f"age explains 21 % of the squared learned distances ({seen}), and 5.0 % of those of")
    new = summary(findings(num_trained=0))
    assert any("age explains 21 % of the squared learned distances (q = 0.004)" in line for line in new)
    assert said[3].startswith("1 sample of 2 (50 %) is farther from")


def test_the_page_has_every_part():
    page = embedding_page(findings())
    assert [section.anchor for section in page.sections] == [
        "ordination",
        "permanova",
        "fidelity",
        "nearest",
        "vectors",
    ]
    written = render(page)
    assert "A random 30 of 100 samples are shown." in written
    assert "site &lt;b&gt;" in written
    assert "site <b>" not in written
    assert "20 of these 30 samples" in written
    assert "Something is noted." in page.verdicts
    farthest = page.sections[3].tables[0].rows[0]
    assert [cell.text for cell in farthest] == ["b", "t2", "2", "99 %"]
    assert farthest[1].small == "age: 4"


def test_new_samples_are_no_circle():
    text_of = {part.anchor: " ".join(part.text) for part in embedding_page(findings(num_trained=0)).sections}
    assert "is no test" not in text_of["permanova"]
    text_of = {part.anchor: " ".join(part.text) for part in embedding_page(findings(num_trained=None)).sections}
    assert "training samples: of those" in text_of["permanova"]


def test_vectors_alone_make_a_page():
    found = findings(layouts=[], permanova=None, agreement=None, nearest=None, rows=np.arange(0), colours=[])
    page = embedding_page(found)
    assert page.headline == "Vectors of 100 samples were written."
    assert [section.anchor for section in page.sections] == ["vectors"]


def test_without_columns_dots_have_one_colour():
    page = embedding_page(findings(colours=[], permanova=None))
    assert [picture.name for picture in page.sections[0].pictures] == ["ordination"]
    assert page.sections[0].pictures[0].svgs


@pytest.mark.parametrize("colour", [AGE, SITE], ids=["number", "levels"])
def test_panels_are_coloured_alike(colour):
    panels = [layout("unifrac"), layout("learned", axes=1)]
    figure = layouts_figure(panels, colour.values, colour.column)
    dots = [axes.collections[0] for axes in figure.axes[:2]]
    np.testing.assert_array_equal(dots[0].get_facecolors(), dots[1].get_facecolors())
    assert figure.axes[0].get_xlabel() == "first axis (50 %)"
    assert figure.axes[1].get_ylabel() == "second axis"
    with stacked():
        assert layouts_figure(panels, colour.values, colour.column).get_figwidth() < figure.get_figwidth()


def test_nothing_known_of_a_number_is_grey():
    figure = layouts_figure([layout("unifrac")], np.full(NUMBER, np.nan), "age")
    assert len(np.unique(figure.axes[0].collections[0].get_facecolors(), axis=0)) == 1
    assert replace(AGE, values=np.full(NUMBER, np.nan)).is_known.sum() == 0
