from __future__ import annotations

from typing import Any

import pytest

from aam.config import ForestConfig, PredictConfig, PretrainConfig, SimulateConfig, TrainConfig, from_flat
from aam.errors import ConfigError

TRAIN: dict[str, Any] = {
    "table": ["t"],
    "metadata": "m",
    "metadata_column": "age",
    "learners": "network",
    "output_dir": "o",
}
FROZEN = {**TRAIN, "pretrained_encoder": "e", "freeze_base": True}
PRETRAIN = {"table": ["t"], "output_dir": "o"}
PREDICT = {"table": ["t"], "model": "x", "output": "p"}
FOREST = {"table": ["t"], "metadata": "m", "metadata_column": "age", "output": "p"}
LISTS = {"train_samples": "a", "val_samples": "b"}


@pytest.mark.parametrize(
    ("config", "flat", "words"),
    [
        (TrainConfig, {**TRAIN, "metadata": None}, "--metadata is required"),
        (ForestConfig, {**FOREST, "metadata": None}, "--metadata is required"),
        (TrainConfig, {**TRAIN, "freeze_base": True}, "--freeze-base needs --pretrained-encoder"),
        (
            TrainConfig,
            {**TRAIN, "freeze_base": True, "pretrained_encoder": "e", "nuc_penalty": 1},
            "--freeze-base trains only the target's head: leave out --nuc-penalty",
        ),
        (TrainConfig, {**FROZEN, "encoder_type": "unifrac"}, "only the target's head: leave out --encoder-type"),
        (TrainConfig, {**FROZEN, "penalty": 0.5}, "only the target's head: leave out --penalty"),
        (TrainConfig, {**FROZEN, "count_prediction": True}, "only the target's head: leave out --count-prediction"),
        (TrainConfig, {**FROZEN, "asv_lr": 0.5}, "--freeze-base trains no layer of the encoder: leave out --asv-lr"),
        (TrainConfig, {**TRAIN, "refit_clades": False}, "--no-refit-clades needs --pretrained-encoder"),
        (
            TrainConfig,
            {**TRAIN, "linear_path": False, "linear_path_decay": 1},
            "--no-linear-path leaves out what --linear-path-decay is for",
        ),
        (
            TrainConfig,
            {**TRAIN, "linear_path": False, "linear_path_lr": 1},
            "--no-linear-path leaves out what --linear-path-lr is for",
        ),
        (
            TrainConfig,
            {**TRAIN, "loss_config": '{"0": "mse", "age": "mae"}'},
            "--loss-config: '0' and 'age' are the same target: leave one out",
        ),
        (TrainConfig, {**TRAIN, "loss_config": '{"age": "mse", "age": "mae"}'}, "--loss-config names 'age' twice"),
        (TrainConfig, {**TRAIN, "loss_config": '{"1": "mse"}'}, "--loss-config: '1' is not one of the targets (age)"),
        (
            TrainConfig,
            {**TRAIN, "gradual_unfreezing": 5, "pretrained_encoder": "e", "epochs": 15},
            "--gradual-unfreezing 5 needs --epochs 16 or more, not 15",
        ),
        (TrainConfig, {**TRAIN, "classifier": True, "target_transform": "minmax"}, "--target-transform is for numeric"),
        (TrainConfig, {**TRAIN, "class_weights": "1,2"}, "--class-weights needs --classifier"),
        (TrainConfig, {**TRAIN, "test_size": 0.5, "validation_size": 0.5}, "together must be below 1"),
        (TrainConfig, {**TRAIN, "train_samples": "a"}, "--train-samples and --val-samples go together"),
        (TrainConfig, {**TRAIN, "test_samples": "a"}, "--test-samples needs"),
        (TrainConfig, {**TRAIN, **LISTS, "test_size": 0.1}, "lists of samples cannot be combined"),
        (TrainConfig, {**TRAIN, **LISTS, "split_column": "s"}, "lists of samples cannot be combined"),
        (TrainConfig, {**TRAIN, "split_column": "s", "test_size": 0.1}, "--split-column cannot be combined"),
        (PretrainConfig, {**PRETRAIN, "embedding_dim": 30}, "--embedding-dim 30 is not a multiple of"),
        (PretrainConfig, {**PRETRAIN, "epochs": 0}, "at least 1"),
        (
            TrainConfig,
            {**TRAIN, "normalize_by": TRAIN["metadata_column"]},
            "is the target: --normalize-by would leak the answer",
        ),
        (PredictConfig, {**PREDICT, "output_variance": True, "prediction_passes": 1}, "--output-variance needs"),
        (SimulateConfig, {"output_dir": "o", "asvs": 10, "asvs_per_sample": 20}, "--asvs-per-sample 20 is more than"),
    ],
)
def test_refused_combinations(config: type, flat: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        from_flat(config, flat)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("config", "flat"),
    [
        (TrainConfig, TRAIN),
        (TrainConfig, {**TRAIN, "freeze_base": True, "pretrained_encoder": "e", "nuc_penalty": 0}),
        (TrainConfig, {**FROZEN, "refit_clades": False, "count_prediction": False, "penalty": 0}),
        (TrainConfig, {**TRAIN, "pretrained_encoder": "e", "asv_lr": 0.5, "linear_path_decay": 1}),
        (TrainConfig, {**TRAIN, "linear_path": False}),
        (TrainConfig, {**TRAIN, "metadata_column": ["age", "ph"], "loss_config": '{"0": "mse", "ph": "mae"}'}),
        (TrainConfig, {**TRAIN, "metadata_column": ["1", "0"], "loss_config": '{"0": "mse", "1": "mae"}'}),
        (TrainConfig, {**TRAIN, "gradual_unfreezing": 5, "pretrained_encoder": "e", "epochs": 16}),
        (TrainConfig, {**TRAIN, "classifier": True, "class_weights": "balanced"}),
        (TrainConfig, {**TRAIN, **LISTS, "test_samples": "c"}),
        (TrainConfig, {**TRAIN, "split_column": "s"}),
        (PretrainConfig, PRETRAIN),
        (PredictConfig, {**PREDICT, "output_variance": True, "prediction_passes": 2}),
        (PredictConfig, {**PREDICT, "output_variance": True}),
    ],
)
def test_accepted_combinations(config: type, flat: dict[str, Any]) -> None:
    from_flat(config, flat)


def test_layers_of_the_levels() -> None:
    model = from_flat(PretrainConfig, {**PRETRAIN, "attention_layers": 3, "sample_layers": 0}).model
    assert model.layers == (3, 0, 3)
