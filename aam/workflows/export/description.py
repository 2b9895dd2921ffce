"""What an exported file takes and gives, in plain JSON: for whoever computes it without AAM."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aam.alphabet import LETTERS, MASK
from aam.config.commands.predict import PredictOptions
from aam.data.batches.dataset import VALIDATION_EPOCH
from aam.data.targets.targets import Targets
from aam.models.export.trace import OPSET
from aam.models.export.whole import Port, WholeModel
from aam.models.folder.manifest import Manifest
from aam.version import __version__
from aam.workflows.export.check import TOLERANCE, Agreement
from aam.workflows.export.parts import Exportable

VERSION = 1
"""Of the layout of this description."""


def describe(parts: Exportable, whole: WholeModel, checks: Sequence[Agreement] = ()) -> dict[str, Any]:
    """The description of an exported model.

    Parameters
    ----------
    parts, whole
        What is exported, and the module of it.
    checks
        How far file and model are apart, once that is known.
    """
    manifest = parts.manifest
    return {
        "version": VERSION,
        "aam": __version__,
        "opset": OPSET,
        "networks": len(parts.networks),
        "forests": len(parts.forests),
        "left_out": list(parts.left_out),
        "inputs": list(map(_port, whole.inputs)),
        "outputs": list(map(_port, whole.outputs)),
        "alphabet": {LETTERS[code : code + 1].decode(): code for code in range(1, MASK)},
        "sequences": {
            "trim_length": manifest.data.get("trim_length"),
            "reverse_complement": manifest.data.get("reverse_complement"),
            "longest_of_training": manifest.data.get("max_bp"),
        },
        "draw": {
            "depth": manifest.data.get("rarefy_depth"),
            "number": manifest.prediction_passes,
            "seed": PredictOptions.seed,
            "epoch": VALIDATION_EPOCH,
            "most_asvs": manifest.data.get("token_limit"),
            "most_asvs_are": manifest.data.get("asv_sampling"),
        },
        "categorical": _categorical(manifest),
        "numeric": [] if manifest.covariate_spec is None else [one.name for one in manifest.covariate_spec.numeric],
        "targets": _targets(parts.targets),
        "checks": [
            {
                "samples": one.samples,
                "of": one.words,
                "largest_difference": one.largest,
                "tolerance": TOLERANCE,
                "by_last_digit": one.rounding,
            }
            for one in checks
        ],
    }


def _port(port: Port) -> dict[str, Any]:
    return {"name": port.name, "type": port.type, "axes": list(port.axes), "meaning": port.meaning}


def _categorical(manifest: Manifest) -> list[dict[str, Any]]:
    """The categorical columns; the first level has the code 1."""
    spec = manifest.covariate_spec
    return [] if spec is None else [{"name": one.name, "levels": list(one.levels)} for one in spec.categorical]


def _targets(targets: Targets | None) -> dict[str, Any] | None:
    if targets is None:
        return None
    kind = targets.kind
    return {
        "kind": kind.saved_name,
        "columns": list(targets.columns),
        "outputs": list(targets.output_names),
        "classes": {spec.column: list(spec.classes) for spec in targets.specs if spec.classes},
        "quantiles": list(getattr(kind, "levels", ())),
        "level_columns": list(targets.normalize_by),
        "levels": list(targets.levels),
        "exposure_column": targets.exposure_column or None,
    }
