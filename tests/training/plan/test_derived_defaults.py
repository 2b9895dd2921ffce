from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aam.config import PretrainConfig, TrainConfig
from aam.config.option import from_flat, to_flat
from aam.data.batches.batching import num_steps
from aam.data.batches.sampler import ShardedBatches
from aam.errors import ConfigError
from aam.training.plan.derived_defaults import Machine, Plan, StudyFacts, derive

FACTS = StudyFacts(
    num_train=200, longest_sequence=150, rarefy_depth=1234, has_tree=True, has_distances=False, has_taxonomy=False
)


def train(facts: StudyFacts = FACTS, **options: Any) -> Plan[TrainConfig]:
    given = {"table": ["t.biom"], "metadata": "m.tsv", "metadata_column": "age", "output_dir": "run"}
    return derive(from_flat(TrainConfig, {**given, "learners": "network", **options}), facts)


def pretrain(facts: StudyFacts = FACTS, **options: Any) -> Plan[PretrainConfig]:
    return derive(from_flat(PretrainConfig, {"table": ["t.biom"], "output_dir": "run", **options}), facts)


def with_facts(**changes: Any) -> StudyFacts:
    return replace(FACTS, **changes)


NEITHER = with_facts(has_tree=False)
DISTANCES = with_facts(has_tree=False, has_distances=True)
TAXONOMY = with_facts(has_taxonomy=True)


def test_every_default_of_fine_tuning() -> None:
    plan = train()
    assert plan.steps_per_epoch == 25
    assert plan.total_steps == 2500
    flat = to_flat(plan.config)
    derived = {
        "encoder_type": None,
        "penalty": 0.0,
        "nuc_penalty": 0.0,
        "count_penalty": 0.0,
        "skip_nuc_predictions": True,
        "count_prediction": False,
        "best_metric": "mae",
        "asv_layers": 2,
        "sample_layers": 2,
        "encoder_layers": 2,
        "batch_size": 8,
        "warmup_steps": 125,
        "scheduler_t0": 625,
        "patience": 20,
        "num_workers": 0,
        "max_bp": 150,
        "rarefy_depth": 1234,
    }
    assert {name: flat[name] for name in derived} == derived
    assert plan.monitor == "val_mae"
    assert not plan.higher_is_better
    weights = {"distance": 0, "faith_pd": 0, "taxonomy": 0, "nucleotide": 0, "count": 0, "target": 1}
    assert plan.loss_weights == weights


def test_every_default_of_pre_training() -> None:
    plan = pretrain()
    flat = to_flat(plan.config)
    derived = {"encoder_type": "unifrac", "penalty": 1.0, "nuc_penalty": 1.0, "count_penalty": 1.0}
    assert {name: flat[name] for name in derived} == derived
    assert plan.monitor == "val_loss"
    assert not plan.higher_is_better
    assert "target" not in plan.loss_weights
    assert set(plan.loss_weights.values()) == {1.0}


@pytest.mark.parametrize(("facts", "kind"), [(FACTS, "unifrac"), (DISTANCES, "unifrac"), (NEITHER, "bray_curtis")])
def test_the_encoder_type_fits_what_is_given(facts: StudyFacts, kind: str) -> None:
    assert pretrain(facts).config.objective.encoder_type == kind
    assert train(facts, penalty=0.5).config.objective.encoder_type == kind
    assert train(facts).config.objective.encoder_type is None


def test_an_encoder_type_in_fine_tuning_has_a_weight() -> None:
    plan = train(encoder_type="jaccard")
    assert plan.config.objective.penalty == 1.0
    assert train(encoder_type="jaccard", penalty=0.25).loss_weights["distance"] == 0.25


def test_pre_training_without_distances() -> None:
    plan = pretrain(penalty=0)
    assert plan.config.objective.encoder_type is None
    assert plan.loss_weights["distance"] == 0


def test_classes_are_chosen_by_balanced_accuracy() -> None:
    plan = train(classifier=True)
    assert plan.monitor == "val_balanced_accuracy"
    assert plan.higher_is_better


@pytest.mark.parametrize(
    ("num_train", "size"), [(2, 8), (3, 8), (160, 8), (225, 8), (230, 16), (320, 16), (640, 32), (10_000, 32)]
)
def test_the_batch_size_follows_the_samples(num_train: int, size: int) -> None:
    assert train(with_facts(num_train=num_train)).config.optim.batch_size == size


@pytest.mark.parametrize("num_train", [2, 3, 5, 9, 17, 200, 1001])
@pytest.mark.parametrize("batch_size", [1, 2, 8])
@pytest.mark.parametrize("accumulation", [1, 3])
def test_the_steps_are_those_that_the_loader_gives(num_train: int, batch_size: int, accumulation: int) -> None:
    facts, steps = with_facts(num_train=num_train), num_steps(num_train, batch_size, accumulation)
    sizes = {"batch_size": batch_size, "gradient_accumulation_steps": accumulation}
    if steps > 1 and num_train // steps // accumulation < min(2, batch_size):
        with pytest.raises(ConfigError, match="too few for 3 batches"):
            train(facts, **sizes)
        return
    plan = train(facts, epochs=7, **sizes)
    batches = ShardedBatches(np.ones(num_train, dtype=int), batch_size, accumulation=accumulation, seed=1)
    assert plan.steps_per_epoch == batches.steps == steps
    assert all(batches)
    assert plan.total_steps == 7 * plan.steps_per_epoch


@pytest.mark.parametrize(
    ("num_train", "epochs", "warmup", "t0"), [(3, 1, 1, 1), (200, 100, 125, 625), (100_000, 100, 1000, 78_125)]
)
def test_the_warm_up_is_a_small_part_of_the_run(num_train: int, epochs: int, warmup: int, t0: int) -> None:
    optim = train(with_facts(num_train=num_train), epochs=epochs).config.optim
    assert (optim.warmup_steps, optim.scheduler_t0) == (warmup, t0)


@pytest.mark.parametrize(("epochs", "patience"), [(1, 5), (30, 6), (50, 10), (1000, 20)])
def test_patience(epochs: int, patience: int) -> None:
    assert train(epochs=epochs).config.optim.patience == patience


def test_layers_follow_attention_layers_where_they_are_open() -> None:
    model = train(attention_layers=3, sample_layers=0).config.model
    assert model.layers == (3, 0, 3)


def test_rarefaction() -> None:
    assert train(with_facts(rarefy_depth=None)).config.sampling.rarefy_depth == "none"
    assert train(with_facts(rarefy_depth=500), rarefy_depth=500).config.sampling.rarefy_depth == 500


def test_what_is_given_is_kept_and_nothing_is_left_open() -> None:
    given = {
        "batch_size": 5,
        "warmup_steps": 0,
        "patience": 3,
        "num_workers": 2,
        "best_metric": "r2",
        "max_bp": 200,
        "asv_layers": 1,
        "scheduler_t0": 9,
        "nuc_penalty": 0.5,
    }
    plan = train(**given)
    flat = to_flat(plan.config)
    assert {name: flat[name] for name in given} == given
    assert plan.higher_is_better
    assert derive(plan.config, FACTS).config == plan.config
    assert derive(plan.config, FACTS).lines == ()


def test_workers_and_precision_are_those_that_suit_the_device() -> None:
    config = train().config
    assert (config.run.num_workers, config.run.mixed_precision) == (0, "none")
    left_open = replace(config, run=replace(config.run, num_workers=None, mixed_precision=None))
    machine = Machine(4, "bf16")
    found = derive(left_open, FACTS, machine).config.run
    assert (found.num_workers, found.mixed_precision) == (4, "bf16")
    assert derive(config, FACTS, machine).config == config


def test_every_derived_value_is_told_with_its_reason() -> None:
    lines = train().lines
    assert "--batch-size 8 (about 20 batches of 200 samples)" in lines
    assert "--warmup-steps 125 (5% of 2,500 steps)" in lines
    assert "--best-metric mae (the target's own)" in lines
    assert "--rarefy-depth 1234 (keeps 95% of the samples)" in lines
    assert not any(line.startswith("--batch-size") for line in train(batch_size=4).lines)
    assert "--encoder-type unifrac (a tree is given)" in pretrain().lines
    assert "--encoder-type bray_curtis (no tree is given)" in pretrain(NEITHER).lines


@pytest.mark.parametrize(
    ("options", "num_train", "expected"),
    [
        ({"epochs": 3}, 200, "--patience 5 (the least that is derived)"),
        ({"epochs": 40}, 200, "--patience 8 (a fifth of 40 epochs)"),
        ({"epochs": 100}, 200, "--patience 20 (a fifth of 100 epochs)"),
        ({"epochs": 200}, 200, "--patience 20 (the most that is derived)"),
        ({}, 90, "--batch-size 8 (the least that is derived)"),
        ({}, 300, "--batch-size 16 (about 20 batches of 300 samples)"),
        ({}, 5_000, "--batch-size 32 (the most that is derived)"),
        ({"epochs": 1_000}, 5_000, "--warmup-steps 1000 (the most that is derived)"),
        ({"scheduler": "cosine_restarts", "epochs": 4}, 160, "--scheduler-t0 20 (a quarter of 80 steps)"),
    ],
)
def test_a_reason_is_the_one_that_holds(options: dict[str, Any], num_train: int, expected: str) -> None:
    assert expected in train(replace(FACTS, num_train=num_train), **options).lines


def test_the_limit_of_the_depth_is_told_where_it_holds() -> None:
    assert "--rarefy-depth 5000 (the most that is derived)" in train(replace(FACTS, rarefy_depth=5_000)).lines


def test_what_no_schedule_reads_is_not_told() -> None:
    assert not any("--scheduler-t0" in line for line in train().lines)


@pytest.mark.parametrize(
    ("facts", "options", "problem"),
    [
        (FACTS, {"penalty": 0, "nuc_penalty": 0, "count_penalty": 0}, "nothing to learn"),
        (FACTS, {"nuc_mask_ratio": 0}, "masks nothing"),
        (FACTS, {"encoder_type": "unifrac", "penalty": 0}, "leave one of them out"),
        (NEITHER, {"encoder_type": "unifrac"}, "needs --tree"),
        (NEITHER, {"encoder_type": "combined"}, "needs --tree"),
        (DISTANCES, {"encoder_type": "faith_pd"}, "needs --tree"),
        (DISTANCES, {"encoder_type": "combined"}, "needs --tree"),
        (FACTS, {"encoder_type": "taxonomy"}, "needs --taxonomy"),
        (FACTS, {"best_metric": "mae"}, "is not measured in this run"),
        (FACTS, {"best_metric": "taxonomy_accuracy"}, "is not measured"),
        (FACTS, {"best_metric": "taxonomy_accuracy", "encoder_type": "combined"}, "is not measured"),
        (FACTS, {"best_metric": "distance_mae", "encoder_type": "faith_pd"}, "is not measured"),
        (FACTS, {"best_metric": "nucleotide_accuracy", "nuc_penalty": 0}, "is not measured"),
    ],
)
def test_what_cannot_be_pre_trained(facts: StudyFacts, options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        pretrain(facts, **options)


@pytest.mark.parametrize(
    ("facts", "options", "metric"),
    [
        (DISTANCES, {"encoder_type": "weighted_unifrac"}, "distance_correlation"),
        (FACTS, {"encoder_type": "faith_pd"}, "faith_pd_correlation"),
        (TAXONOMY, {"encoder_type": "taxonomy"}, "taxonomy_accuracy"),
        (TAXONOMY, {"encoder_type": "combined"}, "taxonomy_accuracy"),
        (FACTS, {"encoder_type": "combined"}, "distance_mae"),
        (FACTS, {}, "nucleotide_accuracy"),
        (FACTS, {}, "count_correlation"),
        (FACTS, {}, "val_loss"),
    ],
)
def test_what_can_choose_the_best_encoder(facts: StudyFacts, options: dict[str, Any], metric: str) -> None:
    plan = pretrain(facts, best_metric=metric, **options)
    assert plan.monitor == (metric if metric == "val_loss" else f"val_{metric}")
    assert plan.higher_is_better == (metric not in ("distance_mae", "val_loss"))


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"best_metric": "accuracy"}, "choose from mae, r2, rmse, spearman, val_loss"),
        ({"best_metric": "mae", "classifier": True}, "choose from accuracy, auroc, balanced_accuracy, f1, val_loss"),
        ({"best_metric": "distance_mae"}, "is not measured"),
        ({"nuc_penalty": 1, "nuc_mask_ratio": 0}, "masks nothing"),
        ({"encoder_type": "jaccard", "penalty": 0}, "leave one of them out"),
    ],
)
def test_what_cannot_be_fine_tuned(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        train(**options)


def test_paths_and_words_go_through() -> None:
    plan = train(tree="tree.nwk", missing=["gone"], freeze_base=True, pretrained_encoder="enc")
    assert plan.config.study.tree == Path("tree.nwk")
    assert plan.config.target.missing == ("gone",)
    assert plan.config.transfer.pretrained_encoder == Path("enc")


@pytest.mark.parametrize(
    ("options", "transform"),
    [
        ({}, "zscore"),
        ({"bounded_targets": True}, "minmax"),
        ({"normalize_by": ["site"]}, "zscore-category"),
        ({"classifier": True}, "none"),
        ({"target_transform": "boxcox"}, "boxcox"),
        ({"bounded_targets": True, "target_transform": "log-minmax"}, "log-minmax"),
    ],
)
def test_the_transform_that_suits_the_target(options: dict[str, Any], transform: str) -> None:
    plan = train(**options)
    assert plan.config.target.target_transform == plan.config.target_transform == transform
    assert derive(plan.config, FACTS).config == plan.config, "a resumed run takes it as it is"


def test_head_input_is_normalised_if_covariates_are_fused() -> None:
    assert train().config.head.target_layer_norm is False
    assert train(numeric_columns=["ph"]).config.head.target_layer_norm is True
    assert train(numeric_columns=["ph"], target_layer_norm=False).config.head.target_layer_norm is False


SEVERAL = {"metadata_column": ["age", "pH (soil)"]}


def test_several_targets_are_judged_by_what_has_no_unit() -> None:
    plan = train(**SEVERAL)
    assert plan.monitor == "val_r2"
    assert plan.higher_is_better
    assert "--best-metric r2 (the mean of the targets', which have no common unit)" in plan.lines
    for name, higher in (("mae_age", False), ("r2_pH__soil_", True), ("spearman", True), ("val_loss", False)):
        plan = train(**SEVERAL, best_metric=name)
        assert plan.monitor == (name if name == "val_loss" else f"val_{name}")
        assert plan.higher_is_better == higher


@pytest.mark.parametrize("name", ["mae", "rmse", "mae_ph", "accuracy", "r2_"])
def test_a_metric_that_several_targets_do_not_have_is_refused(name: str) -> None:
    with pytest.raises(
        ConfigError, match="is not measured in this run; choose from mae_age, mae_pH__soil_, r2, r2_age"
    ):
        train(**SEVERAL, best_metric=name)


def test_colliding_column_names_have_separate_metrics() -> None:
    columns = {"metadata_column": ["p H", "p.H", "p/H"]}
    assert train(**columns, best_metric="mae_p_H_0").monitor == "val_mae_p_H_0"
    assert train(**columns, best_metric="mae_p.H").monitor == "val_mae_p.H"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"classifier": True, "class_weights": [1.0, 2.0], **SEVERAL}, "--class-weights lists weights for one column"),
        ({"metadata_column": ["low_ph", "ph"]}, "'ph' and 'low_ph' would share a column of the predictions"),
        ({"loss_type": "quantile", "bounded_targets": True}, "quantile"),
        ({"label_smoothing": 0.1}, "--label-smoothing needs --classifier"),
        ({"class_weights": "balanced"}, "--class-weights needs --classifier"),
        ({"bounded_targets": True, "target_transform": "zscore"}, "needs --target-transform minmax or log-minmax"),
        ({"output_activation": "relu", "normalize_by": ["site"]}, "does not go with --target-transform"),
        ({"loss_config": '{"ph": "mae"}'}, "ph"),
        ({"categorical_loss_weights": "auto"}, "--categorical-loss-weight"),
        ({"categorical_fusion": "add"}, "--categorical-columns or --numeric-columns"),
        ({"unknown_level_rate": 0.5}, "--unknown-level-rate"),
        ({"categorical_columns": ["age"]}, "age"),
    ],
)
def test_combinations_that_cannot_work(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        train(**options)


@pytest.mark.parametrize("columns", [["age"], ["age", "ph"]])
def test_an_asymmetric_loss_selects_the_best_model(columns: list[str]) -> None:
    """The least absolute error would choose against the side that was asked for."""
    plan = train(metadata_column=columns, loss_type="asymmetric", over_penalty=3)
    assert (plan.config.optim.best_metric, plan.higher_is_better) == ("val_loss", False)
    assert any("asymmetric" in line for line in plan.lines)
    assert train(loss_type="asymmetric", over_penalty=3, best_metric="mae").config.optim.best_metric == "mae"


def test_a_lacking_class_leaves_the_choice_to_the_loss() -> None:
    facts = replace(FACTS, lacks_class=True)
    plan = train(facts, classifier=True)
    assert plan.monitor == "val_loss"
    assert any("the validation samples lack a class" in line for line in plan.lines)
    assert train(classifier=True).monitor == "val_balanced_accuracy"
    assert train(facts, classifier=True, best_metric="accuracy").monitor == "val_accuracy"
