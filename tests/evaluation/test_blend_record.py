from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from aam.data.targets.kinds import NUMBERS, TargetSpec
from aam.data.targets.targets import Targets
from aam.evaluation.blend_record import BlendRecord, blend_facts, blend_lines, read_blend, seconds_in_words
from aam.runs.record_schema import check_record
from tests.report.blends import make_blend

ONE = Targets(specs=(TargetSpec(column="age", kind=NUMBERS),))
TWO = Targets(specs=(*ONE.specs, TargetSpec(column="mass", kind=NUMBERS)))


def written(number: int = 4) -> dict[str, Any]:
    """What stands in the record of a run, as JSON gives it back."""
    content = json.loads(json.dumps(make_blend(("age",), number=number).to_dict()))
    assert isinstance(content, dict)
    return content


@pytest.mark.parametrize("number", [1, 4])
def test_a_blend_is_read_as_it_was_written(number: int) -> None:
    assert checked(written(number)) == make_blend(("age",), number=number)


def test_it_says_who_carries_earlier_samples() -> None:
    first, *others = make_blend(("age", "mass")).members
    members = (replace(first, earlier=("age",)), *(replace(one, earlier=()) for one in others))
    blend = replace(make_blend(("age", "mass")), members=members)
    assert read_blend(json.loads(json.dumps(blend.to_dict())), ("age", "mass")) == blend
    assert [line for line in blend_lines(blend, TWO, {}) if "earlier" in line] == [
        "earlier samples are carried forward for age by 1 of 4 learners",
        "earlier samples are carried forward for mass by none of 4 learners: they did not help on held-out folds",
    ]
    assert ("earlier samples", "carried forward for age by 1 of 4 learners") in blend_facts(blend, TWO)
    content = blend.to_dict()
    content["learners"][0]["earlier"] = ["weight"]
    with pytest.raises(ValueError, match="targets are wrong"):
        read_blend(content, ("age", "mass"))


def test_a_run_without_learners_is_no_blend() -> None:
    assert read_blend({"folds": {}}, ("age",)) is None


def test_metrics_that_are_not_defined_are_not_written() -> None:
    blend = make_blend(("age",))
    blend.members[0].figures["age"]["r2"] = math.nan  # type: ignore[index]
    content = blend.to_dict()
    assert "r2" not in content["learners"][0]["figures"]["age"]
    found = read_blend(content, ("age",))
    assert found is not None
    assert math.isnan(found.members[0].figure("age", "r2"))
    assert found.members[0].figure("age", "mae") == 3.0


def checked(content: dict[str, Any]) -> BlendRecord | None:
    check_record(content)
    return read_blend(content, ("age",))


def change(path: str, value: object) -> Callable[[dict[str, Any]], None]:
    """Set what a path such as ``learners.0.name`` leads to."""

    def apply(content: Any) -> None:
        *parents, last = path.split(".")
        for name in parents:
            content = content[int(name) if name.isdigit() else name]
        content[int(last) if last.isdigit() else last] = value

    return apply


@pytest.mark.parametrize(
    "damage",
    [
        change("learners", []),
        change("learners", {}),
        change("learners.0", 3),
        change("learners.0", {"name": "forest"}),
        change("learners.0.name", "jaccard"),
        change("learners.0.label", 3),
        change("learners.0.seconds", -1.0),
        change("learners.0.seconds", math.inf),
        change("learners.0.weights", {}),
        change("learners.0.weights.age", -0.1),
        change("learners.0.weights.age", 0.5),
        change("learners.0.weights.age", math.nan),
        change("learners.0.weights.age", True),
        change("learners.0.weights.mass", 0.1),
        change("learners.0.figures", {"mass": {}}),
        change("learners.0.figures.age", []),
        change("learners.0.figures.age.mae", "3"),
        change("learners.0.figures.age.mae", math.nan),
        change("left_out", {}),
        change("left_out.0", {"name": "network"}),
        change("left_out.0.reason", 3),
        change("folds", []),
        change("folds.number", 1),
        change("folds.groups", 4),
        change("folds.groups", 42.0),
        lambda content: content.pop("folds"),
        lambda content: content["folds"].pop("groups"),
    ],
)
def test_a_damaged_blend_is_refused(damage: Callable[[dict[str, Any]], None]) -> None:
    content = written()
    damage(content)
    with pytest.raises((ValueError, KeyError)):
        checked(content)


def test_the_log_shows_an_aligned_table() -> None:
    assert blend_lines(make_blend(("age",)), ONE, {"age": {"mae": 2.125}}) == [
        "member                             mean absolute error  weight         time",
        "radial kernel ridge on DNA clades                 2.50    0.45  6.2 seconds",
        "kernel ridge on Jaccard distances                 2.25    0.25  7.2 seconds",
        "extra trees on DNA clades                         2.75    0.20  5.2 seconds",
        "random forest on ASVs                                3    0.10  4.2 seconds",
        "blend of 4 learners                               2.12           23 seconds",
        "left out: unifrac-phylogeny (no tree was given)",
    ]


def test_each_target_has_a_table_in_the_log() -> None:
    lines = blend_lines(make_blend(("age", "mass")), TWO, {"age": {"mae": 2.1}})
    starts = [place for place, line in enumerate(lines) if line.startswith("members for ")]
    assert [lines[place].split("  ")[0] for place in starts] == ["members for age", "members for mass"]
    assert lines[starts[0] + 1].startswith("radial kernel ridge on DNA clades")
    assert lines[starts[1] + 1].startswith("kernel ridge on Jaccard distances")
    assert lines[starts[1] + 5].split()[4] == "\u2013"
    assert sum("left out" in line for line in lines) == 1


def test_facts_name_members_with_weights() -> None:
    facts = blend_facts(make_blend(("age",)), ONE)
    assert facts[0] == ("blend", "4 learners, weighted by 5 folds")
    assert facts[1] == (
        "  clades-radial",
        "radial kernel ridge on DNA clades (weight 0.45, mean absolute error 2.50)",
    )
    assert facts[-1] == ("left out", "unifrac-phylogeny (no tree was given)")
    of_two = dict(blend_facts(make_blend(("age", "mass")), TWO))
    assert "age: weight 0.25, mean absolute error 2.25; mass: weight 0.45" in of_two["  jaccard"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "under 0.1 seconds"), (9.94, "9.9 seconds"), (9.96, "10 seconds"), (600, "10 minutes")],
)
def test_short_times_have_a_decimal(seconds: float, words: str) -> None:
    assert seconds_in_words(seconds) == words
