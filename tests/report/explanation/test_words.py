from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from aam.data.targets.kinds import COUNTS, ORDERED
from aam.evaluation.catalogue import Interval
from aam.report.explanation.findings import Finding, trend
from aam.report.explanation.page import explanation_page
from aam.report.explanation.words import (
    NO_BETTER,
    accuracy_words,
    certainty_words,
    class_words,
    is_no_better_than_a_guess,
    joined,
    name_of,
    trend_words,
    unseen_words,
)
from tests.report.explanations import SIZE, make_class_view, make_effects, make_view

UP, DOWN, NONE = Interval(0.5, 0.3, 0.7), Interval(-0.5, -0.7, -0.3), Interval(0.1, -0.1, 0.3)
UNKNOWN = Interval(0.5, np.nan, np.nan)


def finding(label: str, effect: Interval, slope: Interval, name: str = "", size: int = 1) -> Finding:
    return Finding(name=name or label, label=label, size=size, support=9, effect=effect, trend=slope)


def test_what_rises_and_what_falls_is_said_with_names() -> None:
    found = [finding("Faecalibacterium", UP, UP), finding("Bifidobacterium", DOWN, DOWN), finding("Blautia", UP, UP)]
    assert trend_words(found, "age") == ["Bifidobacterium falls; Faecalibacterium and Blautia rise with age."]
    assert trend_words(found[1:2], "the predicted age") == ["Bifidobacterium falls with the predicted age."]


@pytest.mark.parametrize("effect", [NONE, UNKNOWN, Interval(0.5, 0.0, 1.0)])
def test_nothing_is_claimed_where_the_interval_holds_0(effect: Interval) -> None:
    assert trend_words([finding("Blautia", effect, UP), finding("Dorea", effect, DOWN)], "age") == []
    assert class_words([finding("Blautia", effect, UP)], "Vaginal", "Cesarean") == []


@pytest.mark.parametrize(
    ("slope", "words"), [(DOWN, "falls with age"), (NONE, "shows no such trend"), (UNKNOWN, "shows no such trend")]
)
def test_an_effect_against_the_trend_is_no_trend(slope: Interval, words: str) -> None:
    (line,) = trend_words([finding("Blautia", UP, slope)], "age")
    assert line == f"Blautia raises the prediction, though its share {words}."


def test_clades_are_named_by_their_size_and_taxon() -> None:
    assert name_of(finding("clade 17 (12 ASVs)", UP, UP, "clade-17", 12)) == "a clade of 12 ASVs (clade-17)"
    assert name_of(finding("Blautia 17 (12 ASVs)", UP, UP, "clade-17", 12)) == "a clade of 12 Blautia ASVs (clade-17)"
    assert name_of(finding("Odd 17 (12 ASVs)", UP, UP, "d__B; g__Odd")) == "Odd 17 (12 ASVs)"
    (line,) = trend_words([finding("clade 17 (12 ASVs)", UP, UP, "clade-17", 12)], "age")
    assert line.startswith("A clade of 12 ASVs (clade-17) rises with age")


def test_classes_are_spoken_for_and_against() -> None:
    found = [finding("Bacteroides", UP, UP), finding("Dorea", DOWN, DOWN), finding("Blautia", DOWN, NONE)]
    assert class_words(found, "Vaginal", "Cesarean") == [
        "Bacteroides speaks for 'Vaginal'; Dorea and Blautia speak for 'Cesarean'."
    ]
    assert class_words(found[1:], "gill") == ["Dorea and Blautia speak against 'gill'."]


def test_lists_in_words() -> None:
    assert [joined(list(letters)) for letters in ("a", "ab", "abc")] == ["a", "a and b", "a, b and c"]


def test_how_well_new_groups_are_predicted() -> None:
    view = make_view()
    words = accuracy_words(view.predictions["age"], view.specs[0], "new groups", "infant")
    assert words == "Predicts age to within 2 on average in 48 samples whose infant it has never seen."
    assert "no measure of how well" in unseen_words("training", "infant")
    table = dataclasses.replace(view.predictions["age"], observed=np.full(SIZE, np.nan))
    assert accuracy_words(table, view.specs[0], "unknown", None) == (
        "Explains 48 predictions of age, whose truth is not known."
    )


def test_how_well_classes_are_told_apart() -> None:
    view = make_class_view()
    words = accuracy_words(view.predictions["delivery"], view.specs[0], "new samples", None)
    assert words == (
        "Predicts delivery with a balanced accuracy of 100 % (chance: 50 %) in 48 samples that it has never seen."
    )


@pytest.mark.parametrize(
    ("clear", "stable", "words"),
    [
        (
            [1, 1, 0],
            [1, 0, 0],
            "2 of 3 genera have an effect that is clearly not 0, 1 of them with one sign",
        ),
        ([1, 0, 0], None, "1 of 3 genera has an effect that is clearly not 0: this is what is used"),
        ([0, 0, 0], None, "None of 3 genera has an effect that is clearly not 0."),
    ],
)
def test_how_many_effects_are_clear_and_stable(clear: list[int], stable: list[int] | None, words: str) -> None:
    stable_G = None if stable is None else np.array(stable, dtype=bool)
    assert certainty_words(np.array(clear, dtype=bool), stable_G, "genus").startswith(words)


def test_trends_are_spearman_correlations() -> None:
    from scipy.stats import spearmanr

    rng = np.random.default_rng(1)
    share, values = rng.random(40).round(1), rng.random(40)
    values[:3] = np.nan
    found = trend(share, values, None)
    assert found.value == pytest.approx(spearmanr(share[3:], values[3:]).statistic)
    assert found.low < found.value < found.high
    assert np.isnan(trend(np.zeros(40), values, None).value)
    assert np.isnan(trend(share[:6], values[:6], None).value)


def test_groups_widen_the_interval_of_a_trend() -> None:
    rng = np.random.default_rng(2)
    group = np.repeat(np.arange(6), 20)
    share = rng.normal(size=6)[group] + 0.01 * rng.normal(size=120)
    values = rng.normal(size=6)[group] + 0.01 * rng.normal(size=120)
    alone, whole = trend(share, values, None), trend(share, values, group.astype(str).astype(object))
    assert whole.high - whole.low > 2 * (alone.high - alone.low)


def test_the_summary_of_a_page() -> None:
    page = explanation_page(make_view())
    assert page.headline == "Predicts age to within 2 on average in 48 samples whose infant it has never seen."
    assert page.verdicts[:2] == [
        "Bifidobacterium falls; Faecalibacterium rises with age.",
        "2 of 3 genera have an effect that is clearly not 0: this is what is used, and most of it tells little of the "
        "target.",
    ]


def test_only_what_is_needed_is_told() -> None:
    """Exchanging the first genus makes the error grow; the second is used as clearly, but its exchange does no harm."""
    view = make_view()
    need = make_effects(np.array([[0.5], [-0.3], [0.05]]), outputs=("age",), method="permutation", is_increase=True)
    page = explanation_page(dataclasses.replace(view, effects=[*view.effects, need]))
    assert page.verdicts[:2] == [
        "Faecalibacterium rises with age.",
        "The model needs 1 of 3 genera: the error grows where its reads are those of other samples.",
    ]
    (table,) = next(one for one in page.sections if one.anchor.startswith("effects-genus")).tables
    assert [row[0].text for row in table.rows] == ["Faecalibacterium", "Bifidobacterium", "Blautia"]
    assert [row[-1].text for row in table.rows] == ["yes", "no", "no"]


def test_several_targets_have_a_sentence_each() -> None:
    view = make_view()
    spec = dataclasses.replace(view.specs[0], column="weight")
    effects = make_effects(np.array([[2.0, 0.05], [-1.0, 0.05], [0.05, 1.0]]), outputs=("age", "weight"))
    predictions = {**view.predictions, "weight": view.predictions["age"]}
    both = dataclasses.replace(view, specs=[view.specs[0], spec], effects=[effects], predictions=predictions)
    page = explanation_page(both)
    assert page.headline.startswith("Predicts age to within")
    assert page.verdicts[0].startswith("Predicts weight to within")
    assert "Bifidobacterium falls; Faecalibacterium rises with age." in page.verdicts
    assert "Blautia raises the prediction, though its share shows no such trend." in page.verdicts
    assert len({section.anchor for section in page.sections}) == len(page.sections)


def test_shares_of_attention_are_told_beside_several_targets() -> None:
    view = make_view()
    spec = dataclasses.replace(view.specs[0], column="weight")
    third = dataclasses.replace(spec, column="height")
    shares = make_effects(np.array([[0.5], [0.3], [0.2]]), outputs=("attention",), is_signed=False)
    predictions = dict.fromkeys(("age", "weight", "height"), view.predictions["age"])
    several = dataclasses.replace(view, specs=[*view.specs, spec, third], effects=[shares], predictions=predictions)
    assert any(section.anchor.startswith("effects-genus") for section in explanation_page(several).sections)


def test_without_truths_trends_are_those_of_predictions() -> None:
    view = make_view()
    table = dataclasses.replace(view.predictions["age"], observed=np.full(SIZE, np.nan))
    page = explanation_page(dataclasses.replace(view, predictions={"age": table}, seen="unknown"))
    assert "Bifidobacterium falls; Faecalibacterium rises with the predicted age." in page.verdicts


def test_without_a_taxonomy_clades_are_spoken_of() -> None:
    view = make_view()
    clades = [dataclasses.replace(one, labels=view.groups["clade"].labels) for one in view.effects[2:]]
    page = explanation_page(dataclasses.replace(view, effects=clades, has_taxonomy=False))
    said = " ".join(page.verdicts)
    assert "a clade of 2 ASVs (clade-4) rises with age" in said
    assert "--taxonomy names them" in said


def test_errors_have_no_direction() -> None:
    view = make_view()
    error = "increase of the mean absolute error"
    increases = [dataclasses.replace(one, method="permutation", unit=error, is_increase=True) for one in view.effects]
    both = explanation_page(dataclasses.replace(view, effects=[*increases, *view.effects]))
    assert both.verdicts[0] == "Faecalibacterium rises with age."
    alone = explanation_page(dataclasses.replace(view, effects=increases))
    assert alone.verdicts[0] == "age is predicted worse without Faecalibacterium."
    captions = " ".join(picture.caption for section in alone.sections for picture in section.pictures)
    assert "is worse without" in captions
    assert "raises" not in captions


def test_a_model_that_guesses_is_said_to_guess() -> None:
    view = make_view()
    assert NO_BETTER not in explanation_page(view).verdicts
    table = view.predictions["age"]
    guessed = dataclasses.replace(table, predicted=np.random.default_rng(1).permutation(table.predicted))
    page = explanation_page(dataclasses.replace(view, predictions={"age": guessed}))
    assert page.verdicts[0] == NO_BETTER
    known = make_class_view()
    classes = known.predictions["delivery"]
    wrong = dataclasses.replace(classes, predicted=np.roll(classes.predicted, SIZE // 4))
    assert NO_BETTER in explanation_page(dataclasses.replace(known, predictions={"delivery": wrong})).verdicts


def test_notes_are_told_with_the_methods() -> None:
    page = explanation_page(make_view(notes=["100 of 180 predictions are explained"]))
    assert not any("are explained" in line for line in page.verdicts)
    reading = next(section for section in page.sections if section.anchor == "reading")
    assert "100 of 180 predictions are explained." in reading.text


def test_how_well_levels_and_counts_are_predicted() -> None:
    view = make_class_view()
    table, spec = (dataclasses.replace(one, kind=ORDERED) for one in (view.predictions["delivery"], view.specs[0]))
    words = accuracy_words(table, spec, "new samples", None)
    assert words == (
        "Predicts delivery with a quadratic weighted kappa of 1.00 (chance: 0) in 48 samples that it has never seen."
    )
    assert not is_no_better_than_a_guess(table, spec)
    ages = make_view()
    table, spec = (dataclasses.replace(one, kind=COUNTS) for one in (ages.predictions["age"], ages.specs[0]))
    table = dataclasses.replace(table, observed=np.arange(SIZE, dtype=float), predicted=np.full(SIZE, 23.5))
    assert accuracy_words(table, spec, "unknown", None) == "Predicts age with a D² of 0.00 (chance: 0) in 48 samples."
    assert is_no_better_than_a_guess(table, spec)
