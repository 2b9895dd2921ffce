"""Which study a sample is of, and levels by which training is balanced."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from aam.config import PretrainConfig, TrainConfig
from aam.config.option import suggest
from aam.config.studies import CLASS, STUDY
from aam.data.study.split import complete_labels
from aam.errors import ConfigError, InputError
from aam.text import listed, shorten

MOST_LISTED = 8
"""Levels that are named with their samples."""

if TYPE_CHECKING:
    from aam.data.study.study import Study


def study_labels(study: Study, column: str, option: str) -> np.ndarray:
    """The study of each sample.

    Parameters
    ----------
    study
        The samples.
    column
        The column of studies, which merged tables have made or the metadata has.
    option
        What needs it, for messages.

    Raises
    ------
    ConfigError, InputError
        If there is no such column, only one study, or a sample without one.
    """
    if study.metadata is None or column not in study.metadata.columns:
        known = [] if study.metadata is None else list(study.metadata.columns)
        raise ConfigError(
            f"{option} needs several studies: give --table for each, or name their metadata column by --study-column "
            f"(there is no column '{shorten(column)}'{suggest(column, known)})"
        )
    labels = complete_labels(column, study, option)
    if len(set(labels)) < 2:
        problem = f"column '{shorten(column)}' has one study ('{shorten(str(labels[0]))}')"
        raise InputError(study.metadata.source, problem, f"{option} needs two or more")
    return labels


def several_studies(study: Study, column: str) -> np.ndarray | None:
    """The study of each sample where there are several and every sample has one; None otherwise."""
    sheet = study.metadata
    if sheet is None or column not in sheet.columns:
        return None
    labels = sheet.labels(column)
    return labels if (labels != "").all() and 1 < len(set(labels)) < len(labels) else None


def studies_of_table(study: Study, column: str) -> np.ndarray:
    """The study of each sample of any table: as its metadata says, else the table that it is from."""
    if study.metadata is None or column not in study.metadata.columns:
        return study.table.studies.astype(str)
    labels, tables = study.metadata.labels(column), study.table.studies
    return np.where(labels == "", tables, labels).astype(str)


def balance_levels(config: TrainConfig | PretrainConfig, study: Study) -> np.ndarray | None:
    """The level of each sample that counts the same as any other level in training; None where nothing is balanced.

    Raises
    ------
    ConfigError, InputError
        If there is no such column, or a sample has no level.
    """
    column, option = config.balance.balance_by, "--balance-by"
    if column is None:
        return None
    if column == STUDY:
        return study_labels(study, config.study.study_column, f"{option} {STUDY}").astype(str)
    if column == CLASS:
        assert study.target is not None
        return study.target.astype(str)
    labels = complete_labels(column, study, option).astype(str)
    if len(set(labels)) < 2:
        assert study.metadata is not None
        problem = f"column '{shorten(column)}' has one level ('{shorten(str(labels[0]))}'): nothing to balance"
        raise InputError(study.metadata.source, problem, "leave out --balance-by, or name another column")
    return labels


def balance_notes(config: TrainConfig | PretrainConfig, level_N: np.ndarray | None, rows: np.ndarray) -> list[str]:
    """By what training is balanced, and how many samples each level has; nothing where nothing is balanced.

    Parameters
    ----------
    config
        The options.
    level_N
        From :func:`balance_levels`.
    rows
        The samples that are learned from.
    """
    if level_N is None:
        return []
    column = config.balance.balance_by
    of = {STUDY: f"studies ('{shorten(config.study.study_column)}')", CLASS: "classes"}
    what = of.get(str(column), f"levels of '{shorten(str(column))}'")
    names, counts = np.unique(level_N[rows].astype(str), return_counts=True)
    sizes = listed([f"{shorten(name)} {count:,}" for name, count in zip(names, counts, strict=True)], MOST_LISTED)
    how = "all count the same in training, whatever their samples"
    return [f"balanced by {what}: {how} ({sizes})"]


def level_weights(labels: np.ndarray) -> np.ndarray:
    """Weights by which each level counts the same, with a mean of 1."""
    _, place, counts = np.unique(labels.astype(str), return_inverse=True, return_counts=True)
    return np.asarray(len(labels) / (len(counts) * counts[place]), dtype=np.float64)


def joined(studies: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
    """A number for each sample, the same for samples of one study, and for studies that a group connects."""
    study_of = np.unique(studies.astype(str), return_inverse=True)[1]
    if groups is None:
        return study_of
    group_of = np.unique(groups.astype(str), return_inverse=True)[1] + study_of.max() + 1
    size = int(group_of.max()) + 1
    links = csr_array((np.ones(len(study_of)), (study_of, group_of)), (size, size))
    return np.asarray(connected_components(links, directed=False)[1][study_of])
