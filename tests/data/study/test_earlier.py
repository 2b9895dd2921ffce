"""Earlier samples of a subject: who has which, what is refused, and that nothing else changes them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from aam.config.earlier import EarlierOptions
from aam.data.readers.metadata import Metadata
from aam.data.study.earlier import (
    EarlierSpec,
    clock_notes,
    describe_earlier,
    fit_earlier,
    links,
    with_earlier,
)
from aam.data.study.study import Study
from aam.errors import ConfigError, InputError
from tests.data.study_files import make_study, random_counts

SPEC = EarlierSpec(number=3, subject_column="who", time_column="day", typical=1.0)


def sheet_of(rows: list[tuple[str, str, str]]) -> Metadata:
    ids, who, day = (np.array(cells, dtype=object) for cells in zip(*rows, strict=True))
    return Metadata("m.tsv", ids, {"who": who, "day": day}, ())


def earlier_ids(spec: EarlierSpec, sheet: Metadata) -> dict[str, list[tuple[str, float]]]:
    row_NK, gap_NK = links(spec, sheet)
    return {
        str(name): [(str(sheet.sample_ids[row]), float(gap)) for row, gap in zip(rows, gaps, strict=True) if row >= 0]
        for name, rows, gaps in zip(sheet.sample_ids, row_NK, gap_NK, strict=True)
    }


def by_hand(rows: list[tuple[str, str, str]], number: int) -> dict[str, list[tuple[str, float]]]:
    """The definition, pair by pair."""
    found = {}
    for name, who, day in rows:
        pairs = [
            (float(day) - float(d), n)
            for n, w, d in rows
            if w == who and w and d and day and float(d) < float(day or 0)
        ]
        found[name] = [(n, gap) for gap, n in sorted(pairs)[:number]]
    return found


@pytest.mark.parametrize("number", [1, 3])
def test_earlier_samples_by_their_definition(number: int) -> None:
    rng = np.random.default_rng(number)
    rows = [
        (f"s{i:02}", str(rng.choice(["a", "b", ""])), str(rng.choice(["1", "2", "4.5", "7", ""]))) for i in range(40)
    ]
    assert earlier_ids(replace(SPEC, number=number), sheet_of(rows)) == by_hand(rows, number)


def test_the_order_of_the_table_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    rows = [(f"s{i:02}", str(i % 3), str(rng.integers(5))) for i in range(30)]
    shuffled = [rows[place] for place in rng.permutation(len(rows))]
    assert earlier_ids(SPEC, sheet_of(rows)) == earlier_ids(SPEC, sheet_of(shuffled))


def test_of_two_samples_at_one_time_neither_is_earlier() -> None:
    found = earlier_ids(SPEC, sheet_of([("x", "a", "3"), ("y", "a", "3"), ("z", "a", "4")]))
    assert found == {"x": [], "y": [], "z": [("x", 1.0), ("y", 1.0)]}


def test_samples_that_are_too_old_are_left_out() -> None:
    sheet = sheet_of([("x", "a", "0"), ("y", "a", "5"), ("z", "a", "10")])
    assert earlier_ids(replace(SPEC, within=5.0), sheet)["z"] == [("y", 5.0)]


def test_dates_are_days_whatever_their_zone() -> None:
    sheet = sheet_of(
        [("x", "a", "2026-02-27"), ("y", "a", "2026-03-01T02:00:00+02:00"), ("z", "a", "2026-03-01T12:00")]
    )
    assert earlier_ids(replace(SPEC, unit="days"), sheet)["z"] == [("y", 0.5), ("x", 2.5)]


def subjects(days: list[str] | None = None, **columns: list[str]) -> Study:
    """Twelve samples of four subjects, three times each."""
    who = [f"p{row // 3}" for row in range(12)]
    given = {"who": who, "day": days or [str(row % 3 * 2) for row in range(12)], **columns}
    return make_study(random_counts(12, 10), columns=given)


def fit(study: Study, group: str = "who", **options: Any) -> EarlierSpec:
    asked = EarlierOptions(**{"earlier_samples": 2, "time_column": "day", **options})
    return fit_earlier(asked, study, np.arange(len(study)), group)


def test_the_typical_time_is_the_unit_of_time() -> None:
    study = subjects()
    spec = fit(study)
    assert spec.typical == 2.0
    found = with_earlier(study, spec).earlier
    assert found is not None
    assert found.gap_NK[2].tolist() == [1.0, 2.0]
    assert describe_earlier(with_earlier(study, spec), spec) == (
        "earlier samples: 8 of 12 samples have one of the same 'who', the last 2 units of 'day' before (median)"
    )


def test_what_is_taken_keeps_earlier_samples_as_they_were() -> None:
    study = with_earlier(subjects(), fit(subjects()))
    some = study.take(np.array([5, 5, 2]))
    assert some.earlier is not None
    assert some.earlier.study is study.earlier.study  # type: ignore[union-attr]
    assert some.earlier.row_NK.tolist() == [[4, 3], [4, 3], [1, 0]]
    assert with_earlier(study, None).earlier is None


def test_another_model_finds_them_where_the_first_did() -> None:
    study = with_earlier(subjects(), fit(subjects())).take(np.array([5, 2]))
    other = with_earlier(study, replace(fit(subjects()), number=1, typical=4.0)).earlier
    assert other is not None
    assert (other.row_NK.tolist(), other.gap_NK.tolist()) == ([[4], [1]], [[0.5], [0.5]])


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({}, {"time_column": "hour"}, "no column 'hour'"),
        ({"days": ["3"] * 12}, {}, "no training sample .* of the same 'who' by 'day'; leave out --earlier-samples"),
        ({}, {"earlier_within": 1.0}, "by 'day' within 1; raise --earlier-within"),
        ({"days": ["2026-01-01", "soon"] * 6}, {}, r"6 cells that are no date \(first: 'soon' of sample s001\)"),
        ({"days": ["1", "soon"] * 6}, {}, "'soon'"),
        ({"plot": ["a", "b"] * 6}, {"group": "plot", "subject_column": "who"}, r"'plot' divides 4 subjects of 'who'"),
    ],
)
def test_what_cannot_be_read_is_refused(columns: dict[str, Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        fit(subjects(**columns), **options)


def test_coarser_groups_keep_subjects_whole() -> None:
    house = ["h0"] * 6 + ["h1"] * 6
    assert fit(subjects(house=house), group="house", subject_column="who").subject_column == "who"


def test_options_that_do_not_go_together() -> None:
    with pytest.raises(ConfigError, match="--time-column needs --earlier-samples"):
        EarlierOptions(time_column="day")
    with pytest.raises(ConfigError, match="--earlier-samples needs --time-column"):
        EarlierOptions(earlier_samples=1)
    with pytest.raises(ConfigError, match="--earlier-samples needs --group-column who"):
        EarlierOptions(earlier_samples=1, time_column="day", subject_column="who").check_groups(None)


def test_a_spec_comes_back_and_damage_is_refused() -> None:
    assert EarlierSpec.from_dict(SPEC.to_dict()) == SPEC
    for change in ({"number": 0}, {"number": 99}, {"typical": 0.0}, {"unit": "years"}, {"within": -1.0}, {"more": 1}):
        with pytest.raises(ValueError, match=r"range|unknown|cannot be"):
            EarlierSpec.from_dict({**SPEC.to_dict(), **change})


def test_a_target_that_runs_with_time_is_told() -> None:
    study = subjects()
    day = study.metadata.numeric("day")  # type: ignore[union-attr]
    age = day + np.repeat([100.0, 30.0, 7.0, 55.0], 3)
    noise = np.random.default_rng(0).normal(0, 1, 12)
    told = clock_notes(replace(study, targets={"age": age, "mass": noise, "day": day}), SPEC)
    assert [line[:45] for line in told] == [
        "within a subject, 'age' runs with 'day': the ",
        "the target 'day' is also the time of --time-c",
    ]
