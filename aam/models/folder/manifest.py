"""The manifest of a model folder, as plain JSON (members, targets, how tables are treated), and its model card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from aam.config import HeadOptions, LossOptions, SamplingOptions
from aam.config.json_dataclass import need
from aam.config.option import Section, type_hints
from aam.config.types import convert, fits
from aam.data.readers.feature_ids import IDS, NAMES
from aam.data.study.covariates import CovariateSpec
from aam.data.study.earlier import EarlierSpec, data_in_words
from aam.data.targets.intervals import Calibration, read_calibration
from aam.data.targets.kinds import Classes, Counts, Kind, Numbers, Ordered, Quantiles
from aam.data.targets.targets import Targets
from aam.evaluation.decode_predictions import PredictionDecoder
from aam.text import listed, plural, shorten


def model_card(manifest: Manifest) -> str:
    """The card of a model folder."""
    targets = manifest.targets
    lines = [f"# AAM {'encoder' if targets is None else 'model'}", ""]
    if targets is None:
        lines.append("A pre-trained encoder of 16S amplicon samples.")
        lines.append("Fine-tune it with `aam train --pretrained-encoder THIS_FOLDER`.")
    else:
        classes = (f" ({', '.join(spec.classes)})" if spec.classes else "" for spec in targets.specs)
        columns = ", ".join(f"`{column}`{own}" for column, own in zip(targets.columns, classes, strict=True))
        lines.append(f"Predicts {columns} ({targets.kind.saved_name}) from a 16S feature table.")
        names = [member.name for member in manifest.members]
        if names != ["network"]:
            lines.append(f"It consists of {members_in_words(names, manifest.weights)}.")
        lines += _usage(manifest)
    treated = {name: value for name, value in data_in_words(manifest.data).items() if value is not None}
    lines += _facts("How tables are treated", treated) + _facts("Record", manifest.record)
    return "\n".join(lines) + "\n"


def _facts(title: str, facts: Mapping[str, Any]) -> list[str]:
    """A section of the card; none without facts."""
    shown = [f"- {name.replace('_', ' ')}: {value}" for name, value in facts.items()]
    return ["", f"## {title}", "", *shown] if shown else []


def _usage(manifest: Manifest) -> list[str]:
    """How to predict with it."""
    columns = manifest.needed_columns
    sheet = " --metadata YOUR_METADATA.tsv" if columns else ""
    command = f"aam predict --model THIS_FOLDER --table YOUR_TABLE{sheet} --output predictions.tsv"
    known = [] if manifest.familiarity is None else ["", WARNINGS]
    needed = ["", f"The metadata must have the columns {', '.join(columns)}."] if columns else []
    return ["", "```", command, "```", *needed, *known]


WARNINGS = (
    "Do not trust predictions of samples with a `warning`: they are unlike the training samples "
    "(so are 5 % of samples that are like them)."
)
SectionT = TypeVar("SectionT", bound=Section)
Weights = tuple[tuple[float, ...], ...]
"""A row for each member."""

LARGEST_NUMBER = 2**31
ROUNDING = 1e-9
# What each kind of target is calibrated by.
CALIBRATED: dict[type[Kind], str] = {
    Numbers: "numbers",
    Quantiles: "quantiles",
    Classes: "classes",
    Ordered: "ordered",
    Counts: "numbers",
}
# What stands in a manifest, and of which type it is.
PARTS = {
    "members": list,
    "weights": list,
    "reference": dict | None,
    "familiarity": dict | None,
    "targets": dict | None,
    "covariate_spec": dict | None,
    "outputs": dict,
    "data": dict,
    "record": dict,
    "intervals": dict,
}
OUTPUTS = {"quantiles": list, "bounded_targets": bool, "output_activation": str}
INTERVALS = {"level": float, "passes": int, "calibrations": list}
TREATMENT = {"trim_length": int | None, "rarefy_depth": int | None}
DIRECTIONS = (None, "auto", "yes", "no")
OF_NETWORKS = {"max_bp": int | None, "token_limit": int, "asv_sampling": str, "study_column": str | None}
OF_NAMES = {IDS: str}


@dataclass(frozen=True)
class Member:
    """One learner of a model folder.

    Attributes
    ----------
    kind
        Its kind, such as ``network`` or ``forest``.
    facts
        What it needs besides its arrays, in JSON types.
    """

    kind: str
    facts: Mapping[str, Any]

    def __post_init__(self) -> None:
        assert "kind" not in self.facts

    @property
    def name(self) -> str:
        """Its name in the catalogue of learners, or its kind."""
        return str(self.facts.get("name", self.kind))


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Everything about a model but its arrays.

    Attributes
    ----------
    members
        Its learners; their arrays are named ``0.``, ``1.``, ... in this order.
    weights
        Weight of each member in the prediction of each target (of the classes, or of all targets where there is one),
        which sum to 1 over the members; empty for the plain mean.
    reference
        What its members share, besides arrays named ``reference.``; None where they share nothing.
    familiarity
        What is known of the training data, besides arrays named ``reference.familiarity.``; None where nothing is.
    targets
        What is predicted, of the variant of their kind that is learned; None for a pre-trained encoder.
    covariate_spec
        The covariates; None where there are none.
    head
        Its ``bounded_targets`` and ``output_activation`` are the ends of what can be predicted.
    data
        How tables must be treated: ``trim_length``, ``reverse_complement``, ``rarefy_depth``; networks also need
        ``max_bp``, ``token_limit``, ``asv_sampling``. ``study_column`` is the column that was made of the names of
        merged tables; ``asv_ids`` is ``names`` where ASVs are known by names and not by their DNA.
    record
        Human-readable provenance and results.
    calibrations
        How far off predictions were, one for each target (None for a target that no validation sample has); empty
        before that is measured.
    interval_level
        Share of new samples whose truth intervals hold, where nothing else is asked for.
    prediction_passes
        Rarefied draws that were averaged when the intervals were made.
    """

    members: tuple[Member, ...]
    weights: Weights = ()
    reference: Mapping[str, Any] | None = None
    familiarity: Mapping[str, Any] | None = None
    targets: Targets | None
    covariate_spec: CovariateSpec | None = None
    head: HeadOptions = field(default_factory=HeadOptions)
    data: dict[str, Any]
    record: dict[str, Any] = field(default_factory=dict)
    calibrations: tuple[Calibration | None, ...] = ()
    interval_level: float = 0.9
    prediction_passes: int = 1

    @property
    def quantiles(self) -> tuple[float, ...]:
        """The quantiles that are predicted; empty where numbers or classes are."""
        kind = None if self.targets is None else self.targets.kind
        return kind.levels if isinstance(kind, Quantiles) else ()

    @property
    def sampling(self) -> SamplingOptions:
        """Which ASVs of a sample its networks see."""
        return SamplingOptions(token_limit=self.data["token_limit"], asv_sampling=self.data["asv_sampling"])

    @property
    def earlier(self) -> EarlierSpec | None:
        """Which earlier samples of the same subject are read; None where none are."""
        return EarlierSpec.of_data(self.data)

    @property
    def needed_columns(self) -> tuple[str, ...]:
        """The metadata columns without which it cannot predict."""
        spec, targets = self.covariate_spec, self.targets
        covariates = () if spec is None else spec.columns
        of_earlier = () if self.earlier is None else self.earlier.columns
        of_targets = () if targets is None else (*targets.normalize_by, *filter(None, [targets.exposure_column]))
        return tuple(dict.fromkeys([*covariates, *of_targets, *of_earlier]))

    def decoder(self, level: float | None = None) -> PredictionDecoder:
        """How the predictions of a predictor are decoded.

        Parameters
        ----------
        level
            Nominal coverage of the intervals (or prediction sets); the model's own if omitted.
        """
        assert self.targets is not None
        return PredictionDecoder(
            targets=self.targets,
            calibrations=self.calibrations,
            level=self.interval_level if level is None else level,
            head=self.head,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            "kind": "encoder" if self.targets is None else "predictor",
            "members": [{"kind": member.kind, **member.facts} for member in self.members],
            "weights": [list(row) for row in self.weights],
            "reference": None if self.reference is None else dict(self.reference),
            "familiarity": None if self.familiarity is None else dict(self.familiarity),
            "targets": None if self.targets is None else self.targets.to_dict(),
            "covariate_spec": None if self.covariate_spec is None else self.covariate_spec.to_dict(),
            "outputs": {
                "quantiles": list(self.quantiles),
                "bounded_targets": self.head.bounded_targets,
                "output_activation": self.head.output_activation,
            },
            "data": self.data,
            "record": self.record,
            "intervals": {
                "level": self.interval_level,
                "passes": self.prediction_passes,
                "calibrations": [None if found is None else found.to_dict() for found in self.calibrations],
            },
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Manifest:
        """The inverse of :meth:`to_dict`.

        Raises
        ------
        ValueError
            If something else was written.
        ConfigError
            If an option has a value that it cannot have.
        """
        parts = typed(content, PARTS)
        members = tuple(_read_member(member) for member in parts["members"])
        need(bool(members), "it has no members")
        targets = None if parts["targets"] is None else Targets.from_dict(parts["targets"])
        spec = None if parts["covariate_spec"] is None else CovariateSpec.from_dict(parts["covariate_spec"])
        outputs = typed(parts["outputs"], OUTPUTS)
        targets = _learned(targets, outputs.pop("quantiles"))
        intervals = typed(parts["intervals"], INTERVALS)
        need(0 < intervals["level"] < 1, "the level of the intervals is not between 0 and 1")
        need(intervals["passes"] >= 1, "a number of draws is not positive")
        return cls(
            members=members,
            weights=_read_weights(parts["weights"], len(members), 0 if targets is None else len(targets)),
            reference=parts["reference"],
            familiarity=parts["familiarity"],
            targets=targets,
            covariate_spec=spec,
            head=read_section(HeadOptions, outputs),
            data=_read_preprocessing(parts["data"]),
            record=parts["record"],
            calibrations=_read_calibrations(intervals["calibrations"], targets),
            interval_level=intervals["level"],
            prediction_passes=intervals["passes"],
        )


def members_in_words(names: Sequence[str], weights: Sequence[Sequence[float]]) -> str:
    """The members of a model, and how they are combined, such as ``3 networks: the mean of their predictions``."""
    if not weights:
        counted = [plural(names.count(name), name) for name in dict.fromkeys(names)]
        return ", ".join(counted) + (": the mean of their predictions" if len(names) > 1 else "")
    mean = [sum(row) / len(row) for row in weights]
    named = [f"{name} ({round(weight, 3):g})" for name, weight in zip(names, mean, strict=True)]
    return ", ".join(named) + ": the weighted mean of their predictions"


def metadata_needed(columns: Sequence[str]) -> str:
    """What to say of a model that reads columns of the sample sheet where there is none."""
    noun = "column" if len(columns) == 1 else "columns"
    return f"--metadata is needed: the model uses the metadata {noun} {listed(columns, 6)}"


def typed(content: Any, types: Mapping[str, Any]) -> dict[str, Any]:
    """These members of a JSON object, each of its type; it may have others."""
    need(isinstance(content, dict), "a JSON object is needed")
    for name, hint in types.items():
        need(name in content, f"'{name}' is lacking")
        need(fits(content[name], hint), f"'{name}' cannot be {shorten(repr(content[name]))}")
    return {name: content[name] for name in types}


def plain(section: Section) -> dict[str, Any]:
    """The options of a section by name, in JSON types."""
    values = {field.name: getattr(section, field.name) for field in fields(section)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def read_section(kind: type[SectionT], content: dict[str, Any]) -> SectionT:
    """The inverse of :func:`plain`."""
    hints = type_hints(kind)
    for name in content:
        need(name in hints, f"unknown option '{shorten(name)}'")
    for name, value in content.items():
        numbers = [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, int)]
        need(all(abs(one) < LARGEST_NUMBER for one in numbers), f"'{shorten(name)}' is out of range")
    return kind(**{name: convert(value, hints[name], name) for name, value in content.items()})


def _read_member(content: Any) -> Member:
    kind = typed(content, {"kind": str})["kind"]
    return Member(kind, {name: value for name, value in content.items() if name != "kind"})


def _read_weights(weights: list[Any], number: int, num_targets: int) -> Weights:
    if not weights:
        return ()
    need(len(weights) == number and all(isinstance(row, list) for row in weights), "a member has no weight")
    rows = tuple(tuple(row) for row in weights)
    in_range = all(fits(weight, float) and 0 <= weight <= 1 for row in rows for weight in row)
    need(in_range, "a weight of a member is out of range")
    need({len(row) for row in rows} <= {1, num_targets}, "the weights are not those of the targets")
    need(len({len(row) for row in rows}) == 1, "the weights are not those of the targets")
    need(all(abs(sum(column) - 1) < ROUNDING for column in zip(*rows, strict=True)), "the weights do not sum to 1")
    return tuple(tuple(map(float, row)) for row in rows)


def _learned(targets: Targets | None, quantiles: list[Any]) -> Targets | None:
    """The targets of the variant of their kind that is learned."""
    if not quantiles:
        return targets
    need(targets is not None and isinstance(targets.kind, Numbers), "the quantiles do not fit the targets")
    need(all(fits(level, float) and 0 < level < 1 for level in quantiles), "a quantile is not between 0 and 1")
    assert targets is not None
    return targets.learned_by(LossOptions(loss_type="quantile", quantiles=tuple(map(float, quantiles))))


def _read_calibrations(found: list[Any], targets: Targets | None) -> tuple[Calibration | None, ...]:
    calibrations = tuple(None if one is None else read_calibration(one) for one in found)
    need(
        len(calibrations) in (0, 0 if targets is None else len(targets)),
        "the number of intervals is not that of the targets",
    )
    expected = None if targets is None else CALIBRATED.get(type(targets.kind))
    fit = expected is None or all(one is None or one.kind == expected for one in calibrations)
    need(fit, "the intervals are not those of the targets")
    return calibrations


def _read_preprocessing(content: dict[str, Any]) -> dict[str, Any]:
    """How tables must be treated, with every value of the type that it must have."""
    parts = typed(content, TREATMENT)
    for name, hint in (OF_NETWORKS | OF_NAMES).items():
        if name in content:
            need(fits(content[name], hint), f"'{name}' cannot be {shorten(repr(content[name]))}")
            parts[name] = content[name]
    need(parts.get(IDS, NAMES) == NAMES, "ids of ASVs of an unknown kind")
    EarlierSpec.of_data(content)
    direction = content.get("reverse_complement")
    need(direction in DIRECTIONS, f"'reverse_complement' cannot be {shorten(repr(direction))}")
    numbers = [value for value in parts.values() if isinstance(value, int)]
    need(all(1 <= number < LARGEST_NUMBER for number in numbers), "a length, limit or depth is out of range")
    return content
