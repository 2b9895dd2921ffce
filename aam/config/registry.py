"""The commands of the program: their names, what each can be told, and what each does in a line."""

from __future__ import annotations

from typing import Any, NamedTuple

from aam.config.check import CheckConfig
from aam.config.commands import (
    DemoConfig,
    ForestConfig,
    InfoConfig,
    PredictConfig,
    PretrainConfig,
    SimulateConfig,
    UnifracConfig,
)
from aam.config.train import TrainConfig


class Command(NamedTuple):
    """One command. Its code is ``run(config)`` in the module of ``aam/cli`` that has its name.

    ``config`` is the type of its configuration; ``summary`` a line for ``--help`` and the reference page;
    ``positional`` the option that may be given without its flag.
    """

    config: type[Any]
    summary: str
    positional: str = ""

    @property
    def can_resume(self) -> bool:
        """Whether a run of this command can be continued."""
        return self.config in (PretrainConfig, TrainConfig)


COMMANDS: dict[str, Command] = {
    "demo": Command(DemoConfig, "Run the whole job on a simulated study, and say where the report is."),
    "check": Command(CheckConfig, "Read the inputs, list every problem at once, and start nothing."),
    "pretrain": Command(PretrainConfig, "Learn from samples without labels: DNA, distances, abundances."),
    "train": Command(TrainConfig, "Learn to predict a column of the sample sheet, and write a report."),
    "predict": Command(PredictConfig, "Predict new samples with a trained model."),
    "rf-baseline": Command(ForestConfig, "Fit a random forest on the same samples and the same split."),
    "unifrac": Command(UnifracConfig, "Compute the distances between all samples of a table, and write the matrix."),
    "info": Command(InfoConfig, "Say what a file, model or run directory is.", positional="path"),
    "simulate": Command(SimulateConfig, "Make a study whose truth is known."),
}
