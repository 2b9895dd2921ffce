"""The models that are explained: one, those of the folds of a cross-validation, or several of the same targets."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aam.errors import CheckpointError
from aam.models.folder.paths import find_weights
from aam.runs.layout import CONFIG, FINISHED, FOLDS, command_of, is_run_directory
from aam.runs.sample_lists import learned_from, run_of, sample_lists
from aam.runs.saved_options import training_config


@dataclass(frozen=True, kw_only=True)
class ModelSource:
    """A model, and what its run says of samples.

    Attributes
    ----------
    name
        What it is called beside others: the fold, or the name of its run.
    path
        Where it lies.
    place
        Which of the models that were named it belongs to.
    learned
        Ids of the samples that it learned from, where that is known.
    held_out
        Ids of its test samples.
    group_column
        The column of groups of its run; None where there was none, or the run is not known.
    missing
        Further words for a missing value of the target in its run.
    """

    name: str
    path: Path
    place: int
    learned: frozenset[str] = frozenset()
    held_out: frozenset[str] = frozenset()
    group_column: str | None = None
    missing: tuple[str, ...] = ()


def model_sources(paths: Sequence[Path]) -> list[ModelSource]:
    """The models at some places.

    Raises
    ------
    CheckpointError
        If there is no model, or the run is unfinished.
    """
    found = [source for place, path in enumerate(paths) for source in _sources_of(path, place, len(paths) > 1)]
    times = Counter(source.name for source in found)
    repeated = [source.name for source in found if times[source.name] > 1]
    if not repeated:
        return found
    return [dataclasses.replace(source, name=f"{source.place + 1}: {source.name}") for source in found]


def is_cross_validation(path: Path) -> bool:
    """Whether a folder is the run directory of a cross-validation."""
    return is_run_directory(path) and (path / FOLDS).is_dir()


def _sources_of(path: Path, place: int, is_one_of_many: bool) -> list[ModelSource]:
    own = path.name if path.name not in ("", ".", "..") else path.resolve().name
    if not is_cross_validation(path):
        find_weights(path)
        return [_source(own, path, place, run_of(path))]
    folds = sorted(one for one in (path / FOLDS).iterdir() if one.is_dir())
    if not folds:
        raise CheckpointError(f"{path}: the cross-validation has no folds")
    for one in folds if (path / FINISHED).exists() else (path,):
        find_weights(one)
    return [_source(f"{own}/{one.name}" if is_one_of_many else one.name, one, place, one) for one in folds]


def _source(name: str, path: Path, place: int, run: Path | None) -> ModelSource:
    if run is None:
        return ModelSource(name=name, path=path, place=place)
    test = sample_lists(run)["test"]
    found = ModelSource(name=name, path=path, place=place, learned=learned_from(run), held_out=test)
    if command_of(run) != "train":
        return found
    options = training_config(run / CONFIG)
    return dataclasses.replace(found, group_column=options.split.group_column, missing=options.target.missing)
