from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from aam.config import TrainConfig, from_flat, to_flat
from aam.config.command_line import command_words
from aam.config.learners import ALONE, SECTIONS, SHARED, SINGLE, LearnerOptions
from aam.config.option import fields
from aam.errors import ConfigError
from aam.learners.catalogue import LABELS

GIVEN = {"table": ["t.biom"], "metadata": "m.tsv", "metadata_column": "age", "output_dir": "runs/age"}
IN_BLEND = {"fine_tune": True}


def config(**options: object) -> TrainConfig:
    return from_flat(TrainConfig, {**GIVEN, **options})


def refused(**options: object) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        config(**options)
    return caught.value.problems


@pytest.mark.parametrize(
    ("options", "members", "is_alone"),
    [
        ({}, tuple(LABELS)[:-1], False),
        ({"learners": "network"}, ("network",), True),
        ({"learners": ["network", "network"]}, ("network",), True),
        ({"learners": ("forest", "trees-dna")}, ("forest", "trees-dna"), False),
        ({"learners": "auto,forest,network"}, tuple(LABELS), False),
        ({"fine_tune": True}, tuple(LABELS), False),
        ({"learners": "jaccard", "fine_tune": True}, ("jaccard", "network"), False),
    ],
)
def test_members(options: dict[str, object], members: tuple[str, ...], is_alone: bool) -> None:
    learners = config(**options).learners
    assert learners.members == members
    assert (learners.is_network_alone, learners.with_network) == (is_alone, "network" in members)
    assert learners.with_forest == ("forest" in members)


def test_members_survive_yaml_and_command_line() -> None:
    first = config(learners="kernels,forest", fine_tune=True)
    assert from_flat(TrainConfig, to_flat(first)) == first
    assert to_flat(first)["learners"] == ["kernels", "forest"]
    words = command_words("train", first)
    assert words[words.index("--learners") :] == [
        "--learners",
        "kernels",
        "--learners",
        "forest",
        "--fine-tune",
        *words[-2:],
    ]


def test_an_unknown_learner_is_refused_with_the_known_ones() -> None:
    (problem,) = refused(learners="forest,tres")
    assert problem.startswith("learners: unknown 'tres'; choose from auto, forest, trees, kernels, ")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"learners": ()}, "--learners names no learner: take auto, or leave it out"),
        ({"learners": "network", **IN_BLEND}, "--fine-tune adds the network to other learners"),
    ],
)
def test_a_model_of_nothing_or_twice_the_same(options: dict[str, object], words: str) -> None:
    assert refused(**options)[0].startswith(words)


def test_options_of_the_network_are_refused_in_one_line() -> None:
    alone = "is for the network: add --learners network to train it alone, or --fine-tune to add it to the blend"
    assert refused(epochs=5) == (f"--epochs {alone}",)
    assert refused(linear_path=False, learners="forest") == (f"--no-linear-path {alone}",)
    several = refused(epochs=5, lr=0.1, embedding_dim=16, dropout=0.2, tf32=True)
    assert several == (f"--embedding-dim, --dropout, --epochs and 2 more {alone.replace('is for', 'are for')}",)
    assert config(epochs=5, **IN_BLEND).optim.epochs == 5


@pytest.mark.parametrize("learners", [{}, IN_BLEND])
def test_options_of_a_network_alone(learners: dict[str, object]) -> None:
    remedy = "leave out the other learners" if learners else "add --learners network to train it alone"
    expected = f"--ensemble is for a network that is not blended: {remedy}, or leave it out"
    assert refused(ensemble=3, **learners) == (expected,)
    assert refused(devices=2, checkpoint_minutes=1, **learners)[0].startswith("--devices, --checkpoint-minutes are for")


@pytest.mark.parametrize(
    "options",
    [
        {"class_weights": "balanced", "classifier": True},
        {"sample_weight_column": "w"},
        {"categorical_loss_weights": "auto", "categorical_loss_weight_column": "site"},
        {"pretrained_encoder": "small"},
        {"rarefy_depth": "none"},
        {"tree": "t.nwk", "root": "midpoint", "device": "cpu", "seed": 3, "cv": 5, "interval_level": 0.8},
        {"numeric_columns": ["ph"], "target_transform": "log-zscore"},
    ],
)
def test_options_that_every_learner_reads(options: dict[str, object]) -> None:
    assert not config(**options).learners.with_network


@pytest.mark.parametrize(
    "options",
    [
        {"loss_type": "quantile"},
        {"distances": "d.tsv"},
        {"taxonomy": "t.tsv"},
        {"numeric_columns": ["ph"], "categorical_fusion": "gmu"},
        {"val_prediction_passes": 3},
        {"count_prediction": False},
        {"pretrained_encoder": "small", "freeze_base": True},
        {"mixed_precision": "bf16"},
        {"target_penalty": 2.0},
    ],
)
def test_further_options_of_the_network(options: dict[str, object]) -> None:
    (problem,) = refused(**options)
    assert "is for the network: add --learners network" in problem
    assert config(**options, learners="network").learners.is_network_alone


def test_a_blend_uses_all_reads() -> None:
    (problem,) = refused(rarefy_depth=300)
    assert problem.startswith("--rarefy-depth is for the network, and the other learners use all reads: add --learners")
    assert refused(rarefy_depth=300, lr=0.1)[0].startswith("--rarefy-depth, --lr are for the network: add")


def test_only_cross_validations_of_blends_are_resumed() -> None:
    (problem,) = refused(resume_from="runs/age")
    assert problem.endswith("not a blend: repeat the run's command with --overwrite")
    assert config(resume_from="runs/age", cv=3).run.resume_from == Path("runs/age")
    assert refused(resume_from="runs/age", **IN_BLEND) == (problem,)


def test_fine_tuning_a_frozen_encoder() -> None:
    problems = refused(pretrained_encoder="small", freeze_base=True, **IN_BLEND)
    assert problems == ("--freeze-base trains only the target's head: leave out --fine-tune",)


@pytest.mark.parametrize(
    ("given", "value", "names_one"),
    [(None, None, False), ("none", "none", False), ("small", "small", True), ("runs/e", Path("runs/e"), True)],
)
def test_which_encoder(given: str | None, value: object, names_one: bool) -> None:
    transfer = config(pretrained_encoder=given).transfer
    assert (transfer.pretrained_encoder, transfer.names_encoder) == (value, names_one)


def test_the_lists_name_options_that_exist() -> None:
    known = {field.name: section for section, field, _ in fields(TrainConfig)}
    assert set(SECTIONS) <= set(known.values())
    assert {known[name] for name in SHARED} <= set(SECTIONS)
    assert not {known[name] for name in (*SINGLE, *ALONE)} & set(SECTIONS)
    assert {field.name for field in dataclasses.fields(LearnerOptions)} <= set(known)


def test_only_a_network_needs_a_validation_list() -> None:
    assert config(train_samples="a.txt", test_samples="b.txt").is_blend
    assert "go together" in refused(train_samples="a.txt", learners="network")[0]
    assert refused(val_samples="a.txt") == ("--val-samples needs --train-samples",)


def test_auto_asks_for_an_encoder_only_where_one_is_named() -> None:
    of_encoder = {"encoder-linear", "encoder-radial"}
    assert not of_encoder & set(config().members)
    for options in ({"pretrained_encoder": "small"}, {"learners": "auto,encoder"}):
        assert of_encoder <= set(config(**options).members)
