"""What a report takes from the record of a run, checked before anything is drawn: files may have been changed."""

from __future__ import annotations

from typing import Any, Literal

from aam.config.json_dataclass import need
from aam.config.types import fits
from aam.data.study.several.harmony import Harmony
from aam.evaluation.run_results import RunRecord
from aam.runs.layout import CONFIG, DATA
from aam.runs.record_schema import check_types, damage_named

STEP = {"step": str, "kept": int, "dropped": int, "reason": str, "examples": list}
LENGTHS = ("min", "median", "max")
PARTS = {"num_asvs": int, "rarefy_depth": int | None, "sequence_lengths": dict | None, "command": str, "promise": str}
COUNTS = ("reads_per_sample", "asvs_per_sample")
OPTIONS = {
    "cv": int | Literal["study"] | None,
    "cv_repeats": int,
    "ensemble": int,
    "validation_size": float,
    "group_column": str | None,
}


def check_parts(record: RunRecord) -> None:
    """Check what a report shows of ``data.json`` and ``config.yaml``.

    Raises
    ------
    InputError
        If a part that is needed is lacking, or is not what a run writes.
    """
    data = record.data
    with damage_named(record.path / DATA):
        check_types(data, PARTS)
        need("num_asvs" in data and "samples" in data, "a part is lacking")
        need(all(fits(count, int) and count >= 0 for count in data["samples"].values()), "a count is wrong")
        need(any(data["samples"].values()), "there are no samples")
        need(record.targets is not None or {"train", "validation"} <= set(data["samples"]), "a part is lacking")
        for step in data.get("flow", []):
            need(isinstance(step, dict) and set(STEP) <= set(step), "a step is wrong")
            check_types(step, STEP)
        Harmony.of_record(data)
        need(all(_are_counts(data.get(name, [])) for name in COUNTS), "counts are wrong")
        lengths = data.get("sequence_lengths") or dict.fromkeys(LENGTHS, 1)
        need(all(fits(lengths.get(name), float) for name in LENGTHS), "lengths are wrong")
    with damage_named(record.path / CONFIG):
        check_types(record.config, OPTIONS)
        need(not record.config.get("cv") or "validation_size" in record.config, "an option is lacking")


def _are_counts(values: Any) -> bool:
    return isinstance(values, list) and all(fits(value, float) and value >= 0 for value in values)
