"""`aam pretrain`: learn from samples without labels."""

from __future__ import annotations

from aam.config import PretrainConfig


def run(config: PretrainConfig) -> None:
    """Pre-train an encoder."""
    from aam.training.run.build_run import prepare_pretraining
    from aam.workflows.train import run_training

    run_training(config, "pretrain", lambda: prepare_pretraining(config))
