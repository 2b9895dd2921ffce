from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom, binomtest, false_discovery_control

from aam.data.targets.kinds import CLASSES, NUMBERS, Predictions
from aam.errors import InputError
from aam.evaluation.metrics import compare, compare_repeats
from aam.evaluation.side_by_side.judge import bootstrap_p, disagreement, headline, judge, verdict
from aam.evaluation.side_by_side.notes import notes, option_differences
from aam.evaluation.side_by_side.same_samples import align
from aam.evaluation.side_by_side.sources import Fitted, Source, names_of

NUMBER = 120
IDS = np.array([f"s{i:03d}" for i in range(NUMBER)], dtype=object)
GROUPS = np.array([f"g{i // 4}" for i in range(NUMBER)], dtype=object)


def numbers(noise: float, seed: int, rows: slice = slice(None), groups: bool = True) -> Predictions:
    observed = np.linspace(0, 20, NUMBER)
    table = Predictions(
        kind=NUMBERS,
        sample_ids=IDS,
        observed=observed,
        predicted=observed + np.random.default_rng(seed).normal(0, noise, NUMBER),
        groups=GROUPS if groups else None,
    )
    return table.select(np.arange(NUMBER)[rows])


def source(name: str, *repeats: Predictions, part: str = "test", column: str = "age", **facts: object) -> Source:
    return Source(name=name, path=Path(name), part=part, targets={column: repeats}, **facts)  # type: ignore[arg-type]


def test_only_samples_that_all_predict_are_compared() -> None:
    (found,) = align([source("a", numbers(1, 0, slice(0, 60))), source("b", numbers(1, 1, slice(40, 120)))])
    assert found.sample_ids.tolist() == IDS[40:60].tolist()
    assert found.num_predicted == {"a": 60, "b": 80}
    assert found.num_units == 5


def test_differences_are_those_of_the_paired_bootstrap() -> None:
    first, second = (numbers(1, 0), numbers(1, 5)), (numbers(2, 1),)
    (standing,) = judge(align([source("a", *first), source("b", *second)]), "a")
    expected = compare_repeats(second, first)
    for name, found in standing.differences["b"].items():
        assert found.interval == expected[name]
    assert standing.differences["b"]["mae"].is_clear
    assert headline(standing) == "Predicting age of 120 samples, b is worse than a."
    assert verdict(standing, "b", 1).startswith("b is worse than a (mean absolute error ")


def test_equals_are_not_told_apart() -> None:
    (standing,) = judge(align([source("a", numbers(1, 0)), source("b", numbers(1, 0))]), "a")
    assert standing.differences["b"]["mae"].p == 1
    assert "The data do not tell b and a apart" in verdict(standing, "b", 1)


def test_p_values_are_corrected_over_sources_and_targets() -> None:
    sources = [source("a", numbers(1, 0))] + [source(f"b{i}", numbers(1 + i / 8, i)) for i in range(1, 5)]
    (standing,) = judge(align(sources), "a")
    found = [standing.differences[f"b{i}"]["mae"] for i in range(1, 5)]
    assert [one.corrected for one in found] == pytest.approx(false_discovery_control([one.p for one in found]))
    two = [
        Source(name=name, path=Path(name), part="test", targets={"age": (numbers(s, 1),), "ph": (numbers(s, 2),)})
        for name, s in (("a", 1.0), ("b", 1.1))
    ]
    both = [one.differences["b"]["mae"] for one in judge(align(two), "a")]
    assert [one.corrected for one in both] == pytest.approx(false_discovery_control([one.p for one in both]))


def test_p_is_twice_the_rarer_side() -> None:
    drawn = np.concatenate([np.full(30, -1.0), np.full(69, 1.0)])
    assert bootstrap_p(drawn, 50) == pytest.approx(2 * 31 / 100)
    assert bootstrap_p(np.full(1999, 3.0), 50) == pytest.approx(2 / 2000)
    assert np.isnan(bootstrap_p(np.full(5, np.nan), 50))


@pytest.mark.parametrize("groups", [2, 5, 8])
def test_few_groups_have_no_smaller_p_than_a_sign_test(groups: int) -> None:
    assert bootstrap_p(np.full(1999, 3.0), groups) == pytest.approx(binomtest(0, groups).pvalue)


def test_p_is_rarely_small_where_nothing_differs() -> None:
    small = 0
    for seed in range(60):
        drawn = (
            judge(align([source("a", numbers(1, 1000 + seed)), source("b", numbers(1, 2000 + seed))]), "a")[0]
            .differences["b"]["mae"]
            .p
        )
        small += drawn < 0.05
    assert small <= binom.ppf(0.999, 60, 0.05)


def test_other_truths_are_refused() -> None:
    other = numbers(1, 1)
    other.observed[7] += 1
    with pytest.raises(InputError, match=r"b: column 'age': observed values of 1 of 120 samples differ .*s007"):
        align([source("a", numbers(1, 0)), source("b", other)])


@pytest.mark.parametrize(
    ("second", "words"),
    [
        (source("b", numbers(1, 1, slice(60, 120))), "0 samples that all predict"),
        (source("b", numbers(1, 1), column="ph"), "b: predicts ph, and a predicts age"),
    ],
)
def test_nothing_in_common_is_refused(second: Source, words: str) -> None:
    with pytest.raises(InputError, match=words):
        align([source("a", numbers(1, 0, slice(0, 60))), second])


def test_classes_that_a_model_never_saw_have_no_probability() -> None:
    def labels(classes: tuple[str, ...]) -> Predictions:
        codes = np.arange(12) % len(classes)
        names = np.array(classes, dtype=object)
        observed = np.array(["a", "b"] * 6, dtype=object)
        return Predictions(
            kind=CLASSES,
            sample_ids=IDS[:12],
            observed=observed,
            predicted=names[codes],
            classes=classes,
            probabilities=np.eye(len(classes))[codes],
        )

    (found,) = align([source("a", labels(("a", "b"))), source("b", labels(("a", "b", "c")))])
    assert found.first.classes == ("a", "b", "c")
    assert found.mean("a")[:, 2].tolist() == [0.0] * 12
    assert disagreement(found).tolist() == [0, 0, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1]


def test_disagreement_of_numbers_is_their_range() -> None:
    (found,) = align(
        [source("a", numbers(1, 0), numbers(1, 3)), source("b", numbers(1, 1)), source("c", numbers(1, 2))]
    )
    means = np.stack(
        [(numbers(1, 0).predicted + numbers(1, 3).predicted) / 2, *(numbers(1, i).predicted for i in (1, 2))]
    )
    assert disagreement(found) == pytest.approx(means.max(axis=0) - means.min(axis=0))


def test_leaks_are_said() -> None:
    tested = frozenset(IDS[:40])
    rest = frozenset(IDS[40:])
    good = source(
        "good",
        numbers(1, 0, slice(0, 40)),
        fitted=(Fitted(learned=rest, predicted=tested),),
        group_of=dict(zip(IDS, GROUPS, strict=True)),
    )
    seen = source("seen", numbers(1, 1, slice(0, 40)), fitted=(Fitted(learned=rest | {"s003"}, predicted=tested),))
    split = source(
        "split",
        numbers(1, 2, slice(0, 39), groups=False),
        fitted=(Fitted(learned=rest | {"s039"}, predicted=tested - {"s039"}),),
    )
    assert not [line for line in notes([good], align([good, good])) if "LEAK" in line]
    found = notes([good, seen], align([good, seen]))
    assert any("seen learned from 1 sample that it is compared on" in line for line in found)
    found = notes([good, split], align([good, split]))
    assert any("LEAK: models of split learned from other samples of the groups of 3 of 39 samples" in x for x in found)
    assert any("1 sample that good predicts is a training sample of split" in line for line in found)


def test_folds_that_split_groups_are_said() -> None:
    out = source("out", numbers(1, 1, groups=False), part="out_of_fold", learned=frozenset(IDS))
    kept = source("kept", numbers(1, 0), part="folds", group_of=dict(zip(IDS, GROUPS, strict=True)))
    found = notes([kept, out], align([kept, out]))
    assert any("groups of 120 of 120 samples" in line for line in found)
    assert any("of different parts" in line for line in found)


def test_options_that_differ() -> None:
    runs = [
        source("a", numbers(1, 0), config={"seed": 1, "output_dir": "x", "learners": ["a"]}, inputs={"t": "11"}),
        source("b", numbers(1, 0), config={"seed": 1, "output_dir": "y", "learners": ["a", "b"]}, inputs={"t": "22"}),
        source("table", numbers(1, 0)),
    ]
    assert option_differences(runs) == {"learners": ["a", "a, b", ""], "content of t": ["11", "22", ""]}


def test_names_are_as_short_as_they_can_be() -> None:
    assert names_of([Path("/x/a"), Path("/x/b")]) == ["a", "b"]
    assert names_of([Path("/x/a/run"), Path("/x/b/run")]) == ["a/run", "b/run"]


def test_repeats_are_compared_as_means() -> None:
    one, other = numbers(1, 0), numbers(1, 1)
    (standing,) = judge(align([source("a", one), source("b", other)]), "a")
    assert standing.differences["b"]["r2"].interval == compare(other, one)["r2"]
