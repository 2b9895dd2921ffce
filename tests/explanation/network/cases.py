"""Small networks whose weights have all moved, as a model that is explained, and a study that they read."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from torch import nn

from aam.config import CovariateOptions, HeadOptions, LossOptions
from aam.data.targets.kinds import TargetSpec
from aam.explanation.groups import AsvGroups, asv_groups
from aam.explanation.method import Subject
from aam.explanation.model import ExplainedModel
from aam.learners.network import NetworkLearner
from aam.learners.predictor import Combination, predictor_of
from aam.learners.protocol import Computing, Task
from aam.learners.stored import Stored
from aam.models.folder.description import ModelDescription
from aam.models.sequence_encoder import SelfSupervision, SequenceEncoder
from aam.models.sequence_predictor import SequencePredictor
from tests.data.study_files import make_study, random_counts
from tests.factories import random_sequences
from tests.models.model_cases import COVARIATES, REGRESSION, all_weights_move, fresh_encoder, predictor_plan

DATA: dict[str, Any] = {"max_bp": None, "token_limit": 1024, "asv_sampling": "abundance", "trim_length": None}
SAMPLES, ASVS = 5, 12


TOLD = CovariateOptions(
    categorical_columns=("season",),
    categorical_hierarchy=("city>country",),
    numeric_columns=("ph",),
    categorical_embed_dim=4,
)
COLUMNS = {
    "season": ["spring", "winter", "winter", "spring", "winter"],
    "city": ["bergen", "malmo", "oslo", "bergen", "malmo"],
    "country": ["no", "se", "no", "no", "se"],
    "ph": ["6.5", "7", "8.5", "5", "9"],
}


def network(
    spec: TargetSpec = REGRESSION,
    seed: int = 0,
    loss: LossOptions | None = None,
    told: bool = False,
    reads_earlier: bool = False,
    **sizes: Any,
) -> NetworkLearner:
    """A network as a learner, perhaps told covariates, perhaps with earlier samples."""
    covariate_spec = COVARIATES if told else None
    plan = predictor_plan(spec, HeadOptions(), loss, TOLD if told else None, covariate_spec)
    plan = dataclasses.replace(plan, reads_earlier=reads_earlier)
    encoder: SequenceEncoder = fresh_encoder(seed=seed, nucleotide_patch=3, **sizes)
    model = SequencePredictor(encoder, plan).eval()
    all_weights_move(model, seed)
    for layer in (model.head.out, model.head.linear_path):
        assert isinstance(layer, nn.Linear)
        layer.weight.data *= 0.1  # so that no probability is 0 or 1
    description = ModelDescription(
        options=encoder.options, supervision=SelfSupervision(), predictor=plan, data=DATA, record={}
    )
    arrays = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    task = Task(targets=plan.targets, covariate_spec=covariate_spec, data=DATA)
    return NetworkLearner.from_arrays(Stored(arrays, description.facts), task, Computing(device="cpu"))


def subject(*learners: Any, draws: int = 1, rarefy_depth: int | None = None) -> Subject:
    """Five samples of a study of twelve ASVs, with each ASV and two halves as groups."""
    counts = random_counts(SAMPLES, ASVS, share=0.7)
    sequences = random_sequences(ASVS, length=14)
    study = make_study(counts, columns=COLUMNS, sequences=sequences, rarefy_depth=rarefy_depth)
    return Subject(
        model=ExplainedModel(predictor=predictor_of(learners or [network()], Combination())),
        study=study,
        rows=np.arange(len(counts)),
        groups=[asv_groups(study), halves(ASVS)],
        unit_N=np.arange(len(counts)),
        draws=draws,
    )


def halves(number: int) -> AsvGroups:
    """The first and the second half of the ASVs."""
    members = csr_array((np.arange(number) // (number // 2) == np.arange(2)[:, None]).astype(np.int64))
    return AsvGroups(level="clade", names=("first", "second"), labels=("first", "second"), members=members)
