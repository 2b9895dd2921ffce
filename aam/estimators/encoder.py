"""The encoder of samples: pre-trained on X, or taken as it is."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags

from aam.config import PretrainConfig, TrainConfig
from aam.config.keywords import documented
from aam.config.option import read_values
from aam.errors import CheckpointError
from aam.estimators.base import Estimator
from aam.estimators.options import ENCODER, ParameterError, as_value_errors, constructor
from aam.estimators.targets import Answers, training_study
from aam.models.sequence_predictor import encoder_of
from aam.text import listed
from aam.workflows.in_memory import fit_encoder, preserved_torch_state
from aam.workflows.trained.model import TrainedModel
from aam.workflows.trained.networks import NetworkModel, load_networks

OF_TRANSFORM = ("sequences", "seed", "device", "pretrained_encoder")


class AAMEncoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Estimator):
    """Turns samples into vectors: pre-trained on them without labels, as `aam pretrain` does, or as an encoder is.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    trained_
        The model, and what describes it.
    n_features_in_
        Columns of the table that was given in fit.

    Notes
    -----
    X is as in :class:`AAMRegressor`. A study with a tree is what UniFrac can be learned from; of a table, the encoder
    learns Bray-Curtis distances.
    """

    trained_: NetworkModel

    __doc__ = documented(__doc__, ENCODER)
    __init__ = constructor(ENCODER)
    pretrained_encoder: Any

    def fit(self, X: Any, y: Any = None) -> Self:
        """Pre-train, or take the encoder of ``pretrained_encoder``.

        Parameters
        ----------
        X
            Samples.
        y
            Passed over.

        Raises
        ------
        ValueError
            If the samples, the parameters or a combination of them cannot work.
        """
        if self.pretrained_encoder not in (None, "none"):
            return self._fit_nothing(X)
        config = self._options(PretrainConfig)
        study = self._study(X, config.table, reset=True)
        with as_value_errors(), preserved_torch_state():
            chosen = training_study(study, Answers(targets={}), config.sampling.rarefy_depth)
            self.trained_ = fit_encoder(config, chosen)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Vectors of samples, ``N x D`` (float32), each from one rarefied draw."""
        study = self._study_to_predict(X)
        with as_value_errors():
            told = read_values(PretrainConfig, {"seed": self.seed, "device": self.device})
            return self.trained_.embed(study, **told)

    @property
    def _n_features_out(self) -> int:
        """Width of the vectors."""
        return self.trained_.description.options.embedding_dim

    def _fit_nothing(self, X: Any) -> Self:
        """Take the encoder as it is.

        Raises
        ------
        ParameterError
            If parameters were set that only training would heed.
        """
        unheeded = [name for name, parameter in ENCODER.items() if name not in OF_TRANSFORM]
        unheeded = [name for name in unheeded if getattr(self, name) != ENCODER[name].default]
        if unheeded:
            problem = f"{listed(unheeded)}: pretrained_encoder is used as it is, without training"
            raise ParameterError(f"{problem}; leave one of them out")
        with as_value_errors():
            path = read_values(TrainConfig, {"pretrained_encoder": self.pretrained_encoder})["pretrained_encoder"]
        self._take(load_networks(Path(path)), str(path))
        self._study_to_predict(X)
        return self

    def _take(self, trained: TrainedModel, source: str) -> None:
        if not isinstance(trained, NetworkModel):
            raise CheckpointError(f"{source}: holds other learners than a network; an encoder is needed")
        if len(trained.models) > 1:
            raise CheckpointError(f"{source}: holds an ensemble of {len(trained.models)} models; one is needed")
        description = dataclasses.replace(trained.description, predictor=None, calibrations=())
        self.trained_ = NetworkModel([encoder_of(trained.models[0]).eval()], description)

    def __sklearn_tags__(self) -> Tags:
        """Vectors are float32, whatever the counts are."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
