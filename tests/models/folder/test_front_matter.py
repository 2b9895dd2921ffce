"""The YAML above a model card: what hubs read, what an author states, and what no card may hold."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from aam.errors import InputError
from aam.models.folder.front_matter import (
    Figure,
    Statement,
    figures_entry,
    figures_in,
    joined_card,
    licence_in,
    read_card,
    split_card,
    stated_in,
    with_statement,
)

BODY = "# AAM model\n\nPredicts `age`.\n\n## Limits\n\n- some\n"
MAE = Figure(target="age", metric="mae", value=3.5, low=3.0, high=4.0, part="test")
R2 = Figure(target="age", metric="r2", value=0.5, low=None, high=None, part="test")
OTHER = Figure(target="bmi", metric="mae", value=1.0, low=0.5, high=2.0, part="out_of_fold")


def test_a_card_comes_back() -> None:
    facts = {
        "library_name": "aam",
        "aam": {"samples": 60},
        "model-index": figures_entry("m", "t", "d", [MAE, R2, OTHER]),
    }
    found, body = split_card(joined_card(facts, BODY), Path("README.md"))
    assert (found, body) == (facts, BODY)
    assert list(figures_in(found)) == [MAE, R2, OTHER]


def test_hubs_find_what_they_need() -> None:
    (model,) = figures_entry("AAM model of age", "tabular-regression", "table.biom", [MAE])
    (result,) = model["results"]
    assert {"task", "dataset", "metrics"} <= result.keys()
    assert {"name", "type"} <= result["dataset"].keys()
    assert result["metrics"][0] == {"type": "mae", "value": 3.5, "args": {"low": 3.0, "high": 4.0, "level": 0.95}}


@pytest.mark.parametrize(
    ("licence", "facts"),
    [
        ("CC-BY-4.0", {"license": "cc-by-4.0"}),
        ("mit", {"license": "mit"}),
        ("The Lab's own", {"license": "other", "license_name": "The Lab's own"}),
    ],
)
def test_licences_as_hubs_spell_them(licence: str, facts: dict[str, str]) -> None:
    found, body = with_statement({"tags": ["a"]}, BODY, Statement(licence=licence))
    assert found == {**facts, "tags": ["a"]}
    assert licence_in(found) == next(reversed(facts.values()))
    assert stated_in(body) == Statement(licence=licence)
    assert "Without a licence" not in body


def test_what_is_stated_stays_until_it_is_stated_anew() -> None:
    facts, body = with_statement({}, BODY, Statement())
    assert stated_in(body) == Statement()
    assert "Without a licence nobody else may use" in body
    facts, body = with_statement(facts, body, Statement(region="V4", licence="MIT"))
    facts, body = with_statement(facts, body + "\n## More\n\ntext\n", Statement(region="V3-V4"))
    assert stated_in(body) == Statement(region="V3-V4", licence="MIT")
    assert body.count("## Stated by the author") == 1
    assert body.startswith(BODY)
    assert "## More\n\ntext" in body
    assert facts == {"license": "mit"}


@pytest.mark.parametrize(
    "above",
    [
        "a: &x [1]\nb: [*x, *x]",
        "!!python/object/apply:os.system [ls]",
        "a: !!set {}",
        "- a list",
        "a: " + "[" * 50 + "]" * 50,
        "a: 1\na: 2",
        "a: 2026-99-99",
    ],
)
def test_facts_that_no_card_may_hold(above: str, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(f"---\n{above}\n---\n{BODY}")
    with pytest.raises(InputError, match="README"):
        read_card(tmp_path)


def test_cards_that_cannot_be_read(tmp_path: Path) -> None:
    assert read_card(tmp_path) == ({}, "")
    card = tmp_path / "README.md"
    card.write_text("---\na: 1\n")
    with pytest.raises(InputError, match="has no end"):
        read_card(tmp_path)
    card.write_bytes(b"x" * ((1 << 20) + 1))
    with pytest.raises(InputError, match="has more than"):
        read_card(tmp_path)


@pytest.mark.parametrize(
    "index",
    ["text", 3, None, [1], [{"results": 2}], [{"results": [{"metrics": [{"value": "high"}]}]}],
     [{"results": [{"metrics": [{"value": True}, {"value": float("nan")}, {"value": 10**400}]}]}]],
)  # fmt: skip
def test_figures_of_others_are_passed_over(index: object) -> None:
    assert list(figures_in({"model-index": index})) == []


def test_yaml_of_the_facts_is_plain() -> None:
    text = joined_card({"a": "no", "b": "ä: #", "c": [1.5]}, BODY)
    assert yaml.safe_load(text.split("---\n")[1]) == {"a": "no", "b": "ä: #", "c": [1.5]}
