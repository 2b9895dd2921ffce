"""Small models to export, and a pretended file of them: the very module that is traced, computed by torch."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from aam.config import CovariateOptions, HeadOptions, LossOptions
from aam.data.targets.kinds import TargetSpec
from aam.data.targets.targets import Targets
from aam.models.export.whole import WholeModel
from aam.models.folder.description import ModelDescription
from aam.models.sequence_encoder import SelfSupervision
from aam.models.sequence_predictor import SequencePredictor
from aam.workflows.export.parts import Exportable
from tests.models.model_cases import (
    COVARIATES,
    all_weights_move,
    fresh_encoder,
    model_options,
    predictor_plan,
)

DATA = {"trim_length": None, "max_bp": 40, "rarefy_depth": None, "token_limit": 64, "asv_sampling": "abundance"}
TOLD = CovariateOptions(
    categorical_columns=("season",),
    categorical_hierarchy=("city>country",),
    numeric_columns=("ph",),
    categorical_embed_dim=4,
)


def parts_of(
    target: TargetSpec | Targets,
    head: HeadOptions | None = None,
    loss: LossOptions | None = None,
    told: CovariateOptions | None = None,
    members: int = 1,
    **changes: Any,
) -> Exportable:
    """Networks with random weights everywhere; of several members each is another one."""
    plan = predictor_plan(target, head, loss, told, None if told is None else COVARIATES)
    networks = []
    for seed in range(members):
        network = SequencePredictor(fresh_encoder(**changes), plan).eval()
        all_weights_move(network, seed)
        networks.append(network)
    description = ModelDescription(
        options=model_options(**changes),
        supervision=SelfSupervision(),
        predictor=plan,
        data=DATA,
        record={},
        members=members,
    )
    return Exportable(networks=tuple(networks), manifest=description.manifest, targets=plan.targets)


def as_session(whole: WholeModel) -> Any:
    """A module in the place of its file."""

    @torch.no_grad()
    def run(_: None, arrays: dict[str, np.ndarray]) -> list[np.ndarray]:
        assert {port.name for port in whole.inputs} == set(arrays)
        found = whole({name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()})
        return [one.numpy() for one in found]

    return SimpleNamespace(run=run, get_outputs=lambda: whole.outputs)
