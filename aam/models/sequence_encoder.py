"""The model that is pre-trained: ASV encoder, sample encoder and the self-supervised heads."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from aam.config import ModelOptions
from aam.config.json_dataclass import need, read_plain
from aam.data.batches.batch import Batch
from aam.data.batches.corruption import Corruption, apply_mask
from aam.models.all_gather import gather_rows
from aam.models.asv_encoder import AsvEncoder, AsvEncoding
from aam.models.heads import Encoded, SelfSupervisedHead
from aam.models.objectives import Objective, find_objective, names, with_own_weight
from aam.models.sample_encoder import SampleEncoder


@dataclass(frozen=True, kw_only=True)
class SelfSupervision:
    """Which self-supervised heads an encoder has; a fact of the study and the run, saved with the model.

    ``encoder_type`` is as in :class:`~aam.config.ObjectiveOptions` (None: no such head); ``nucleotides`` and ``counts``
    are the objectives with a weight of their own.
    """

    encoder_type: str | None = None
    nucleotides: bool = False
    counts: bool = False
    taxonomy_classes: tuple[str, ...] = ()

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """What the heads are for, in their order."""
        kind, has_classes = self.encoder_type, bool(self.taxonomy_classes)
        chosen = () if kind is None else find_objective(kind).parts(has_classes)
        return (*chosen, *(objective for objective in with_own_weight() if getattr(self, objective.name)))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {**asdict(self), "taxonomy_classes": list(self.taxonomy_classes)}

    @classmethod
    def from_dict(cls, values: Any) -> SelfSupervision:
        """The inverse of :meth:`to_dict`; :class:`ValueError` if something else was written."""
        found = read_plain(cls, values)
        need(found.encoder_type in (None, *names()), f"unknown encoder type {found.encoder_type}")
        return found


class SequenceEncoder(nn.Module):
    """Nucleotides to ASV vectors to sample vectors, with the heads that need no labels.

    Parameters
    ----------
    options
        Sizes.
    supervision
        Which heads to build.
    """

    def __init__(self, options: ModelOptions, supervision: SelfSupervision) -> None:
        super().__init__()
        self.options = options
        self.supervision = supervision
        self.asv_encoder = AsvEncoder(options)
        self.sample_encoder = SampleEncoder(options)
        num_classes = len(supervision.taxonomy_classes)
        heads = [objective.head(options, num_classes) for objective in supervision.objectives]
        self.heads = nn.ModuleDict({head.name: head for head in heads})

    def forward(
        self, batch: Batch, corruption: Corruption | None = None, asv_vectors_UD: Tensor | None = None
    ) -> Encoded:
        """Encode a batch; each distinct ASV once, also where several processes share it.

        Parameters
        ----------
        batch
            Samples and their distinct ASVs.
        corruption
            What to hide.
        asv_vectors_UD
            The ASVs' vectors where they are known already (a frozen encoder); nucleotides are then not read.
        """
        corruption = corruption or Corruption()
        if asv_vectors_UD is None:
            tokens_UL = apply_mask(batch.tokens_UL, corruption.masked_UL)
            asks_bases = corruption.masked_M is not None and any(head.reads_patches for head in self.task_heads())
            asv = _gather_own_asvs(self.asv_encoder(tokens_UL, batch.bases, with_patches=asks_bases), batch)
        else:
            asv = AsvEncoding(asv_vectors_UD, asv_vectors_UD.new_empty(0))
        sample = self.sample_encoder(asv.asv_UD, batch.index_BS, batch.counts_BS, corruption.hidden_BS, batch.layout)
        return Encoded(asv, sample, corruption)

    def task_heads(self) -> list[SelfSupervisedHead]:
        """The heads, in a fixed order."""
        return list(self.heads.values())  # type: ignore[arg-type]


def _gather_own_asvs(encoded: AsvEncoding, batch: Batch) -> AsvEncoding:
    """The vectors of the ASVs that the samples meet: of several processes, each has encoded some of the whole batch."""
    share = batch.share
    if share is None or batch.global_index_U is None:
        return encoded
    whole_UD = gather_rows(encoded.asv_UD, share.rank, share.world_size, share.global_asvs)
    return encoded._replace(asv_UD=F.embedding(batch.global_index_U, whole_UD))
