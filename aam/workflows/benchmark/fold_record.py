"""What one fold of a benchmark found, as a file: the predictions of every competitor, and what they took.

A file tells with which settings it was made, and is taken for no others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from aam.config.json_dataclass import need
from aam.data.targets.intervals import Calibration, read_calibration
from aam.data.targets.kinds import Predictions, Samples, TargetSpec
from aam.data.targets.targets import Targets
from aam.errors import ConfigError, InputError
from aam.evaluation.decode_predictions import PredictionDecoder
from aam.files.atomic import read_json, write_json

BLEND = "blend"
LEVEL = 0.9


@dataclass(frozen=True, kw_only=True, eq=False)
class FoldRecord:
    """One fold of one repeat.

    Attributes
    ----------
    repeat, number
        Which it is, both from 1.
    target
        As fitted on the training samples.
    sample_ids, observed, groups
        The test samples, with their truths and groups (None where each stands for itself).
    familiar
        Share of each test sample's reads that are of ASVs of the training samples.
    learned
        Competitor -> its predictions of them where they are learned: ``B x 1`` numbers, ``B x C`` shares of classes.
    seconds
        Competitor -> seconds that it took.
    weights
        Member -> weight in the blend.
    calibration
        What the blend's intervals, or sets, come from; None where it has none.
    left_out
        Learner that was asked for -> why it is no member.
    peak_bytes
        Most memory of the process while the fold was computed.
    """

    repeat: int
    number: int
    target: TargetSpec
    sample_ids: np.ndarray
    observed: np.ndarray
    groups: np.ndarray | None
    familiar: np.ndarray
    learned: Mapping[str, np.ndarray]
    seconds: Mapping[str, float]
    weights: Mapping[str, float]
    calibration: Calibration | None
    left_out: Mapping[str, str] = field(default_factory=dict)
    peak_bytes: int = 0

    def predictions(self) -> dict[str, Predictions]:
        """Competitor -> its predictions, and those of the constant prediction; the blend's have intervals, or sets."""
        samples = Samples(
            sample_ids=self.sample_ids,
            observed={self.target.column: self.observed},
            level_B=np.zeros(len(self.sample_ids), dtype=np.int64),
            groups=self.groups,
        )
        found = {}
        for name, learned in self.learned.items():
            calibrations = (self.calibration,) if name == BLEND else ()
            decoder = PredictionDecoder(targets=Targets(specs=(self.target,)), calibrations=calibrations, level=LEVEL)
            found[name] = decoder.predictions(learned[None], samples)[0]
        kind = self.target.kind
        return {kind.guess: kind.constant(self.target, next(iter(found.values()))), **found}

    def write(self, path: Path, settings: Mapping[str, Any]) -> None:
        """Write the file, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "settings": dict(settings),
            "repeat": self.repeat,
            "number": self.number,
            "target": self.target.to_dict(),
            "sample_ids": self.sample_ids.tolist(),
            "observed": self.observed.tolist(),
            "groups": None if self.groups is None else self.groups.tolist(),
            "familiar": self.familiar.tolist(),
            "learned": {name: values.tolist() for name, values in self.learned.items()},
            "seconds": dict(self.seconds),
            "weights": dict(self.weights),
            "calibration": None if self.calibration is None else self.calibration.to_dict(),
            "left_out": dict(self.left_out),
            "peak_bytes": self.peak_bytes,
        }
        write_json(path, content)


def read_record(path: Path, settings: Mapping[str, Any]) -> FoldRecord:
    """Read a fold's file.

    Parameters
    ----------
    path
        The file.
    settings
        With which it must have been made.

    Raises
    ------
    ConfigError
        If it was made with others.
    InputError
        If it is damaged.
    """
    content = read_json(path)
    try:
        check_settings(path, content["settings"], settings)
        return _record(content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(path, f"is damaged ({error})", "remove it, and run the benchmark anew") from None


def check_settings(path: Path, made_with: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Refuse a file that was made with other settings (:class:`ConfigError`)."""
    differing = [name for name in wanted if made_with.get(name) != wanted[name]]
    if differing:
        where = f"{path.parent.name}/{path.name}"
        raise ConfigError(f"{where} was made with other {', '.join(differing)}: choose another --output-dir")


def _record(content: Mapping[str, Any]) -> FoldRecord:
    target = TargetSpec.from_dict(content["target"])
    ids, groups = np.array(content["sample_ids"], dtype=object), content["groups"]
    observed = np.array(content["observed"], dtype=object if target.classes else np.float64)
    learned = {name: np.array(values, dtype=np.float64) for name, values in content["learned"].items()}
    shape = (len(ids), *target.kind.output_shape((target,)))
    familiar = np.array(content["familiar"], dtype=np.float64)
    need(len(ids) > 0 and len(observed) == len(ids) == len(familiar), "samples and truths do not fit")
    need(bool(learned) and all(values.shape == shape for values in learned.values()), "predictions do not fit")
    need(all(bool(np.isfinite(values).all()) for values in learned.values()), "a prediction is not finite")
    need(groups is None or len(groups) == len(ids), "groups do not fit")
    need(set(content["weights"]) <= set(learned) and set(content["seconds"]) <= set(learned), "unknown competitor")
    return FoldRecord(
        repeat=content["repeat"],
        number=content["number"],
        target=target,
        sample_ids=ids,
        observed=observed,
        groups=None if groups is None else np.array(groups, dtype=object),
        familiar=familiar,
        learned=learned,
        seconds={name: float(value) for name, value in content["seconds"].items()},
        weights={name: float(value) for name, value in content["weights"].items()},
        calibration=None if content["calibration"] is None else read_calibration(content["calibration"]),
        left_out=content["left_out"],
        peak_bytes=int(content["peak_bytes"]),
    )
