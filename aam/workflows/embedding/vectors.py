"""Vectors of samples and ASVs as a model of any kind has them.

Legend: ``N`` samples, ``A`` ASVs, ``B`` samples of a block, ``D`` width.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from aam.config.commands.embed import DIMENSIONS, EmbedOptions
from aam.errors import ConfigError
from aam.text import plural

if TYPE_CHECKING:
    from aam.data.study.study import Study
    from aam.learners.sample_space import SampleSpace
    from aam.workflows.trained.model import TrainedModel
    from aam.workflows.trained.networks import NetworkModel

BLOCK = 512


@dataclass(frozen=True, eq=False)
class Vectors:
    """Vectors of samples, ASVs or clades.

    Attributes
    ----------
    of
        ``samples``, ``asvs`` or ``clades``.
    ids
        Their ids (object).
    values
        A row for each (float32).
    words
        What they are, in a sentence.
    """

    of: str
    ids: np.ndarray
    values: np.ndarray
    words: str

    def __len__(self) -> int:
        return len(self.ids)

    def to_frame(self) -> Any:
        """A data frame with the ids as its index; needs pandas.

        Raises
        ------
        ConfigError
            If pandas is not installed.
        """
        from aam.files.columns import Columns

        names = [f"v{place + 1}" for place in range(self.values.shape[1])]
        frame = Columns(dict(zip(names, self.values.T, strict=True))).to_frame()
        return frame.set_index(self.ids.astype(str))


class Embedder(ABC):
    """Makes vectors of samples and of ASVs.

    Attributes
    ----------
    words
        What the vectors of samples are, in a sentence.
    asv_words
        What those of ASVs are.
    notes
        What else is worth saying.
    facts
        The same for a record, in JSON types.
    """

    words: str
    asv_words: str
    notes: tuple[str, ...] = ()
    facts: dict[str, Any]

    @abstractmethod
    def samples(self, study: Study, on_block: Callable[[int], object]) -> np.ndarray:
        """Vectors of all samples of a study, ``N x D`` (float32); ``on_block`` is told how many were added."""

    @abstractmethod
    def asvs(self, study: Study, vectors_ND: np.ndarray) -> np.ndarray:
        """Vectors of all ASVs of a study whose samples have these vectors, ``A x D`` (float32)."""


class _NetworkEmbedder(Embedder):
    """The vectors of a network: it has some of samples and of ASVs."""

    def __init__(self, model: NetworkModel, options: EmbedOptions, passes: int) -> None:
        self.model, self.options, self.passes = model, options, passes
        first = "" if len(model.models) == 1 else f", the first of {len(model.models)}"
        draws = "a rarefied draw of its reads" if passes == 1 else f"the mean of {passes} rarefied draws of its reads"
        what = "pre-trained encoder" if not model.columns else "network"
        self.words = f"A sample's vector is that of the {what}{first}, from {draws}."
        self.asv_words = f"An ASV's vector is that of the {what}, from its DNA."
        self.facts = {"kind": what, "draws": passes}

    def samples(self, study: Study, on_block: Callable[[int], object]) -> np.ndarray:
        found: list[np.ndarray] = []
        with self.model.interpreting(study, self.options.seed, self.options.device) as interpreter:
            for start in range(0, len(study), BLOCK):
                rows = np.arange(start, min(start + BLOCK, len(study)))
                draws = [
                    np.concatenate([output.vectors_BD for output in interpreter.run(rows, draw)])
                    for draw in range(self.passes)
                ]
                found.append(np.asarray(np.mean(draws, axis=0, dtype=np.float64), dtype=np.float32))
                on_block(len(rows))
        return np.concatenate(found)

    def asvs(self, study: Study, vectors_ND: np.ndarray) -> np.ndarray:
        with self.model.interpreting(study, self.options.seed, self.options.device) as interpreter:
            return np.asarray(interpreter.vectors_AD[0].float().cpu().numpy())


class _SpaceEmbedder(Embedder):
    """Coordinates in the space of what several learners, or learners that are no networks, compare samples by."""

    def __init__(self, space: SampleSpace, passes: int) -> None:
        self.space, self.passes = space, passes if space.is_drawn else 1
        width, landmarks = space.map_ND.shape[1], len(space.map_ND)
        whose = "training samples that the model keeps" if space.knows_training else "samples of this table"
        self.words = (
            f"A sample's vector is its place on the first {plural(width, 'principal coordinate')} "
            f"({space.share:.0%} of the variation) of {landmarks:,} {whose}, as the model's learners compare samples: "
            f"{', '.join(f'{name} {share:.0%}' for name, share in space.names)}."
        )
        self.asv_words = (
            "An ASV's vector is the mean of the vectors of the samples that have it, weighted by its share of their "
            "reads: its place among the samples."
        )
        notes = []
        if space.left_out:
            notes.append(
                f"left out of the learned distance: {', '.join(space.left_out)} (they read covariates, which the "
                "model does not keep of its training samples)"
            )
        if not space.knows_training:
            notes.append(
                "the model keeps no training samples: the axes are those of this table, and vectors of two tables "
                "cannot be compared"
            )
        self.notes = tuple(notes)
        self.facts = {
            "kind": "space of learners",
            "members": dict(space.names),
            "left_out": list(space.left_out),
            "landmarks": landmarks,
            "landmarks_are_training_samples": space.knows_training,
            "share_of_variation": space.share,
        }

    def samples(self, study: Study, on_block: Callable[[int], object]) -> np.ndarray:
        found: list[np.ndarray] = []
        for start in range(0, len(study), BLOCK):
            rows = np.arange(start, min(start + BLOCK, len(study)))
            draws = [self.space.vectors(study, rows, draw) for draw in range(self.passes)]
            found.append(np.asarray(np.mean(draws, axis=0, dtype=np.float64), dtype=np.float32))
            on_block(len(rows))
        return np.concatenate(found)

    def asvs(self, study: Study, vectors_ND: np.ndarray) -> np.ndarray:
        from aam.learners.clades import scale_rows, totals

        counts = study.table.counts
        shares = scale_rows(counts, 1 / totals(counts)).T.tocsr()
        sums = np.asarray(shares.sum(axis=1)).ravel()
        found = shares @ vectors_ND.astype(np.float64) / np.maximum(sums, np.finfo(float).tiny)[:, None]
        return np.asarray(found, dtype=np.float32)


def embedder_of(model: TrainedModel, study: Study, options: EmbedOptions) -> Embedder:
    """What makes the vectors of a model.

    Parameters
    ----------
    model
        The model.
    study
        The samples; they are landmarks where the model keeps no training samples.
    options
        How many coordinates and draws, and where to compute.

    Raises
    ------
    ConfigError
        If a number of coordinates is asked for, and the vectors are those of a network.
    """
    from aam.learners.protocol import Computing
    from aam.workflows.trained.combined import CombinedModel
    from aam.workflows.trained.networks import NetworkModel

    passes = options.prediction_passes or model.manifest.prediction_passes
    if isinstance(model, NetworkModel):
        if options.dimensions is not None:
            raise ConfigError("--dimensions is for models that are no network: its vectors have a width of their own")
        return _NetworkEmbedder(model, options, passes)
    assert isinstance(model, CombinedModel)
    computing = Computing(device=options.device, batch_size=options.batch_size, seed=options.seed)
    treated = dataclasses.replace(study, rarefy_depth=model.manifest.data["rarefy_depth"])
    return _SpaceEmbedder(model.sample_space(treated, options.dimensions or DIMENSIONS, computing), passes)
