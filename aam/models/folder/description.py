"""What describes a model beside its weights, as plain JSON, and the card that tells people about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from aam.config import CovariateOptions, HeadOptions, LossOptions, ModelOptions, SamplingOptions
from aam.config.json_dataclass import need
from aam.config.option import Section, type_hints
from aam.config.types import convert, fits
from aam.data.study.covariates import CovariateSpec
from aam.data.targets.intervals import Calibration, read_calibration
from aam.data.targets.targets import Targets
from aam.evaluation.decode_predictions import PredictionDecoder
from aam.models.sequence_encoder import SelfSupervision, SequenceEncoder
from aam.models.sequence_predictor import PredictorPlan, SequencePredictor
from aam.text import shorten

SectionT = TypeVar("SectionT", bound=Section)

LARGEST_NUMBER = 2**31
# What stands in a description, and of which type it is.
PARTS = {
    "model": dict,
    "supervision": dict,
    "predictor": dict | None,
    "data": dict,
    "record": dict,
    "intervals": dict,
    "members": int,
}
INTERVALS = {"level": float, "passes": int, "calibrations": list}
PREDICTOR = {"targets": dict, "head": dict, "loss": dict, "covariates": dict, "covariate_spec": dict | None}
TREATMENT = {
    "trim_length": int | None,
    "max_bp": int | None,
    "rarefy_depth": int | None,
    "token_limit": int,
    "asv_sampling": str,
}


@dataclass(frozen=True, kw_only=True)
class ModelDescription:
    """Everything about a model but its weights.

    Attributes
    ----------
    options
        Sizes.
    supervision
        The self-supervised heads.
    predictor
        The targets, their head and the covariates; None for a pre-trained encoder.
    data
        How tables must be treated: ``trim_length``, ``max_bp``, ``rarefy_depth``, ``token_limit``, ``asv_sampling``.
    record
        Provenance and results, for people.
    calibrations
        How far off predictions were, one for each target (None for a target that no validation sample has); empty
        before that is measured.
    interval_level
        Share of new samples whose truth intervals hold, where nothing else is asked for.
    prediction_passes
        Rarefied draws that were averaged when the intervals were made.
    members
        Number of models, whose predictions are averaged.
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
        return SamplingOptions(token_limit=self.data["token_limit"], asv_sampling=self.data["asv_sampling"])

    @property
    def needed_columns(self) -> tuple[str, ...]:
        """The columns of a sample sheet without which it cannot predict."""
        if self.predictor is None:
            return ()
        told = () if self.predictor.covariate_spec is None else self.predictor.covariates.columns
        return tuple(dict.fromkeys([*told, *self.predictor.targets.normalize_by]))

    def decoder(self, level: float | None = None) -> PredictionDecoder:
        """How the predictions of a predictor are decoded.

        Parameters
        ----------
        level
            Share of new samples whose truth the intervals (or sets) shall hold; the model's own where left out.
        """
        assert self.predictor is not None
        return PredictionDecoder(
            targets=self.predictor.targets,
            calibrations=self.calibrations,
            level=self.interval_level if level is None else level,
            head=self.predictor.head,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            "kind": "encoder" if self.predictor is None else "predictor",
            "members": self.members,
            "model": _plain(self.options),
            "supervision": self.supervision.to_dict(),
            "predictor": None if self.predictor is None else _plain_predictor(self.predictor),
            "data": self.data,
            "record": self.record,
            "intervals": {
                "level": self.interval_level,
                "passes": self.prediction_passes,
                "calibrations": [None if found is None else found.to_dict() for found in self.calibrations],
            },
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> ModelDescription:
        """The inverse of :meth:`to_dict`.

        Raises
        ------
        ValueError
            If something else was written.
        ConfigError
            If an option has a value that it cannot have.
        """
        parts = _typed(content, PARTS)
        intervals = _typed(parts["intervals"], INTERVALS)
        predictor = None if parts["predictor"] is None else _read_predictor(parts["predictor"])
        calibrations = [None if one is None else read_calibration(one) for one in intervals["calibrations"]]
        num_targets = 0 if predictor is None else len(predictor.targets)
        need(len(calibrations) in (0, num_targets), "there are not as many intervals as targets")
        need(0 < intervals["level"] < 1, "the level of the intervals is not between 0 and 1")
        need(intervals["passes"] >= 1 and parts["members"] >= 1, "a number of models or draws is not positive")
        return cls(
            options=_read_section(ModelOptions, parts["model"]),
            supervision=SelfSupervision.from_dict(parts["supervision"]),
            predictor=predictor,
            data=_read_treatment(parts["data"]),
            record=parts["record"],
            calibrations=tuple(calibrations),
            interval_level=intervals["level"],
            prediction_passes=intervals["passes"],
            members=parts["members"],
        )


def _plain_predictor(plan: PredictorPlan) -> dict[str, Any]:
    return {
        "targets": plan.targets.to_dict(),
        "head": _plain(plan.head),
        "loss": _plain(plan.loss),
        "covariates": _plain(plan.covariates),
        "covariate_spec": None if plan.covariate_spec is None else plan.covariate_spec.to_dict(),
    }


def _read_predictor(content: dict[str, Any]) -> PredictorPlan:
    """The inverse of :func:`_plain_predictor`."""
    parts = _typed(content, PREDICTOR)
    spec = None if parts["covariate_spec"] is None else CovariateSpec.from_dict(parts["covariate_spec"])
    covariates = _read_section(CovariateOptions, parts["covariates"])
    fitted = set() if spec is None else {*(c.name for c in spec.categorical), *(c.name for c in spec.numeric)}
    need(fitted == set(covariates.columns), "the covariates are not those that the model was told")
    need(spec is None or spec.hierarchies == covariates.hierarchies, "the hierarchies of covariates are others")
    loss = _read_section(LossOptions, parts["loss"])
    return PredictorPlan(
        targets=Targets.from_dict(parts["targets"]).learned_by(loss),
        head=_read_section(HeadOptions, parts["head"]),
        loss=loss,
        covariates=covariates,
        covariate_spec=spec,
    )


def _read_treatment(content: dict[str, Any]) -> dict[str, Any]:
    """How tables must be treated, with every value of the type that it must have."""
    parts = _typed(content, TREATMENT)
    numbers = [value for value in parts.values() if isinstance(value, int)]
    need(min(numbers) >= 1 and max(numbers) < LARGEST_NUMBER, "a length, limit or depth is out of range")
    need(fits(content.get("study_column"), str | None), "'study_column' is no text")
    SamplingOptions(token_limit=parts["token_limit"], asv_sampling=parts["asv_sampling"])
    return content


def _typed(content: Any, types: Mapping[str, Any]) -> dict[str, Any]:
    """These members of a JSON object, each of its type; it may have others."""
    need(isinstance(content, dict), "a JSON object is needed")
    for name, hint in types.items():
        need(name in content, f"'{name}' is lacking")
        need(fits(content[name], hint), f"'{name}' cannot be {shorten(repr(content[name]))}")
    return {name: content[name] for name in types}


def _plain(section: Section) -> dict[str, Any]:
    """The options of a section by name, in JSON types."""
    values = {field.name: getattr(section, field.name) for field in fields(section)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _read_section(kind: type[SectionT], content: dict[str, Any]) -> SectionT:
    """The inverse of :func:`_plain`."""
    hints = type_hints(kind)
    for name in content:
        need(name in hints, f"unknown option '{shorten(name)}'")
    return kind(**{name: convert(value, hints[name], name) for name, value in content.items()})


def build_model(description: ModelDescription) -> SequenceEncoder | SequencePredictor:
    """A fresh model of this description."""
    encoder = SequenceEncoder(description.options, description.supervision)
    return encoder if description.predictor is None else SequencePredictor(encoder, description.predictor)


def model_card(description: ModelDescription) -> str:
    """A model card in Markdown: what the model predicts, how well, from what, and how to use it."""
    targets, record = description.targets, description.record
    lines = [f"# AAM {'encoder' if targets is None else 'model'}", ""]
    if targets is None:
        lines.append("A pre-trained encoder of 16S amplicon samples.")
        lines.append("Fine-tune it with `aam train --pretrained-encoder THIS_FOLDER`.")
    else:
        classes = f" ({', '.join(targets.specs[0].classes)})" if targets.specs[0].classes else ""
        columns = ", ".join(f"`{column}`" for column in targets.columns)
        lines.append(f"Predicts {columns}{classes} ({targets.kind.saved_as}) from a 16S feature table.")
        if description.members > 1:
            lines.append(f"It is an ensemble of {description.members} models; their predictions are averaged.")
        sheet = " --metadata YOUR_SHEET.tsv" if description.needed_columns else ""
        command = f"aam predict --model THIS_FOLDER --table YOUR_TABLE{sheet} --output predictions.tsv"
        lines += ["", "```", command, "```"]
        if description.needed_columns:
            lines += ["", f"The sample sheet must have the columns {', '.join(description.needed_columns)}."]
    lines += ["", "## Data", ""] + [f"- {name}: {value}" for name, value in description.data.items()]
    lines += ["", "## Record", ""] + [f"- {name}: {value}" for name, value in record.items()]
    return "\n".join(lines) + "\n"
