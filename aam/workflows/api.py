"""AAM in Python: the commands as functions that take their options as keyword arguments."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aam.config import CompareConfig, CurveConfig, PredictConfig, PretrainConfig, TrainConfig, TuneConfig, from_flat
from aam.config.commands.embed import EmbedConfig, EmbedInMemoryConfig
from aam.config.commands.evaluate import EvaluateConfig
from aam.config.commands.explain import ExplainConfig, ExplainInMemoryConfig
from aam.config.commands.predict import PredictInMemoryConfig
from aam.config.commands.runs import RunsConfig
from aam.config.commands.study import StudyConfig
from aam.config.distributed import LAUNCHED
from aam.config.keywords import Parameter, parameters_of, takes_options
from aam.config.option import read_values
from aam.config.registry import COMMANDS
from aam.data.study.study import Study, TargetRequest
from aam.data.study.study import load_study as read_study
from aam.data.targets.kinds import Predictions, chosen_kind
from aam.errors import ConfigError
from aam.runs.saved_options import complete_config, options_of_file
from aam.workflows import examples
from aam.workflows.explain.result import ExplanationResult
from aam.workflows.python_words import python_words as _python_words
from aam.workflows.runs import train as training
from aam.workflows.runs.results import CrossValidationResult, TrainResult

if TYPE_CHECKING:
    from aam.files.columns import Columns
    from aam.workflows.compare import Comparison
    from aam.workflows.embedding.result import Embedding
    from aam.workflows.evaluate.run import EvaluationResult
    from aam.workflows.learning_curve.run import LearningCurve
    from aam.workflows.tune.tuning import Tuning

CONFIG = {
    "config": Parameter(None, "YAML file with options, such as the config.yaml of a run; arguments take precedence.")
}


@takes_options(parameters_of(StudyConfig), examples.LOAD_STUDY)
def load_study(*, needs_dna: bool = True, **options: Any) -> Study:
    """Read a feature table with its metadata, tree, distances and taxonomy, and align them.

    Parameters
    ----------
    needs_dna : default=True
        Whether ASVs whose DNA is not known are refused. If not, their ids may be any names, as of taxa.
    {parameters}

    Returns
    -------
    Study
        The samples that all files have in common. Indexing takes some of them: ``study[:10]``. ``study.flow`` says
        which were left out and why; ``study.targets`` has the values of each target.

    Raises
    ------
    ConfigError, InputError
        If an option or a file cannot be used.
    """
    with _python_words(options):
        config = from_flat(StudyConfig, options)
        target = config.target
        request = TargetRequest(
            columns=target.metadata_column, kind=chosen_kind(target), missing=target.missing, weight_column=None
        )
        wanted = request if target.metadata_column else None
        return read_study(config.table, config.study, None, wanted, needs_dna=needs_dna)


@takes_options({**CONFIG, **parameters_of(PretrainConfig)})
def pretrain(**options: Any) -> TrainResult:
    """Pre-train an encoder on samples without labels: `aam pretrain`.

    Parameters
    ----------
    {parameters}

    Returns
    -------
    TrainResult
        The run directory and its best epoch.

    Raises
    ------
    ConfigError, InputError
        If an option or a file cannot be used.
    PreemptedError
        If a signal (such as Ctrl-C) stopped the run; ``resume_from`` continues it.
    NonFiniteError, RunError
        If the loss is not finite; if memory or disk ran out.
    """
    with _python_words(), _callers_torch():
        return training.pretrain(_run_config("pretrain", options))


@takes_options({**CONFIG, **parameters_of(TrainConfig)}, examples.TRAIN)
def train(**options: Any) -> TrainResult:
    """Train a predictor, or an ensemble, into a run directory with a report: `aam train`.

    Parameters
    ----------
    {parameters}

    Returns
    -------
    TrainResult
        The run directory, and how good the model and its baselines are on held-out samples.

    Raises
    ------
    CheckpointError
        If the pre-trained encoder cannot be used.
    ConfigError, InputError, PreemptedError, NonFiniteError, RunError
        As :func:`pretrain`. A cross-validation is :func:`cross_validate`.
    """
    with _python_words(), _callers_torch():
        return training.train(_run_config("train", options))


@takes_options({**CONFIG, **parameters_of(TrainConfig)})
def cross_validate(**options: Any) -> CrossValidationResult:
    """Train and judge a model (or an ensemble) for each of ``cv`` folds, as `aam train` does with folds.

    Parameters
    ----------
    {parameters}

    Returns
    -------
    CrossValidationResult
        The folds' runs, and how good the models are on all samples, each predicted when it was held out.

    Raises
    ------
    CheckpointError, ConfigError, InputError, PreemptedError, NonFiniteError, RunError
        As :func:`train`.
    """
    with _python_words(), _callers_torch():
        return training.cross_validate(_run_config("train", options))


@takes_options({**parameters_of(PredictConfig, output=None)}, examples.PREDICT)
def predict(**options: Any) -> dict[str, Predictions]:
    """Predict the samples of a table with a model folder: `aam predict`.

    Parameters
    ----------
    {parameters}

    Returns
    -------
    dict of str to Predictions
        Target column -> its predictions, in the order of the table's samples.

    Raises
    ------
    CheckpointError
        If the model cannot be used.
    ConfigError, InputError
        If an option or a file cannot be used.
    """
    from aam.workflows.predict import predict_and_write, predict_in_memory

    with _python_words(options):
        if options.get("output") is not None:
            return predict_and_write(from_flat(PredictConfig, options))
        given = {name: value for name, value in options.items() if name != "output"}
        return predict_in_memory(from_flat(PredictInMemoryConfig, given))


@takes_options(parameters_of(EvaluateConfig), examples.EVALUATE)
def evaluate(**options: Any) -> EvaluationResult:
    """Judge a model by new labelled samples: `aam evaluate`.

    Parameters
    ----------
    {parameters}

    Returns
    -------
    EvaluationResult
        ``summary`` in sentences; ``metrics``; ``tables``, each with ``to_frame()``; ``figures``; ``predictions``; and
        all of it by target in ``evaluation``.

    Raises
    ------
    CheckpointError
        If the model cannot be used.
    ConfigError, InputError, RunError
        If an option, a file or the folder cannot be used; if the disk has no room.
    """
    from aam.workflows.evaluate.run import evaluate as judged

    with _python_words(options):
        return judged(from_flat(EvaluateConfig, options))


def _run_config(command: str, options: Mapping[str, Any]) -> Any:
    """The configuration of a run in this process."""
    given = dict(options)
    of_file = {} if (path := given.pop("config", None)) is None else options_of_file(command, Path(path))
    config = complete_config(command, of_file | read_values(COMMANDS[command].config, given))
    if config.distributed.wanted != 1 and LAUNCHED not in os.environ:
        raise ConfigError(
            "--devices: Python trains in its own process; start several with `aam train`, or with torchrun "
            "(--distributed)"
        )
    return config


@contextmanager
def _callers_torch() -> Iterator[None]:
    from aam.workflows.in_memory import preserved_torch_state

    with preserved_torch_state():
        yield


@takes_options({**parameters_of(EmbedConfig, output_dir=None)})
def embed(**options: Any) -> Embedding:
    """Vectors of samples, ASVs and clades as a model has them, ordinations and tests: `aam embed`.

    Parameters
    ----------
    {parameters}

    Returns
    -------
    Embedding
        Vectors, ordinations, tests and nearest training samples as tables, with ``to_frame()`` for pandas; ``figures``
        are those of the report. Nothing is written where no ``output_dir`` is given.

    Raises
    ------
    CheckpointError
        If the model cannot be used.
    ConfigError, InputError
        If an option or a file cannot be used.
    """
    from aam.workflows.embedding.run import embed as embed_and_write
    from aam.workflows.embedding.run import embed_in_memory

    with _python_words(options):
        if options.get("output_dir") is not None:
            return embed_and_write(from_flat(EmbedConfig, options))
        if options.get("overwrite"):
            raise ConfigError("--overwrite is for --output-dir; without it nothing is written")
        given = {name: value for name, value in options.items() if name not in ("output_dir", "overwrite")}
        return embed_in_memory(from_flat(EmbedInMemoryConfig, given))


@takes_options(parameters_of(CompareConfig))
def compare(**options: Any) -> Comparison:
    """Compare finished runs on the samples that all of them predict: `aam compare`.

    Parameters
    ----------
    {parameters}

    Returns
    -------
    Comparison
        ``metrics``, ``differences``, ``predictions`` and ``options`` are tables (columns of arrays; ``.to_frame()``
        makes a data frame), ``summary`` and ``notes`` sentences, ``figures`` the figures.

    Raises
    ------
    ConfigError, InputError
        If a run cannot be read, there is no sample that all predict, or their truths differ.
    """
    from aam.workflows.compare import compare as compare_runs

    with _python_words(options):
        return compare_runs(from_flat(CompareConfig, options))


@takes_options(parameters_of(RunsConfig), examples.LIST_RUNS)
def list_runs(**options: Any) -> Columns:
    """List the runs below some folders with how good they are: `aam runs`.

    Parameters
    ----------
    {parameters}

    Returns
    -------
    Columns
        A row for each run and target (columns of arrays; ``.to_frame()`` makes a data frame): those of the table that
        ``aam runs --output`` writes.

    Raises
    ------
    ConfigError, InputError
        If a folder is not there, the condition cannot be used, or the table cannot be written.
    """
    from aam.workflows.listing.run import list_runs as find_and_read

    with _python_words():
        return find_and_read(from_flat(RunsConfig, options))


@takes_options(parameters_of(CurveConfig))
def learning_curve(**options: Any) -> LearningCurve:
    """Find out whether more samples would help, and by how much: `aam learning-curve`.

    Parameters
    ----------
    {parameters}

    Returns
    -------
    LearningCurve
        ``points`` and ``forecasts`` are tables (with ``.to_frame()``), ``summary`` sentences, ``figures`` the figures.

    Raises
    ------
    ConfigError, InputError
        If an option or a file cannot be used.
    """
    from aam.workflows.learning_curve.run import learning_curve as compute_curve

    with _python_words(options):
        return compute_curve(from_flat(CurveConfig, options))


@takes_options({**CONFIG, **parameters_of(TuneConfig)})
def tune(**options: Any) -> Tuning | None:
    """Search for better options of a training, and tell whether it is worth it: `aam tune`.

    Parameters
    ----------
    {parameters}

    Returns
    -------
    Tuning or None
        ``config`` holds the options of the choice; ``trials`` and ``outer`` are tables (with ``.to_frame()``),
        ``summary`` sentences, ``figures`` the figures. None where other processes still run trials of the search.

    Raises
    ------
    ConfigError, InputError
        If an option, a file or the folder cannot be used, or optuna is not installed.
    RunError
        If no trial has a result.
    """
    from aam.workflows.tune.run import tune as search

    with _python_words(), _callers_torch():
        return search(_run_config("tune", options))


@takes_options({**parameters_of(ExplainConfig, output_dir=None)}, examples.EXPLAIN)
def explain(**options: Any) -> ExplanationResult:
    """Explain what predictions rest on: `aam explain`.

    Parameters
    ----------
    {parameters}

    Returns
    -------
    ExplanationResult
        Effects with intervals; its tables become data frames by ``to_frame()``. ``summary`` says in sentences what was
        found, ``figures`` are matplotlib figures by name. Files are written if ``output_dir`` is given.

    Raises
    ------
    CheckpointError
        If a model cannot be used.
    ConfigError, InputError
        If an option or a file cannot be used.
    """
    from aam.workflows.explain.explain import explain as explain_in_files
    from aam.workflows.explain.write import explain_and_write

    with _python_words(options):
        if options.get("output_dir") is not None:
            return explain_and_write(from_flat(ExplainConfig, options))
        own = ("output_dir", "overwrite", "interactive", "h5ad", "samples_table")
        if given := [name for name in own[1:] if options.get(name)]:
            raise ConfigError(f"{given[0]} needs output_dir")
        return explain_in_files(from_flat(ExplainInMemoryConfig, {n: v for n, v in options.items() if n not in own}))
