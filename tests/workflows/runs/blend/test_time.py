from __future__ import annotations

import pytest

from aam.workflows.runs.blend.time import BlendBar, duration_details, duration_words

SECONDS = {"forest": 300.0, "trees-dna": 60.0, "jaccard": 40.0, "clr-linear": 20.0}


def test_a_short_blend_needs_no_advice() -> None:
    assert duration_words({"forest": 8.2, "jaccard": 1.0}) == (
        "about 9 seconds on this machine, measured on first steps"
    )
    assert duration_words({"jaccard": 0.2}).startswith("about 1 second on this machine")


def test_a_long_blend_is_shorter_without_its_slowest_family() -> None:
    assert duration_words(SECONDS).startswith("about 7 minutes on this machine")
    assert duration_words(SECONDS).endswith("; --learners trees,kernels: 2 minutes")
    assert duration_words(SECONDS, times=5).startswith("about 35 minutes")
    assert duration_words(SECONDS, times=5).endswith("; --learners trees,kernels: 10 minutes")


def test_a_network_is_shortened_by_its_epochs() -> None:
    words = duration_words({"network": 3_000.0, "forest": 30.0})
    assert words.endswith("; --learners forest: 30 seconds; the network takes most: fewer --epochs")


def test_a_forest_alone_has_nothing_to_leave_out() -> None:
    assert "--learners" not in duration_words({"forest": 3_000.0})


def test_details_name_each_learner() -> None:
    assert list(duration_details({"forest": 8.24})) == ["random forest on ASVs: about 8.2 s"]


@pytest.mark.parametrize("expected", [SECONDS, {}])
def test_a_blend_is_done_member_by_member(expected: dict[str, float]) -> None:
    names = list(SECONDS)
    with BlendBar(names, 5, expected, wanted=False) as bar:
        bar.begin("forest")
        assert (bar.done, bar.what) == (0, "fitting forest")
        for _ in range(5):
            bar.next_fold()
        assert bar.count == "5/24 fits"
        assert bar.work == pytest.approx(250 if expected else 5)
        bar.begin("trees-dna")  # the forest of all samples is done as well
        assert bar.count == "6/24 fits"
        bar.begin("jaccard")
        bar.begin("clr-linear")
        assert bar.count == "18/24 fits"
        assert bar.work == pytest.approx(400 if expected else 18)
    assert bar.count == "24/24 fits"
    assert bar.work == pytest.approx(420 if expected else 24)
