"""Predictions and sample vectors of a trained model, batch by batch.

Legend of shapes: ``B`` samples, ``A`` ASVs of the table, ``C`` classes, ``D`` width.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from aam.config import SamplingOptions, StudyOptions, TableOptions
from aam.data.datamodule import LoaderOptions, StudyDataModule
from aam.data.dataset import Collate
from aam.data.objective import ObjectiveTargets
from aam.data.split import Split
from aam.data.study import Study, load_study
from aam.data.targets import TargetSpec
from aam.models.embedding_cache import encode_asvs
from aam.models.folder import ModelDescription
from aam.models.sequence_encoder import SequenceEncoder
from aam.models.sequence_predictor import SequencePredictor


@dataclass(frozen=True)
class Output:
    """What a model says of the samples of one batch.

    Attributes
    ----------
    rows_B
        Their rows in the study.
    vectors_BD
        Sample vectors.
    values
        Predictions in the user's units (``B``), or class probabilities (``B x C``); None for an encoder.
    """

    rows_B: np.ndarray
    vectors_BD: np.ndarray
    values: np.ndarray | None


class Interpreter:
    """A model in evaluation mode and a study whose ASVs it has encoded, each once.

    Parameters
    ----------
    model
        An encoder or a predictor.
    study
        Any study; its ASVs need not be those that the model was trained on.
    sampling
        The token limit, and which ASVs to keep above it.
    options
        Batch size and seed of the draws.
    device
        Where to compute.
    """

    def __init__(
        self,
        model: SequenceEncoder | SequencePredictor,
        study: Study,
        sampling: SamplingOptions,
        options: LoaderOptions,
        device: torch.device,
    ) -> None:
        self.model = model.to(device).eval()
        base = model.base if isinstance(model, SequencePredictor) else model
        self.vectors_AD = encode_asvs(base.asv_encoder, study.tokens, device)
        nobody = np.empty(0, dtype=np.int64)
        collate = Collate.of(study, ObjectiveTargets())
        self.data = StudyDataModule(study, Split(nobody, nobody, nobody), collate, sampling, options)

    @torch.no_grad()
    def run(self, rows: np.ndarray, draw: int = 0) -> Iterator[Output]:
        """What the model says of samples, in the order given.

        Parameters
        ----------
        rows
            Rows of the study.
        draw
            Which of the fixed rarefied draws; 0 is that of validation.
        """
        for batch in self.data.fixed_loader(rows, draw):
            on_device = batch.to(self.vectors_AD.device)
            encoded = self.model(on_device, None, self.vectors_AD[on_device.asvs_U])
            values = None
            if isinstance(self.model, SequencePredictor):
                values = self.model.target.decode(self.model.predict(encoded).float().cpu().numpy())
            yield Output(batch.rows_B.numpy(), encoded.sample.sample_BD.float().cpu().numpy(), values)


@dataclass(frozen=True)
class Passes:
    """Predictions averaged over rarefied draws, and their standard deviation over the draws (0 for a single one)."""

    rows_B: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray


def predict_in_passes(interpreter: Interpreter, rows: np.ndarray, passes: int, at_once: int) -> Iterator[Passes]:
    """Predict samples, each from several draws; in memory that does not grow with the number of samples.

    Parameters
    ----------
    interpreter
        Holds a predictor.
    rows
        Rows of its study.
    passes
        Draws of each sample.
    at_once
        Samples that are held in memory.
    """
    for start in range(0, len(rows), at_once):
        some = rows[start : start + at_once]
        draws = np.stack([_values(interpreter, some, draw) for draw in range(passes)])
        yield Passes(some, draws.mean(axis=0), draws.std(axis=0))


def _values(interpreter: Interpreter, rows: np.ndarray, draw: int) -> np.ndarray:
    outputs = [output.values for output in interpreter.run(rows, draw)]
    return np.concatenate([values for values in outputs if values is not None])


def read_for_model(table: TableOptions, description: ModelDescription) -> tuple[Study, SamplingOptions]:
    """Read a table as the model's training tables were treated: trimmed, rarefied and limited alike.

    Samples with fewer reads than the model's depth are kept, and give all that they have.

    Raises
    ------
    InputError
        If the table cannot be used.
    """
    data: dict[str, Any] = description.data
    trim = table.trim_length if table.trim_length is not None else data["trim_length"]
    study = load_study(dataclasses.replace(table, trim_length=trim), StudyOptions(), None, None)
    sampling = SamplingOptions(token_limit=data["token_limit"], asv_sampling=data["asv_sampling"])
    return dataclasses.replace(study, rarefy_depth=data["rarefy_depth"]), sampling


def labels_of(target: TargetSpec, probabilities_BC: np.ndarray) -> np.ndarray:
    """The most probable class of each sample."""
    labels: np.ndarray = np.array(target.classes, dtype=object)[probabilities_BC.argmax(axis=1)]
    return labels
