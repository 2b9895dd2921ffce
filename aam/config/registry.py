"""The commands of the program: their names, their options, and what each does in a line."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from aam.config.commands.benchmark import BenchmarkConfig
from aam.config.commands.check import CheckConfig
from aam.config.commands.compare import CompareConfig
from aam.config.commands.demo import DemoConfig
from aam.config.commands.embed import EmbedConfig
from aam.config.commands.evaluate import EvaluateConfig
from aam.config.commands.explain import ExplainConfig
from aam.config.commands.info import InfoConfig
from aam.config.commands.learning_curve import CurveConfig
from aam.config.commands.predict import PredictConfig
from aam.config.commands.pretrain import PretrainConfig
from aam.config.commands.report import ReportConfig
from aam.config.commands.rf_baseline import ForestConfig
from aam.config.commands.runs import RunsConfig
from aam.config.commands.simulate import SimulateConfig
from aam.config.commands.train import TrainConfig
from aam.config.commands.tune import TEST_SHARE, TuneConfig
from aam.config.commands.unifrac import UnifracConfig
from aam.config.sharing.export import ExportConfig
from aam.config.sharing.models import ModelsConfig
from aam.config.sharing.pull import PullConfig
from aam.config.sharing.push import PushConfig

FIRST_COMMANDS = ("check", "train", "predict")
"""What a newcomer types, in this order."""
GROUPS = {
    "From a table to predictions": ("demo", "check", "train", "predict"),
    "How good it is": ("evaluate", "compare", "learning-curve", "tune", "rf-baseline", "benchmark"),
    "What it rests on": ("explain", "embed", "report"),
    "Models to keep, share and build on": ("models", "pull", "push", "export", "pretrain"),
    "Files and runs": ("info", "runs", "unifrac", "simulate"),
}
"""The commands as `aam --help` shows them."""

SHEET = ("metadata",)
JUDGED = {"cv": "", "test_size": f"Share of samples that judges the choice [{TEST_SHARE:g}]"}
"""Of `aam tune`, which refuses the one and gives the other a default of its own."""


class Command(NamedTuple):
    """One command. Its code is ``run(config)`` in the module of ``aam/cli/commands``, or another room, of its name.

    ``config`` is the type of its configuration; ``summary`` a line for ``--help`` and the reference page;
    ``positional`` the option that may be given without its flag, or several in their order, with a space between;
    ``needs`` options that this command requires and
    others with the same group of options do not; ``usual`` what ``--help`` says of options in place of their own words,
    and nothing of those for which it has none; ``room`` the room of ``aam/cli`` that has its module.
    """

    config: type[Any]
    summary: str
    positional: str = ""
    needs: tuple[str, ...] = ()
    usual: Mapping[str, str] = MappingProxyType({})
    room: str = "commands"

    @property
    def can_resume(self) -> bool:
        """Whether a run of this command can be continued."""
        return self.config in (PretrainConfig, TrainConfig, TuneConfig)


COMMANDS: dict[str, Command] = {
    "demo": Command(DemoConfig, "Run the whole workflow on a simulated study."),
    "check": Command(CheckConfig, "Check the inputs and options of a run (a dry run) and list every problem."),
    "pretrain": Command(PretrainConfig, "Pre-train an encoder on unlabelled samples."),
    "train": Command(TrainConfig, "Train a model to predict metadata columns, and write a report.", needs=SHEET),
    "predict": Command(PredictConfig, "Predict new samples with a trained model."),
    "evaluate": Command(
        EvaluateConfig,
        "Judge a model by new labelled samples: how good, how sure, and where it fails.",
        positional="model",
        needs=SHEET,
    ),
    "embed": Command(
        EmbedConfig, "Write vectors of samples, ASVs and clades; ordinate and test them.", positional="model"
    ),
    "explain": Command(
        ExplainConfig, "Explain predictions: which ASVs, clades and taxa they rest on.", positional="model"
    ),
    "export": Command(ExportConfig, "Write a model as ONNX, for programs without AAM.", "model", room="sharing"),
    "report": Command(
        ReportConfig, "Write the report of a finished run anew, or its figures as files.", positional="path"
    ),
    "rf-baseline": Command(ForestConfig, "Fit a random forest on the same samples and split.", needs=SHEET),
    "runs": Command(RunsConfig, "List the runs below a folder with their figures.", positional="folders"),
    "models": Command(ModelsConfig, "List the models of your index, add one, show one.", "name", room="sharing"),
    "pull": Command(PullConfig, "Take a model from a model hub into your index.", "repository", room="sharing"),
    "push": Command(
        PushConfig, "Send a model to a model hub, private unless you say so.", "model repository", room="sharing"
    ),
    "compare": Command(CompareConfig, "Compare finished runs on the same samples.", positional="runs"),
    "learning-curve": Command(CurveConfig, "Find out whether more samples would help, and by how much.", needs=SHEET),
    "tune": Command(
        TuneConfig, "Search for better options, and tell whether they are worth it.", needs=SHEET, usual=JUDGED
    ),
    "benchmark": Command(BenchmarkConfig, "Compare learners, their blend and a random forest on a suite of studies."),
    "unifrac": Command(UnifracConfig, "Write the distance matrix of a table."),
    "info": Command(InfoConfig, "Describe a file, model or run directory.", positional="path"),
    "simulate": Command(SimulateConfig, "Simulate a study with known truth."),
}
