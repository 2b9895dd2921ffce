from __future__ import annotations

import subprocess
import sys

import pytest

from aam.config import ModelOptions, ObjectiveOptions, PretrainConfig
from aam.config.option import from_flat
from aam.data.distances.measure import DISTANCES
from aam.errors import ConfigError
from aam.evaluation.catalogue import metric
from aam.models.objectives import (
    Given,
    each_part,
    find_objective,
    names,
    part_of_head,
    register_objective,
    unregister_objective,
    with_own_weight,
)
from tests.models.objectives.richness import Richness

NOTHING = Given(tree=False, distances=False, taxonomy=False)


def test_the_choices() -> None:
    assert names() == (*DISTANCES, "faith_pd", "taxonomy", "combined")
    assert [objective.weight_option for objective in with_own_weight()] == ["nuc_penalty", "count_penalty"]


def test_the_heads_and_their_order_are_those_of_stored_models() -> None:
    assert [part.head_name for part in each_part()] == ["distance", "faith_pd", "taxonomy", "nucleotide", "count"]


@pytest.mark.parametrize("head_name", ["distance", "faith_pd", "taxonomy", "nucleotide", "count"])
def test_an_objective_says_all_that_others_ask(head_name: str) -> None:
    part = part_of_head(head_name)
    head = part.head(ModelOptions(embedding_dim=16), num_classes=5)
    assert head.name == head_name
    assert sum(p.numel() for p in head.parameters()) == part.num_parameters(ModelOptions(embedding_dim=16), 5)
    assert part.loss_label
    for found in part.metrics:
        assert metric(f"val_{found.name}") == found.metric


@pytest.mark.parametrize(
    ("kind", "given", "needed"),
    [
        ("unifrac", NOTHING, "--tree (or --distances)"),
        ("generalized_unifrac", NOTHING, "--tree (or --distances)"),
        ("faith_pd", NOTHING._replace(distances=True), "--tree"),
        ("combined", NOTHING._replace(distances=True), "--tree"),
        ("taxonomy", NOTHING._replace(tree=True), "--taxonomy"),
    ],
)
def test_what_is_missing_is_said(kind: str, given: Given, needed: str) -> None:
    with pytest.raises(ConfigError) as caught:
        find_objective(kind).check(ObjectiveOptions(encoder_type=kind), given)
    assert str(caught.value).startswith(f"--encoder-type {kind} needs {needed}")


@pytest.mark.parametrize("kind", ["bray_curtis", "jaccard", "aitchison"])
def test_distances_of_counts_need_nothing(kind: str) -> None:
    find_objective(kind).check(ObjectiveOptions(encoder_type=kind), NOTHING)


def test_an_outside_objective_is_a_choice_once_registered() -> None:
    wanted = {"table": "t.biom", "output_dir": "run", "encoder_type": "richness"}
    with pytest.raises(ConfigError, match="encoder_type must be"):
        from_flat(PretrainConfig, wanted)
    register_objective(Richness())
    try:
        assert from_flat(PretrainConfig, wanted).objective.encoder_type == "richness"
        with pytest.raises(ValueError, match="objective richness already exists"):
            register_objective(Richness())
    finally:
        unregister_objective("richness")
    assert "richness" not in names()


def test_a_metric_has_one_meaning() -> None:
    clash = Richness()
    clash.metrics = part_of_head("distance").metrics[:1]
    clash.metrics = (clash.metrics[0]._replace(metric=part_of_head("count").metrics[0].metric),)
    with pytest.raises(ValueError, match="distance_correlation already has another meaning"):
        register_objective(clash)
    assert "richness" not in names()


def test_the_names_are_known_without_torch() -> None:
    code = (
        "import sys; from aam.config import ObjectiveOptions; ObjectiveOptions(encoder_type='combined'); "
        "from aam.models.objectives import names, each_part; names(), [*each_part()]; "
        "print(sorted({'torch', 'lightning', 'torchmetrics'} & {*sys.modules}))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
