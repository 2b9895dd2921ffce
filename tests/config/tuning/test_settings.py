from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from aam.config import TrainConfig, from_flat
from aam.config.tuning.settings import READERS, LearnerSettings, settings_read_by
from aam.errors import ConfigError
from aam.learners.catalogue import LABELS, NETWORK, names

GIVEN = {"table": ["t"], "metadata": "m", "metadata_column": ["y"], "output_dir": "o"}


def config(**options: Any) -> TrainConfig:
    return from_flat(TrainConfig, {**GIVEN, **options})


def test_every_setting_names_its_readers() -> None:
    assert set(READERS) == {one.name for one in fields(LearnerSettings)}
    assert {reader for readers in READERS.values() for reader in readers} <= {*names(), "blend"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"learners": "kernels", "forest_leaf": 3}, "--forest-leaf is for forest, which --learners leaves out"),
        ({"learners": "forest", "kernel_width": 2}, "--kernel-width is for clr-radial and"),
        ({"learners": "network", "blend_folds": 3}, "not for the network alone"),
        ({"learners": "forest", "blend_pull": 1}, "--blend-pull is for several learners"),
        ({"forest_max_features": 1.5}, "forest_max_features must be at most 1"),
    ],
)
def test_settings_that_nobody_reads_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        config(**options)


def test_settings_of_members_are_taken() -> None:
    assert config(forest_leaf=3, kernel_width=2, blend_pull=0).settings.forest_leaf == 3
    assert config(learners="forest", blend_folds=3).settings.blend_folds == 3
    assert config(forest_max_features="sqrt").settings.forest_max_features == "sqrt"


def test_a_learner_reads_its_own_settings() -> None:
    assert settings_read_by("jaccard") == ("blend_folds",)
    assert settings_read_by("clades-radial") == ("clade_prevalence", "kernel_width", "blend_folds")
    assert set(settings_read_by("trees-dna")) >= {"trees", "clade_leaf", "clade_max_features", "clade_prevalence"}
    for name in set(LABELS) - {NETWORK}:
        assert "blend_pull" not in settings_read_by(name)
