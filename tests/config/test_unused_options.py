from __future__ import annotations

from typing import Any

import pytest

from aam.config import PredictConfig, PretrainConfig, TrainConfig, from_flat, replace
from aam.config.unused_options import check_used
from aam.errors import ConfigError

PRETRAIN: dict[str, Any] = {"table": ["t"], "output_dir": "o"}
TRAIN: dict[str, Any] = {**PRETRAIN, "metadata": "m", "metadata_column": "age", "learners": "network"}

USED: list[dict[str, Any]] = [
    {},
    {"tree": "t.nwk", "root": "midpoint", "missing_tips": "drop"},
    {"distances": "u.npy", "distance_ids": "i.txt"},
    {"taxonomy": "x.tsv", "taxonomy_level": 2},
    {"optimizer": "sgd", "momentum": 0.5},
    {"lr": 0.1, "scheduler": "cosine", "scheduler_eta_min": 0.1},
    {"scheduler": "cosine_restarts", "scheduler_eta_min": 1e-6, "scheduler_t_mult": 3},
    {"lr": 0.1, "scheduler": "plateau", "scheduler_patience": 1, "scheduler_factor": 0.5, "scheduler_min_lr": 0.01},
    {"encoder_type": "generalized_unifrac", "unifrac_alpha": 1.0},
    {"encoder_type": "weighted_unifrac", "unifrac_normalized": False},
]


@pytest.mark.parametrize("options", USED, ids=lambda options: " ".join(options) or "none")
def test_options_that_are_used(options: dict[str, Any]) -> None:
    for kind, flat in ((TrainConfig, TRAIN), (PretrainConfig, PRETRAIN)):
        config = from_flat(kind, {**flat, **options})
        check_used(config.study, config.objective, config.optim)


@pytest.mark.parametrize("options", USED[1:], ids=" ".join)
@pytest.mark.parametrize("kind", [TrainConfig, PretrainConfig])
def test_the_same_options_without_what_uses_them(kind: type, options: dict[str, Any]) -> None:
    uses = ("tree", "distances", "taxonomy", "optimizer", "lr", "scheduler", "encoder_type")
    alone = {name: value for name, value in options.items() if name not in uses}
    flat = TRAIN if kind is TrainConfig else PRETRAIN
    with pytest.raises(ConfigError) as caught:
        from_flat(kind, {**flat, **alone, "scheduler": "none"})
    assert len(caught.value.problems) == len(alone)
    assert all(" needs --" in problem for problem in caught.value.problems)


def test_a_rate_that_is_settled_later_is_compared_then() -> None:
    config = from_flat(TrainConfig, {**TRAIN, "scheduler_eta_min": 0.01})
    with pytest.raises(ConfigError, match=r"--scheduler-eta-min 0\.01 is above --lr 0\.001"):
        replace(config, lr=0.001)


@pytest.mark.parametrize(
    ("options", "name"), [({"not_missing": ["NA"]}, "not-missing"), ({"match_ids": "loose"}, "match-ids")]
)
def test_what_is_asked_of_metadata_needs_metadata(options: dict[str, Any], name: str) -> None:
    with pytest.raises(ConfigError, match=f"^--{name} needs --metadata: leave it out$"):
        from_flat(PretrainConfig, {**PRETRAIN, **options})
    from_flat(PretrainConfig, {**PRETRAIN, **options, "metadata": "m.tsv"})


def test_ids_of_predicted_samples_match_those_of_metadata() -> None:
    flat = {"model": "m", "table": ["t"], "output": "o.tsv", "match_ids": "loose"}
    with pytest.raises(ConfigError, match=r"^--match-ids needs --metadata: leave it out$"):
        from_flat(PredictConfig, flat)
    from_flat(PredictConfig, {**flat, "metadata": "m.tsv"})
