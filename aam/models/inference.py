"""Predictions and sample vectors of trained models, batch by batch.

Legend of shapes: ``B`` samples, ``A`` ASVs of the table, ``T`` targets, ``Q`` quantiles, ``C`` classes, ``D`` width.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from aam.config import SamplingOptions, TableOptions
from aam.data.batches.dataset import Collate
from aam.data.batches.loaders import LoaderOptions, StudyDataModule
from aam.data.readers.feature_ids import check_ids, takes_names
from aam.data.readers.strand import SequenceSet
from aam.data.readers.table import read_cached_table
from aam.data.study.assemble import table_name
from aam.data.study.covariates import Covariates
from aam.data.study.split import Split
from aam.data.study.study import Study, study_of_table
from aam.models.sequence_encoder import SequenceEncoder
from aam.models.sequence_predictor import SequencePredictor, encoder_of
from aam.models.vector_cache import StudyVectors


@dataclass(frozen=True)
class Output:
    """Outputs of a model for the samples of one batch.

    Attributes
    ----------
    rows_B
        Their rows in the study.
    vectors_BD
        Sample vectors; those of the first model where there are several.
    learned
        Predictions in the space that the model learned: numbers ``B x T``, quantiles ``B x T x Q``, or class
        probabilities ``B x C``; None for an encoder.
    """

    rows_B: np.ndarray
    vectors_BD: np.ndarray
    learned: np.ndarray | None


class BatchPredictor:
    """Models in evaluation mode and a study whose ASVs they have encoded, each once.

    Parameters
    ----------
    models
        An encoder, a predictor, or the predictors of an ensemble, whose predictions are averaged.
    study
        Any study; its ASVs need not be those that the model was trained on.
    sampling
        The token limit, and which ASVs to keep above it.
    options
        Batch size and seed of the draws.
    device
        Where to compute.
    covariates
        The covariates, for models trained with them.
    cache
        Keep the ASVs' vectors for the next start.
    vectors
        Each model's vectors of the study's ASVs, where they serve for other samples too.
    """

    def __init__(
        self,
        models: Sequence[SequenceEncoder | SequencePredictor],
        study: Study,
        sampling: SamplingOptions,
        options: LoaderOptions,
        device: torch.device,
        covariates: Covariates | None = None,
        cache: bool = False,
        vectors: Sequence[StudyVectors] | None = None,
    ) -> None:
        self.models = [model.to(device).eval() for model in models]
        self.device = device
        if not any(isinstance(model, SequencePredictor) and model.plan.reads_earlier for model in models):
            study = dataclasses.replace(study, earlier=None)
        if vectors is None:
            encoders = [encoder_of(model).asv_encoder for model in self.models]
            vectors = [StudyVectors(encoder, study.tokens, device, cache=cache) for encoder in encoders]
        self.vectors_AD = [one.of(study.table.counts) for one in vectors]
        nobody = np.empty(0, dtype=np.int64)
        collate = Collate.of(study, covariates=covariates)
        self.data = StudyDataModule(study, Split(nobody, nobody, nobody), collate, sampling, options)

    @torch.no_grad()
    def run(self, rows: np.ndarray, draw: int = 0) -> Iterator[Output]:
        """Outputs of the models for samples, in the order given.

        Parameters
        ----------
        rows
            Rows of the study.
        draw
            Which of the fixed rarefied draws; 0 is that of validation.
        """
        for batch in self.data.fixed_loader(rows, draw):
            on_device = batch.to(self.device)
            vectors_BD, learned = [], []
            for model, vectors_AD in zip(self.models, self.vectors_AD, strict=True):
                encoded = model(on_device, None, vectors_AD[on_device.asvs_U])
                vectors_BD.append(encoded.sample.sample_BD.float().cpu().numpy())
                if isinstance(model, SequencePredictor):
                    learned.append(model.outputs(encoded).double().cpu().numpy())
            yield Output(batch.rows_B.numpy(), vectors_BD[0], np.mean(learned, axis=0) if learned else None)


@dataclass(frozen=True)
class Draws:
    """Predictions of some samples from several rarefied draws, in the space that the model learned.

    Attributes
    ----------
    rows_B
        Rows of the study.
    learned
        As in :class:`Output`, with the draws as the first axis.
    """

    rows_B: np.ndarray
    learned: np.ndarray


def predict_in_draws(interpreter: BatchPredictor, rows: np.ndarray, passes: int, at_once: int) -> Iterator[Draws]:
    """Predict samples, each from several draws; in memory that does not grow with the number of samples.

    Parameters
    ----------
    interpreter
        Holds predictors.
    rows
        Rows of its study.
    passes
        Draws of each sample.
    at_once
        Samples that are held in memory.
    """
    for start in range(0, len(rows), at_once):
        some = rows[start : start + at_once]
        yield Draws(some, np.stack([_learned(interpreter, some, draw) for draw in range(passes)]))


def _learned(interpreter: BatchPredictor, rows: np.ndarray, draw: int) -> np.ndarray:
    return np.concatenate([output.learned for output in interpreter.run(rows, draw) if output.learned is not None])


def read_preprocessed(table: TableOptions, data: Mapping[str, Any], reference: SequenceSet | None = None) -> Study:
    """Read a table, turned around, trimmed and rarefied as a model's training tables were.

    Samples with fewer reads than the model's depth are kept, and give all that they have.

    Parameters
    ----------
    table
        The table; its own treatment of sequences goes before the model's.
    data
        As in :class:`~aam.models.folder.manifest.Manifest`.
    reference
        Training sequences, with which ``auto`` compares those of the table; None where the model keeps none.

    Raises
    ------
    InputError
        If the table cannot be used.
    """
    trim = table.trim_length if table.trim_length is not None else data["trim_length"]
    turn = table.reverse_complement or data.get("reverse_complement")
    treated = dataclasses.replace(table, trim_length=trim, reverse_complement=turn)
    read = read_cached_table(treated, reference, needs_dna=not takes_names(data))
    study = study_of_table(read, table_name(table))
    check_ids(data, study.table.asv_ids, has_dna=study.has_dna, source=table.table[0])
    return dataclasses.replace(study, rarefy_depth=data["rarefy_depth"])
