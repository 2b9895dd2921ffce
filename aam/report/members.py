"""The members of an ensemble: put into one model, recorded, and shown beside their average."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aam.data.targets import TargetSpec
from aam.errors import InputError
from aam.files.text import plural
from aam.models.folder import load_model, save_models
from aam.report.evaluation import score
from aam.report.html import Cell, Section, Table
from aam.report.judgement import HELD_OUT, Judgement
from aam.report.run_record import DATA, RunRecord, read_run
from aam.report.words import NONE, duration, metric, value_of

RECORDED = ("trained on", "seed")
"""What the model folder of an ensemble says of its members' training."""


def save_ensemble(folder: Path, members: Sequence[Path]) -> None:
    """Write one model folder with the weights of all members.

    Parameters
    ----------
    folder
        To be written.
    members
        Runs that differ in nothing that describes a model but its seed; the first one's description is taken, and its
        calibration, which is that of one model, is left out.
    """
    models, descriptions = zip(*(load_model(member) for member in members), strict=True)
    first = descriptions[0]
    alike = [(description.data, description.to_dict()["predictor"]) for description in descriptions]
    assert all(one == alike[0] for one in alike)
    record = {name: value for name, value in first.record.items() if name in RECORDED}
    described = dataclasses.replace(first, record=record, calibrations=())
    save_models(folder, [dict(model.state_dict()) for model in models], described)


def ensemble_record(members: Sequence[Path]) -> dict[str, Any]:
    """What ``data.json`` says of an ensemble and of each member.

    Parameters
    ----------
    members
        The members' finished runs.

    Returns
    -------
    dict
        ``model``, with the parameters of all; and ``members``: seed, epochs, the best one, seconds, and by target the
        metrics on the part that the headline is about (those that are defined).
    """
    records = [read_run(member) for member in members]
    parameters = sum(record.data["model"]["parameters"] for record in records)
    return {
        "model": {"parameters": parameters, "best_metric": records[0].data["model"]["best_metric"]},
        "members": [_member_record(record) for record in records],
    }


def _member_record(record: RunRecord) -> dict[str, Any]:
    model, found = record.data["model"], record.predictions.get(record.judged_part, {})
    return {
        "seed": record.config["seed"],
        "epochs": model["epochs"],
        "best_epoch": model["best_epoch"],
        "seconds": _seconds(record),
        "metrics": {
            column: {name: value for name, value in score(predictions).items() if np.isfinite(value)}
            for column, predictions in found.items()
        },
    }


def _seconds(record: RunRecord) -> float:
    return float(np.nansum(record.history.get("seconds", np.zeros(1))))


def training_times(record: RunRecord) -> tuple[list[int], float]:
    """The best epoch (from 0; -1 for the start) of the model or of each member, and the seconds of all training.

    Raises
    ------
    InputError
        If the record does not have them.
    """
    members = record.data.get("members")
    try:
        if members is None:
            return [record.data["model"]["best_epoch"]], _seconds(record)
        return [member["best_epoch"] for member in members], sum(member["seconds"] for member in members)
    except KeyError as error:
        raise InputError(record.path / DATA, f"damaged: it lacks {error} of the training") from None


def best_epoch_words(epoch: int) -> str:
    """An epoch as people count it."""
    return str(epoch + 1) if epoch >= 0 else "start"


def ensemble_words(record: RunRecord) -> list[str]:
    """That the model is an ensemble, where it is one."""
    members = record.data.get("members")
    return [f"It is an ensemble: the predictions of {plural(len(members), 'model')} are averaged."] if members else []


def members_section(record: RunRecord, target: TargetSpec, judgement: Judgement) -> Section | None:
    """Each member's own result beside that of the ensemble, for one target."""
    members = record.data.get("members")
    if members is None:
        return None
    main = judgement.main
    scores = [member["metrics"].get(target.column, {}) for member in members]
    values = np.array([found[main] for found in scores if main in found])
    said = value_of(main, judgement.results["model"][main].value)
    name = metric(main).name.lower()
    text = [
        f"The model is an ensemble of {len(members)} models. They learned from the same samples with seeds of their "
        "own, which set the first weights, the order of the samples and the reads that are drawn; their predictions "
        "are averaged.",
        f"The {name} of the ensemble is {said}; that of its members is {value_of(main, values.mean())} on average, "
        f"from {value_of(main, values.min())} to {value_of(main, values.max())}. How much they differ is how much "
        "chance is in one training run.",
    ]
    return Section("members", "The members of the ensemble", text, tables=[_table(members, scores, judgement)])


def _table(members: Sequence[dict[str, Any]], scores: Sequence[dict[str, float]], judgement: Judgement) -> Table:
    shown = judgement.results["model"]
    together = [Cell(value_of(name, interval.value)) for name, interval in shown.items()]
    rows = [[Cell("all, averaged"), *(Cell(NONE) for _ in range(3)), *together]]
    for number, (member, found) in enumerate(zip(members, scores, strict=True), start=1):
        facts = (str(member["seed"]), best_epoch_words(member["best_epoch"]), duration(member["seconds"]))
        own = (Cell(value_of(name, found.get(name, np.nan))) for name in shown)
        rows.append([Cell(str(number)), *map(Cell, facts), *own])
    header = ("member", "seed", "best epoch", "time", *(metric(name).label for name in shown))
    caption = f"On {len(judgement.predictions['model']):,} {HELD_OUT[judgement.part]}"
    return Table(header, rows, caption, frozenset(range(1, len(header))))
