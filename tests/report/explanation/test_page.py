from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

from aam.report.explanation.data import ExplanationView, distinct
from aam.report.explanation.page import explanation_page
from aam.report.html import render
from tests.report.explanations import make_class_view, make_effects, make_groups, make_view
from tests.report.pages import Page, check_self_contained
from tests.report.test_narrow_screens import BROWSER, LEAST_PIXELS, WIDTHS, look

NASTY = "<script>alert(1)</script>\u202e|g__&amp;"


def write(view: ExplanationView, folder: Path) -> Page:
    path = folder / "report.html"
    path.write_text(render(explanation_page(view)), encoding="utf-8")
    return Page(path)


def position_effects() -> tuple[np.ndarray, tuple[str, ...]]:
    values = np.sin(np.arange(60) / 5)[:, None]
    return values, tuple(str(place + 1) for place in range(60))


def full_view() -> ExplanationView:
    """With a second learner, positions of the sequences, covariates, and names that are long and odd."""
    view = make_view()
    values, names = position_effects()
    more = [
        dataclasses.replace(view.effects[1], learner="forest"),
        make_effects(values, "position", names=names, outputs=("age",), method="gradients"),
        make_effects(np.array([[1.0], [-0.5]]), "covariate", names=("diet", "sex"), outputs=("age",)),
    ]
    labels = ("Candidatus Saccharimonas of a very long and winding name", NASTY, "Blautia")
    genera = dataclasses.replace(view.effects[0], labels=labels)
    groups = {**view.groups, "genus": dataclasses.replace(view.groups["genus"], labels=labels)}
    return dataclasses.replace(view, effects=[genera, *view.effects[1:], *more], groups=groups, command="aam explain x")


def test_a_page_has_all_that_was_found(tmp_path: Path) -> None:
    page = write(full_view(), tmp_path)
    check_self_contained(page)
    titles = ["Genera", "ASVs", "Clades", "Tree", "Positions", "Covariates"]
    assert all(f"\n  <h2>{title}</h2>" in page.source for title in titles)
    assert "Shares and age" in page.words
    assert "Importance is no cause" in page.words
    assert "Removal" in page.words


def test_names_are_escaped(tmp_path: Path) -> None:
    assert "<script>" not in write(full_view(), tmp_path).source


@pytest.mark.parametrize("classes", [("Cesarean", "Vaginal"), ("a", "b", "c", "d", "e")])
def test_a_page_of_classes(classes: tuple[str, ...], tmp_path: Path) -> None:
    page = write(make_class_view(classes), tmp_path)
    check_self_contained(page)
    if len(classes) == 2:
        assert "Faecalibacterium speaks for 'Vaginal'; Bifidobacterium speaks for 'Cesarean'." in page.words
    else:
        assert "Bifidobacterium speaks for 'a'; Faecalibacterium speaks against 'a'." in page.words
        assert "a: Genera" in page.words


@pytest.mark.parametrize("kind", [{"is_increase": True}, {"is_signed": False}])
def test_what_is_no_change_says_no_direction(kind: dict[str, bool], tmp_path: Path) -> None:
    view = make_view()
    others = [dataclasses.replace(one, method="other", **kind) for one in view.effects]
    page = write(dataclasses.replace(view, effects=others), tmp_path)
    assert "Genera" in page.words
    assert not any(f"{word} with age" in page.words for word in ("rises", "falls", "rise", "fall"))
    assert "raises" not in page.source.replace("what is measured raises", "")
    beside = write(dataclasses.replace(view, effects=[*others, *view.effects]), tmp_path)
    assert "Bifidobacterium falls" in beside.words


def test_errors_are_shown_beside_classes(tmp_path: Path) -> None:
    view = make_class_view()
    names = ("diet", "sex")
    more = make_effects(np.array([[1.0], [-0.5]]), "covariate", names=names, outputs=("delivery",), is_increase=True)
    page = write(dataclasses.replace(view, effects=[*view.effects, more]), tmp_path)
    assert page.words.count("Effects of covariates on delivery") == 1


def test_nothing_found_is_a_page_too(tmp_path: Path) -> None:
    page = write(dataclasses.replace(make_view(), effects=[]), tmp_path)
    assert "How to read this" in page.words


def test_nested_groups_are_shown_once() -> None:
    groups = make_groups()["clade"]
    members = np.array([[1, 1, 0, 0], [1, 1, 1, 0]])
    nested = dataclasses.replace(groups, members=type(groups.members)(members))
    effects = make_effects(np.array([[1.0], [2.0]]), "clade", names=nested.names)
    assert distinct(effects, nested, 0, 5) == [1]
    assert distinct(effects, groups, 0, 5) == [1, 0]
    assert distinct(effects, None, 0, 1) == [1]


def test_large_clades_are_passed_over() -> None:
    groups = make_groups()["clade"]
    members = np.zeros((2, 40), dtype=np.int64)
    members[0, :20], members[1, 30:33] = 1, 1
    large = dataclasses.replace(groups, members=type(groups.members)(members))
    effects = make_effects(np.array([[5.0], [1.0]]), "clade", names=large.names)
    assert distinct(effects, large, 0, 5) == [1]


@pytest.mark.skipif(BROWSER is None, reason="needs Chromium")
def test_the_page_is_readable_at_both_widths(tmp_path: Path) -> None:
    write(full_view(), tmp_path)
    for width, found in zip(WIDTHS, look(tmp_path / "report.html", WIDTHS), strict=True):
        assert found["drawn"] > 50
        assert width - 20 <= found["widths"][0] == found["widths"][1] <= width
        assert found["cut"] == []
        assert found["beyond"] == []
        assert found["least"] >= LEAST_PIXELS
    shutil.rmtree(tmp_path / "profile", ignore_errors=True)
