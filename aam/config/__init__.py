"""The typed configuration: the one source of the command line, the YAML file, the saved run and the reference page."""

from aam.config.benchmark import BenchmarkConfig
from aam.config.check import CheckConfig
from aam.config.commands import (
    DemoConfig,
    ForestConfig,
    InfoConfig,
    PredictConfig,
    PretrainConfig,
    ReportConfig,
    UnifracConfig,
)
from aam.config.covariates import CovariateOptions
from aam.config.distributed import DistributedOptions
from aam.config.learners import LearnerOptions
from aam.config.memory import MemoryOptions
from aam.config.optim import OptimOptions
from aam.config.option import from_flat, replace, to_flat
from aam.config.sections import (
    ModelOptions,
    ObjectiveOptions,
    RunOptions,
    SamplingOptions,
    SplitOptions,
    StudyOptions,
    TableOptions,
)
from aam.config.simulate import SimulateConfig
from aam.config.target import HeadOptions, LossOptions, TargetOptions
from aam.config.train import EvaluationOptions, TrainConfig, TransferOptions

__all__ = [
    "BenchmarkConfig",
    "CheckConfig",
    "CovariateOptions",
    "DemoConfig",
    "DistributedOptions",
    "EvaluationOptions",
    "ForestConfig",
    "HeadOptions",
    "InfoConfig",
    "LearnerOptions",
    "LossOptions",
    "MemoryOptions",
    "ModelOptions",
    "ObjectiveOptions",
    "OptimOptions",
    "PredictConfig",
    "PretrainConfig",
    "ReportConfig",
    "RunOptions",
    "SamplingOptions",
    "SimulateConfig",
    "SplitOptions",
    "StudyOptions",
    "TableOptions",
    "TargetOptions",
    "TrainConfig",
    "TransferOptions",
    "UnifracConfig",
    "from_flat",
    "replace",
    "to_flat",
]
