"""Small models and batches made of plain arrays, for the tests of the models and of training."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from aam.alphabet import PAD
from aam.config import CovariateOptions, HeadOptions, LossOptions, ModelOptions
from aam.data.batches.batch import Batch, Sample, Truths, make_batch
from aam.data.study.covariates import CategoricalColumn, CovariateSpec, NumericColumn
from aam.data.targets import kinds
from aam.data.targets.kinds import NUMBERS, TargetSpec
from aam.data.targets.targets import Targets
from aam.models.sequence_encoder import SelfSupervision, SequenceEncoder
from aam.models.sequence_predictor import PredictorPlan, SequencePredictor

NUM_ASVS, LONGEST = 24, 17
REGRESSION = TargetSpec(column="age", kind=NUMBERS, transform="zscore", shift=5.0, scale=2.0, mean=5.0)
CLASSES = TargetSpec(column="site", kind=kinds.CLASSES, classes=("a", "b", "c"), class_weights=(1.0, 2.0, 0.5))

COVARIATES = CovariateSpec(
    (
        CategoricalColumn("season", ("spring", "winter")),
        CategoricalColumn("city", ("bergen", "malmo", "oslo")),
        CategoricalColumn("country", ("no", "se")),
    ),
    (NumericColumn("ph", 7.0, 1.5),),
    (("city", "country"),),
)


def model_options(**changes: Any) -> ModelOptions:
    """A model of one layer, 16 wide, without dropout."""
    small = {"embedding_dim": 16, "attention_heads": 2, "attention_layers": 1, "num_soft_clades": 20, "dropout": 0.0}
    return ModelOptions(**{**small, **changes})


def tokens(num_asvs: int = NUM_ASVS, longest: int = LONGEST, seed: int = 0) -> np.ndarray:
    """Random sequences of 12 bases and more, padded at the end."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(1, 5, (num_asvs, longest)).astype(np.uint8)
    lengths = rng.integers(12, longest + 1, num_asvs)
    lengths[0] = longest
    codes[np.arange(longest) >= lengths[:, None]] = PAD
    return codes


def study(num_samples: int = 6, num_asvs: int = NUM_ASVS, seed: int = 0) -> tuple[list[Sample], np.ndarray]:
    """Samples over random ASVs, and the ASVs' bases."""
    rng = np.random.default_rng(seed)
    samples = []
    for row in range(num_samples):
        asvs = np.sort(rng.choice(num_asvs, rng.integers(2, num_asvs // 2), replace=False))
        counts = rng.integers(1, 200, len(asvs))
        samples.append(Sample(row, asvs, counts, asvs, counts))
    return samples, tokens(num_asvs, seed=seed)


def batch_of(samples: list[Sample], tokens_AL: np.ndarray, **truths: torch.Tensor) -> Batch:
    """A batch with truths."""
    batch = make_batch(samples, tokens_AL, (tokens_AL != PAD).sum(axis=1))
    for name, value in truths.items():
        setattr(batch, name, value)
    return batch


def known_truths(
    distances_BB: torch.Tensor, faith_pd_B: torch.Tensor, taxonomy_U: torch.Tensor | None = None
) -> Truths:
    """What the heads of the encoder type ``combined`` are compared with."""
    asvs = {} if taxonomy_U is None else {"taxonomy": taxonomy_U}
    return Truths(pairs={"distance": distances_BB}, samples={"faith_pd": faith_pd_B}, asvs=asvs)


def random_batch(num_samples: int = 6, seed: int = 0, **truths: torch.Tensor) -> Batch:
    """A batch with distances, Faith PD and taxa, and whatever truths are given."""
    samples, tokens_AL = study(num_samples, seed=seed)
    batch = batch_of(samples, tokens_AL)
    generator = torch.Generator().manual_seed(seed)
    points = torch.rand(num_samples, 3, generator=generator)
    faith_pd_B = 10 + 3 * torch.rand(num_samples, generator=generator)
    taxonomy_U = torch.randint(-1, 4, (len(batch.asvs_U),), generator=generator)
    batch.truths = known_truths(torch.cdist(points, points), faith_pd_B, taxonomy_U)
    for name, value in truths.items():
        setattr(batch, name, value)
    return batch


def fresh_encoder(supervision: SelfSupervision | None = None, seed: int = 0, **changes: Any) -> SequenceEncoder:
    """An encoder with random weights, in evaluation mode."""
    torch.manual_seed(seed)
    return SequenceEncoder(model_options(**changes), supervision or SelfSupervision()).eval()


def predictor_plan(
    targets: TargetSpec | Targets,
    head: HeadOptions | None = None,
    loss: LossOptions | None = None,
    covariates: CovariateOptions | None = None,
    covariate_spec: CovariateSpec | None = None,
) -> PredictorPlan:
    """What a predictor has beside its encoder: the defaults, but for what is given."""
    loss = loss or LossOptions()
    targets = Targets(specs=(targets,)) if isinstance(targets, TargetSpec) else targets
    return PredictorPlan(
        targets=targets.learned_by(loss),
        head=head or HeadOptions(),
        loss=loss,
        covariates=covariates or CovariateOptions(),
        covariate_spec=covariate_spec,
    )


def fresh_predictor(
    target: TargetSpec | Targets,
    head: HeadOptions | None = None,
    loss: LossOptions | None = None,
    seed: int = 0,
    **changes: Any,
) -> SequencePredictor:
    """A predictor with random weights, in evaluation mode."""
    return SequencePredictor(fresh_encoder(seed=seed, **changes), predictor_plan(target, head, loss)).eval()


def told_predictor(
    target: TargetSpec | Targets, head: HeadOptions | None = None, loss: LossOptions | None = None, **told: Any
) -> SequencePredictor:
    """A predictor that is told :data:`COVARIATES`, with random weights, in evaluation mode; ``told`` says how."""
    options = CovariateOptions(
        **{
            "categorical_columns": ("season",),
            "categorical_hierarchy": ("city>country",),
            "numeric_columns": ("ph",),
            "categorical_embed_dim": 4,
            **told,
        }
    )
    return SequencePredictor(fresh_encoder(), predictor_plan(target, head, loss, options, COVARIATES)).eval()


def told_batch(num_samples: int = 6, seed: int = 0, **truths: torch.Tensor) -> Batch:
    """A random batch with covariates, some of them unknown or missing."""
    generator = torch.Generator().manual_seed(seed)
    levels = [len(column.levels) + 1 for column in COVARIATES.categorical]
    category_BC = torch.stack([torch.randint(0, n, (num_samples,), generator=generator) for n in levels], dim=1)
    missing_B = torch.rand(num_samples, generator=generator) < 0.3
    value_B = torch.randn(num_samples, generator=generator).masked_fill(missing_B, 0.0)
    number_BM = torch.stack([value_B, missing_B.float()], dim=1)
    return random_batch(num_samples, seed, category_BC=category_BC, number_BM=number_BM, **truths)


def all_weights_move(model: torch.nn.Module, seed: int = 0) -> None:
    """Add noise to every weight, so that those that start at zero matter as well."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
