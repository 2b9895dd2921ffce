"""`aam pretrain`: learn from samples without labels."""

from __future__ import annotations

from aam.config import PretrainConfig


def run(config: PretrainConfig) -> None:
    """Pre-train an encoder."""
    from aam.cli.running import run_training
    from aam.training.prepare import prepare_pretraining

    run_training(config, "pretrain", lambda: prepare_pretraining(config))
