"""The description of networks beside their weights, and the model card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aam.config import CovariateOptions, HeadOptions, LossOptions, ModelOptions, SamplingOptions
from aam.config.json_dataclass import need
from aam.data.study.covariates import CovariateSpec
from aam.data.study.earlier import EARLIER
from aam.data.targets.intervals import Calibration
from aam.data.targets.targets import Targets
from aam.evaluation.decode_predictions import PredictionDecoder
from aam.models.folder.manifest import (
    OF_NETWORKS,
    Manifest,
    Member,
    plain,
    read_section,
    typed,
)
from aam.models.sequence_encoder import SelfSupervision, SequenceEncoder
from aam.models.sequence_predictor import PredictorPlan, SequencePredictor

NETWORK = "network"
"""The kind of a member that is a network."""
FACTS = {"model": dict, "supervision": dict, "predictor": dict | None}
PREDICTOR = {"head": dict, "loss": dict, "covariates": dict}
TREATMENT = {name: hint for name, hint in OF_NETWORKS.items() if name != "study_column"}


@dataclass(frozen=True, kw_only=True)
class ModelDescription:
    """Everything about a network, or several alike, but the weights.

    Attributes
    ----------
    options
        Sizes.
    supervision
        The self-supervised heads.
    predictor
        The targets, their head and the covariates; None for a pre-trained encoder.
    data, record, calibrations, interval_level, prediction_passes
        As in :class:`~aam.models.folder.manifest.Manifest`.
    members
        Number of networks, whose predictions are averaged.
    """

    options: ModelOptions
    supervision: SelfSupervision
    predictor: PredictorPlan | None
    data: dict[str, Any]
    record: dict[str, Any]
    calibrations: tuple[Calibration | None, ...] = ()
    interval_level: float = 0.9
    prediction_passes: int = 1
    members: int = 1

    @property
    def targets(self) -> Targets | None:
        """What is predicted; None for a pre-trained encoder."""
        return None if self.predictor is None else self.predictor.targets

    @property
    def sampling(self) -> SamplingOptions:
        """Which ASVs of a sample it sees."""
        return self.manifest.sampling

    @property
    def needed_columns(self) -> tuple[str, ...]:
        """The metadata columns without which it cannot predict."""
        return self.manifest.needed_columns

    def decoder(self, level: float | None = None) -> PredictionDecoder:
        """How the predictions of a predictor are decoded; see :meth:`Manifest.decoder`."""
        return self.manifest.decoder(level)

    @property
    def facts(self) -> dict[str, Any]:
        """The manifest entry of each network."""
        plan = self.predictor
        sections = {} if plan is None else {"head": plan.head, "loss": plan.loss, "covariates": plan.covariates}
        earlier = {EARLIER: True} if plan is not None and plan.reads_earlier else {}
        return {
            "model": plain(self.options),
            "supervision": self.supervision.to_dict(),
            "predictor": None
            if plan is None
            else {name: plain(section) for name, section in sections.items()} | earlier,
        }

    @property
    def manifest(self) -> Manifest:
        """The manifest of the folder of these networks."""
        plan = self.predictor
        return Manifest(
            members=(Member(NETWORK, self.facts),) * self.members,
            targets=self.targets,
            covariate_spec=None if plan is None else plan.covariate_spec,
            head=HeadOptions() if plan is None else plan.head,
            data=self.data,
            record=self.record,
            calibrations=self.calibrations,
            interval_level=self.interval_level,
            prediction_passes=self.prediction_passes,
        )

    @classmethod
    def of_manifest(cls, manifest: Manifest) -> ModelDescription:
        """What describes the networks of a folder that holds nothing else.

        Raises
        ------
        ValueError
            If they are not alike, or something cannot be right.
        ConfigError
            If an option has a value that it cannot have.
        """
        first = manifest.members[0]
        need(all(member == first for member in manifest.members), "its networks are not alike")
        description = read_network(first.facts, manifest.targets, manifest.covariate_spec, manifest.data)
        return cls(
            options=description.options,
            supervision=description.supervision,
            predictor=description.predictor,
            data=manifest.data,
            record=manifest.record,
            calibrations=manifest.calibrations,
            interval_level=manifest.interval_level,
            prediction_passes=manifest.prediction_passes,
            members=len(manifest.members),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types; see :class:`~aam.models.folder.manifest.Manifest`."""
        return self.manifest.to_dict()

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> ModelDescription:
        """The inverse of :meth:`to_dict`; raises what :meth:`of_manifest` does."""
        return cls.of_manifest(Manifest.from_dict(content))


def read_network(
    facts: Mapping[str, Any], targets: Targets | None, spec: CovariateSpec | None, data: Mapping[str, Any]
) -> ModelDescription:
    """One network of a folder.

    Parameters
    ----------
    facts
        Its manifest entry.
    targets, spec, data
        What all members of the folder have in common.

    Raises
    ------
    ValueError, ConfigError
        As :meth:`ModelDescription.of_manifest`.
    """
    parts = typed(dict(facts), FACTS)
    need((parts["predictor"] is None) == (targets is None), "the targets do not fit the network")
    typed(dict(data), TREATMENT)
    SamplingOptions(token_limit=data["token_limit"], asv_sampling=data["asv_sampling"])
    return ModelDescription(
        options=read_section(ModelOptions, parts["model"]),
        supervision=SelfSupervision.from_dict(parts["supervision"]),
        predictor=None if targets is None else _read_predictor(parts["predictor"], targets, spec),
        data=dict(data),
        record={},
    )


def _read_predictor(content: dict[str, Any], targets: Targets, spec: CovariateSpec | None) -> PredictorPlan:
    parts = typed(content, PREDICTOR)
    covariates = read_section(CovariateOptions, parts["covariates"])
    fitted = () if spec is None else spec.columns
    need(set(fitted) == set(covariates.columns), "the covariates do not fit the network")
    need(spec is None or spec.hierarchies == covariates.hierarchies, "the covariate hierarchies do not fit the network")
    loss = read_section(LossOptions, parts["loss"])
    reads_earlier = content.get(EARLIER, False)
    need(isinstance(reads_earlier, bool), f"'{EARLIER}' of the network is neither true nor false")
    return PredictorPlan(
        targets=targets.learned_by(loss),
        head=read_section(HeadOptions, parts["head"]),
        loss=loss,
        covariates=covariates,
        covariate_spec=spec,
        reads_earlier=reads_earlier,
    )


def build_model(description: ModelDescription) -> SequenceEncoder | SequencePredictor:
    """A fresh model of this description."""
    encoder = SequenceEncoder(description.options, description.supervision)
    return encoder if description.predictor is None else SequencePredictor(encoder, description.predictor)
