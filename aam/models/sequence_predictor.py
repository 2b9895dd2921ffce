"""The model that is fine-tuned: a :class:`SequenceEncoder`, its covariates, and the head of the targets."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor, nn

from aam.config import CovariateOptions, HeadOptions, LossOptions
from aam.data.batches.batch import Batch
from aam.data.batches.corruption import Corruption
from aam.data.study.covariates import CovariateSpec
from aam.data.targets.targets import Targets
from aam.models.covariate_encoder import ConditionalScaling, CovariateEncoder
from aam.models.earlier import EarlierFusion
from aam.models.fusion import Fusion, make_fusion
from aam.models.heads import Encoded, Head, HeadInput
from aam.models.sequence_encoder import SequenceEncoder
from aam.models.target_heads.head import TargetOutputs, build_target_head


@dataclass(frozen=True, kw_only=True)
class PredictorPlan:
    """What a predictor has beside its encoder; saved with the model.

    Attributes
    ----------
    targets
        As fitted on the training samples.
    head, loss
        How their head is built, and what it learns by.
    covariates
        How covariates are taken in.
    covariate_spec
        The covariates, as fitted on the training samples; None where there are none.
    reads_earlier
        Whether earlier samples of the same subject are read.
    """

    targets: Targets
    head: HeadOptions
    loss: LossOptions
    covariates: CovariateOptions
    covariate_spec: CovariateSpec | None = None
    reads_earlier: bool = False


class SequencePredictor(nn.Module):
    """Composes an encoder and adds the targets' head, which reads the vector that pre-training trained.

    Parameters
    ----------
    base
        The encoder, fresh or pre-trained.
    plan
        All the rest.
    """

    def __init__(self, base: SequenceEncoder, plan: PredictorPlan) -> None:
        super().__init__()
        self.base = base
        self.plan = plan
        sizes, spec, options = base.options, plan.covariate_spec, plan.covariates
        outputs = TargetOutputs.of(plan.targets)
        num_features = 0 if spec is None else spec.num_features
        num_path_inputs = sizes.num_soft_clades + num_features
        self.head = build_target_head(
            sizes.embedding_dim, num_path_inputs, outputs, plan.head, plan.loss, sizes.dropout
        )
        self.covariate_encoder: CovariateEncoder | None = None
        self.fusion: Fusion | None = None
        if spec is not None:
            self.covariate_encoder = CovariateEncoder(spec, options.categorical_embed_dim)
            heads = options.cross_attn_heads or sizes.attention_heads
            num_tokens = self.covariate_encoder.num_tokens
            self.fusion = make_fusion(options, num_tokens, sizes.embedding_dim, heads, sizes.dropout)
        if spec is not None and options.conditional_output_scaling:
            scaling = ConditionalScaling(spec, options.conditional_output_scaling, len(plan.targets))
            self.head.conditional_scaling = scaling
        self.earlier_fusion: EarlierFusion | None = None
        if plan.reads_earlier:
            self.earlier_fusion = EarlierFusion(sizes.embedding_dim, sizes.attention_heads, sizes.dropout)

    @property
    def targets(self) -> Targets:
        """What is predicted."""
        return self.plan.targets

    def forward(
        self, batch: Batch, corruption: Corruption | None = None, asv_vectors_UD: Tensor | None = None
    ) -> Encoded:
        """Encode a batch, as :meth:`SequenceEncoder.forward` does, unless it is encoded; the heads read the result."""
        if batch.vector_BD is not None:
            encoded = Encoded.of_known(batch.vector_BD, batch.profile_BK)
        else:
            encoded = self.base(batch, corruption, asv_vectors_UD)
        return encoded._replace(reading=self.read(encoded, batch))

    def read(self, encoded: Encoded, batch: Batch) -> HeadInput:
        """What the targets' head reads: the sample's vector and its profile, with the covariates fused into both.

        Earlier samples are fused into the vector before.
        """
        sample = encoded.sample._replace(sample_BD=self._with_earlier(encoded, batch))
        if self.covariate_encoder is None or self.fusion is None:
            return HeadInput(sample.sample_BD, sample.profile_BK)
        assert batch.category_BC is not None
        assert batch.number_BM is not None
        token_BVE = self.covariate_encoder(batch.category_BC, batch.number_BM)
        context_BSD = sample.context_BSD if self.fusion.reads_asvs else None
        mask_BS = batch.mask_BS if self.fusion.reads_asvs else None
        vector_BD = self.fusion(sample.sample_BD, context_BSD, mask_BS, token_BVE)
        path_BK = self.covariate_encoder.beside(sample.profile_BK, batch.category_BC, batch.number_BM)
        return HeadInput(vector_BD, path_BK, batch.category_BC)

    def _with_earlier(self, encoded: Encoded, batch: Batch) -> Tensor:
        """The samples' vectors with what the same encoder makes of earlier samples, where there are any."""
        vector_BD, earlier = encoded.sample.sample_BD, batch.earlier
        if self.earlier_fusion is None or earlier is None:
            return vector_BD
        encode, asv_UD = self.base.sample_encoder, encoded.asv.asv_UD
        past = encode(asv_UD, earlier.index_ES, earlier.counts_ES, layout=earlier.layout)
        return self.earlier_fusion(vector_BD, past.sample_BD, earlier)

    def task_heads(self) -> list[Head]:
        """The targets' head first, then the encoder's."""
        return [self.head, *self.base.task_heads()]

    def outputs(self, encoded: Encoded) -> Tensor:
        """All outputs of the head: normalised numbers ``B x T``, their quantiles ``B x T x Q``, or probabilities."""
        return self.head.learned(self.head(*encoded.head_input()))

    def predict(self, encoded: Encoded) -> Tensor:
        """Normalised predictions ``B x T`` (the medians, of quantiles), or class probabilities ``B x C``."""
        return self.head.point(self.head(*encoded.head_input()))


def encoder_of(model: SequenceEncoder | SequencePredictor) -> SequenceEncoder:
    """The encoder, or that of a predictor."""
    return model.base if isinstance(model, SequencePredictor) else model


def num_parameters(model: nn.Module) -> int:
    """Number of weights."""
    return sum(math.prod(p.shape) for p in model.parameters())
