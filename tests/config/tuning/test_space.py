from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aam.config import TrainConfig, from_flat, replace, to_flat
from aam.config.tuning.settings import READERS
from aam.config.tuning.space import Dimension, Space, check_space, is_live, read_space, searchable
from aam.config.tuning.usual import usual_space
from aam.errors import ConfigError, InputError

GIVEN = {"table": ["t"], "metadata": "m", "metadata_column": ["y"], "output_dir": "o"}


def config(**options: Any) -> TrainConfig:
    return from_flat(TrainConfig, {**GIVEN, **options})


def read(tmp_path: Path, text: str, **options: Any) -> dict[str, Dimension]:
    path = tmp_path / "space.yaml"
    path.write_text(text)
    return {one.name: one for one in read_space(path, config(**options))}


def live(space: Space, config: TrainConfig) -> list[Dimension]:
    """Those options that something reads in a configuration."""
    return [one for one in space if is_live(one, config)]


def test_ranges_choices_and_scales(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "forest-leaf: [1, 8]\nkernel_width: {low: 0.1, high: 10, log: true}\n"
        "forest_max_features: [null, sqrt, 0.3]\ntrees: {choices: [100, 200]}\n"
        "learners: [auto, 'forest,kernels', [forest, trees]]\n",
    )
    assert next(iter(found)) == "learners", "they decide who reads the others"
    assert found["learners"].choices == ("auto", "forest,kernels", "forest,trees")
    assert found["forest_leaf"] == Dimension("forest_leaf", 1, 8)
    assert found["forest_leaf"].is_whole
    assert found["kernel_width"] == Dimension("kernel_width", 0.1, 10.0, True)
    assert not found["kernel_width"].is_whole
    assert found["forest_max_features"].choices == (None, "sqrt", 0.3)
    assert found["trees"].choices == (100, 200)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("forst_leaf: [1, 2]", "unknown option forst_leaf; did you mean forest_leaf"),
        ("seed: [1, 2]", "seed cannot be searched"),
        ("categorical_columns: [[a], [b]]", "categorical_columns cannot be searched"),
        ("kernel_width: [2, 1]", "low must be below high"),
        ("kernel_width: {low: 0, high: 1, log: true}", "must be at least 0.01"),
        ("blend_pull: {low: 0, high: 1, log: true}", "a logarithmic range starts above 0"),
        ("blend_pull: {low: 1, high: 2, log: perhaps}", "log must be true or false"),
        ("blend_pull: {low: 1}", "needs low and high"),
        ("blend_pull: 3", "needs a range"),
        ("clade_leaf: [0, 3]", "clade_leaf must be at least 1"),
        ("learners: [auto]", "two different choices"),
        ("learners: {low: 1, high: 2}", "is no number"),
        ("learners: [auto, nothing]", "learners: unknown 'nothing'"),
        ("forest_max_features: {low: sqrt, high: 1}", "must be a number, got 'sqrt'"),
        ("lr: [0.001, 0.01]", "--lr is for the network"),
        ("blend_folds: [2, 5]\nblend-folds: [2, 4]", "repeated"),
    ],
)
def test_what_no_trial_could_have_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read(tmp_path, text)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError) as found:
        read(tmp_path, "seed: [1, 2]\nkernel_width: [2, 1]\nclade_leaf: [0, 3]\n")
    assert len(found.value.problems) == 3
    assert str(found.value).splitlines() == list(found.value.problems), "aam check reads no space"


def test_an_option_is_fine_if_some_learners_read_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--forest-leaf is for forest"):
        read(tmp_path, "forest_leaf: [2, 3]", learners="kernels")
    found = read(tmp_path, "learners: [kernels, forest]\nforest_leaf: [2, 3]", learners="kernels")
    space = tuple(found.values())
    assert [one.name for one in live(space, config(learners="kernels"))] == ["learners"]
    assert [one.name for one in live(space, config(learners="forest"))] == ["learners", "forest_leaf"]


def test_values_have_three_digits_within_their_range() -> None:
    one = Dimension("blend_pull", 0.01234, 10.0, True)
    assert one.readable(0.123456) == 0.123
    assert one.readable(0.012341) == 0.01234
    assert Dimension("forest_leaf", 1, 8).readable(3) == 3


@pytest.mark.parametrize("learners", ["auto", "kernels", "forest,trees", "network", "no-dna"])
@pytest.mark.parametrize("units", [20, 300, 5_000])
def test_usual_spaces_are_valid(learners: str, units: int) -> None:
    training = config(learners=learners)
    space = usual_space(training, units, has_dna=learners != "no-dna")
    check_space(space, training)
    assert space
    assert {one.name for one in space} <= set(searchable(TrainConfig))
    more = usual_space(training, 300, has_dna=learners != "no-dna")
    assert len(space) <= len(more), "the fewer groups, the fewer options"


@pytest.mark.parametrize("units", [20, 300, 5_000])
def test_trials_share_trees(units: int) -> None:
    """What trees read has few values, the untuned one among them: trials that agree do not grow them again."""
    training = config()
    of_trees = {name for name, readers in READERS.items() if {"forest", "trees"} & set(readers)}
    found = [one for one in usual_space(training, units, has_dna=True) if one.name in of_trees]
    assert len(found) >= 2
    for one in found:
        assert 2 <= len(one.choices) <= 5
        assert to_flat(training)[one.name] in one.choices


def test_an_encoder_has_its_own_space() -> None:
    space = usual_space(config(learners="network", pretrained_encoder="small"), 300, has_dna=True)
    names = {one.name for one in space}
    assert "freeze_base" in names
    assert not names & {"embedding_dim", "num_soft_clades"}, "which are part of its weights"


def test_what_does_not_go_together_is_left_out() -> None:
    space = (Dimension("freeze_base", choices=(False, True)), Dimension("asv_lr", 0.01, 0.5, True))
    training = config(learners="network", pretrained_encoder="small")
    assert [one.name for one in live(space, replace(training, freeze_base=True))] == ["freeze_base"]
    assert len(list(live(space, training))) == 2


def test_a_value_that_never_goes_is_refused() -> None:
    with pytest.raises(ConfigError, match="embedding_dim 30: --embedding-dim 30 is not a multiple"):
        check_space((Dimension("embedding_dim", choices=(32, 30)),), config(learners="network"))
