"""The typed configuration: the one source of the command line, the YAML file, the saved run and the reference page."""

from aam.config.augmentation import AugmentationOptions
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
from aam.config.commands.train import EvaluationOptions, TrainConfig, TransferOptions
from aam.config.commands.tune import TuneConfig
from aam.config.commands.unifrac import UnifracConfig
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
from aam.config.sharing.export import ExportConfig
from aam.config.sharing.models import ModelsConfig
from aam.config.sharing.pull import PullConfig
from aam.config.sharing.push import PushConfig
from aam.config.target import HeadOptions, LossOptions, TargetOptions
from aam.config.tracking import TrackingOptions

__all__ = [
    "AugmentationOptions",
    "BenchmarkConfig",
    "CheckConfig",
    "CompareConfig",
    "CovariateOptions",
    "CurveConfig",
    "DemoConfig",
    "DistributedOptions",
    "EmbedConfig",
    "EvaluateConfig",
    "EvaluationOptions",
    "ExplainConfig",
    "ExportConfig",
    "ForestConfig",
    "HeadOptions",
    "InfoConfig",
    "LearnerOptions",
    "LossOptions",
    "MemoryOptions",
    "ModelOptions",
    "ModelsConfig",
    "ObjectiveOptions",
    "OptimOptions",
    "PredictConfig",
    "PretrainConfig",
    "PullConfig",
    "PushConfig",
    "ReportConfig",
    "RunOptions",
    "RunsConfig",
    "SamplingOptions",
    "SimulateConfig",
    "SplitOptions",
    "StudyOptions",
    "TableOptions",
    "TargetOptions",
    "TrackingOptions",
    "TrainConfig",
    "TransferOptions",
    "TuneConfig",
    "UnifracConfig",
    "from_flat",
    "replace",
    "to_flat",
]
