"""What the estimators have in common: reading X, making the configuration, saving and loading."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import Tags, check_array
from sklearn.utils.validation import check_is_fitted, validate_data

from aam.config import TableOptions, from_flat
from aam.config.option import fields
from aam.data.readers.feature_ids import takes_names
from aam.data.readers.strand import SequenceSet, compare
from aam.data.study.study import Study
from aam.estimators.options import as_value_errors
from aam.estimators.tables import NAME, check_frame, check_study, study_of_array, study_of_frame
from aam.estimators.targets import FEWEST_SAMPLES
from aam.workflows.trained.loading import load_model
from aam.workflows.trained.model import TrainedModel

ConfigT = TypeVar("ConfigT")
Direction = Literal["auto", "yes", "no"]
OWN = {"sequences"}
"""Parameters that mean something else than the option of their name."""


class Estimator(BaseEstimator):
    """Base of the estimators; their parameters are options of the command line under the same names.

    Attributes
    ----------
    trained_
        The models, and what describes them.
    n_features_in_
        Columns of the table that was given in fit.
    """

    trained_: TrainedModel
    sequences: Any
    seed: int
    device: str
    n_features_in_: int

    def save(self, path: str | Path) -> None:
        """Write the model folder, which `aam predict`, `aam info` and :meth:`load` read.

        Parameters
        ----------
        path
            The folder; made if it is not there. A model that it holds is replaced.

        Raises
        ------
        DataError
            If it holds a ``README.md`` or ``config.json`` of other origin.
        """
        check_is_fitted(self)
        with as_value_errors():
            self.trained_.save(path)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the model folder: :meth:`save` under the name that other libraries have for it.

        Parameters
        ----------
        folder
            As there; raises what it does.
        """
        self.save(folder)

    @classmethod
    def from_pretrained(cls, model: str | Path, **parameters: Any) -> Self:
        """An estimator that is fitted already, with a model of a folder, of a run, or of the user's index by its name.

        Nothing is downloaded: :func:`aam.pull`, or `aam pull`, takes a model from a hub into the index.

        Parameters
        ----------
        model
            Model folder, run directory, or a name that ``aam models`` lists. What is there as a path goes first.
        **parameters
            As in :meth:`load`.

        Raises
        ------
        CheckpointError
            If there is no such model, it is damaged, or not one of this kind.
        """
        return cls.load(model, **parameters)

    @classmethod
    def load(cls, path: str | Path, **parameters: Any) -> Self:
        """An estimator that is fitted already, with the model of a folder or of a run of the command line.

        Parameters
        ----------
        path
            Model folder, a run directory that holds one, or a name of the user's index of models.
        **parameters
            Parameters of the constructor that matter for predictions: ``sequences``, ``seed``, ``device``, and of
            predictors ``val_prediction_passes``, which is that of the model where left out. Those of training are not
            restored.

        Raises
        ------
        CheckpointError
            If there is no such model, it is damaged, or not one of this kind.
        """
        trained = load_model(path)
        if "val_prediction_passes" in cls._get_param_names():
            parameters = {"val_prediction_passes": trained.manifest.prediction_passes, **parameters}
        estimator = cls(**parameters)
        estimator._take(trained, str(path))
        return estimator

    def _take(self, trained: TrainedModel, source: str) -> None:
        """Be fitted with models of a folder."""
        raise NotImplementedError

    def _options(self, config: type[ConfigT], **fixed: Any) -> ConfigT:
        """The configuration that the parameters make, with what stands for files and columns."""
        known = {field.name for _, field, _ in fields(config)} - OWN
        given = {name: value for name, value in self.get_params(deep=False).items() if name in known}
        with as_value_errors():
            return from_flat(config, {"table": [NAME], "output_dir": ".", "cache": False, **given, **fixed})

    def _study(self, X: Any, options: TableOptions, *, reset: bool, needs_dna: bool = True) -> Study:
        """The study of X.

        Parameters
        ----------
        X
            A study, a data frame, an array or a sparse matrix.
        options
            What is done with its sequences.
        reset
            Whether it is that of fit.
        needs_dna
            Whether the ids of ASVs may not be any names.
        """
        if isinstance(X, Study):
            with as_value_errors():
                check_study(X, options, needs_dna=needs_dna)
            self._note_columns(X.shape[1], reset=reset)
            return X
        checks: dict[str, Any] = {"accept_sparse": "csr", "dtype": "numeric", "ensure_non_negative": True}
        checks |= {"ensure_min_samples": FEWEST_SAMPLES if reset else 1}
        if getattr(X, "columns", None) is None:
            counts_NA = validate_data(self, X, reset=reset, **checks)
        else:
            with as_value_errors():
                check_frame(X)
            # The columns of a frame are not compared with those of fit: another table has other ASVs.
            counts_NA = check_array(X, estimator=self, input_name=NAME, **checks)
            self._note_columns(counts_NA.shape[1], reset=reset)
        with as_value_errors():
            return self._study_of_counts(X, counts_NA, options, needs_dna=needs_dna)

    def _study_to_predict(self, X: Any) -> Study:
        """The study of X, its sequences turned around and cut as those of the training samples were."""
        check_is_fitted(self)
        data = self.trained_.manifest.data
        wanted, known = data.get("reverse_complement"), self.trained_.known_sequences
        read = partial(self._study, X, reset=False, needs_dna=not takes_names(data))
        if wanted != "auto":
            return read(_as_trained(data, wanted))
        study = read(_as_trained(data, "no"))
        if isinstance(X, Study) or known is None:
            return study
        reads = np.asarray(study.table.counts.sum(axis=0), dtype=np.float64).ravel()
        is_other = compare(SequenceSet(study.tokens, reads), known).is_other_strand
        return read(_as_trained(data, "yes")) if is_other else study

    def _study_of_counts(self, X: Any, counts_NA: Any, options: TableOptions, *, needs_dna: bool) -> Study:
        """The study of a table whose counts have been checked."""
        if getattr(X, "columns", None) is None:
            return study_of_array(counts_NA, self.sequences, options, needs_dna=needs_dna)
        return study_of_frame(X, counts_NA, self.sequences, options, needs_dna=needs_dna)

    def _note_columns(self, number: int, *, reset: bool) -> None:
        if reset:
            self.n_features_in_ = number

    def __sklearn_tags__(self) -> Tags:
        """Counts, dense or sparse."""
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        tags.input_tags.sparse = True
        return tags


def _as_trained(data: Mapping[str, Any], direction: Direction | None) -> TableOptions:
    """How the sequences of a table to predict are treated."""
    return TableOptions(table=(Path(NAME),), trim_length=data["trim_length"], reverse_complement=direction)
