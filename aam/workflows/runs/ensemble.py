"""`aam train --ensemble N`: models that differ in their seeds alone, and whose predictions are averaged.

The run directory holds ``members/1`` to ``members/N``, each an ordinary and complete run of ``aam train`` on the very
same samples, with the seed of the run + its number - 1. ``model/`` holds the weights of all. Predictions are averaged
where the models learn, in the target's transformed space (of classes: their probabilities), and intervals are made
from the errors of the averages. The spread that ``--output-variance`` of ``aam predict`` writes is that of the average
over rarefied draws; how much the members differ is said in the report.

References
----------
Lakshminarayanan, Pritzel, Blundell (2017), Simple and scalable predictive uncertainty estimation using deep ensembles,
arXiv:1612.01474 (members that differ in initialisation and order alone).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aam.config import TrainConfig
from aam.evaluation.metrics import score
from aam.evaluation.run_results import RunRecord, read_run, training_seconds
from aam.log import say
from aam.models.folder.weights import load_model, save_models
from aam.runs.directory import RunDirectory
from aam.runs.layout import DATA, MEMBERS, SAMPLE_LISTS
from aam.runs.saved_options import training_config
from aam.training.hardware.device import prepare_device
from aam.training.plan.supervision import Inputs, read_inputs
from aam.workflows.runs.at_once import Training, at_once
from aam.workflows.runs.blend.checks import check_training
from aam.workflows.runs.child_runs import (
    ChildRun,
    check_lists,
    in_turn,
    rollback_if_first_run_fails,
    stopped_within,
    train_child_run,
)
from aam.workflows.runs.results import TrainResult
from aam.workflows.runs.run_manifest import data_record, write_lists
from aam.workflows.runs.single_run import make_room, options_to_repeat, taken_directory, train_one
from aam.workflows.runs.tracked import tracked

RECORDED = ("trained on", "seed")
"""What the model folder of an ensemble says of its members' training."""


def train_ensemble(config: TrainConfig, command_line: str) -> TrainResult:
    """Train the members one after the other, or resume, and write the results of their average.

    Parameters
    ----------
    config
        With an ``ensemble`` of several.
    command_line
        The command line that repeats the run.

    Raises
    ------
    InputError
        As a training run.
    PreemptedError
        If a signal stopped it; with how to resume.
    """
    with taken_directory(config, command_line) as (run, before), tracked(config, run, "ensemble") as tracking:
        inputs = read_inputs(config, check_training)
        record = data_record(config, inputs, before, command_line)
        members = _members(config, inputs, run)
        say(f"ensemble: {len(members)} models with the seeds {', '.join(str(member.seed) for member in members)}")
        if config.run.resume_from is not None and (run.path / DATA).exists():
            check_lists(members[:1])
        else:
            make_room(run, config)
            run.write_config("train", options_to_repeat(config))
            write_lists(inputs, run)
        run.write_json(DATA, record)
        tracking.begin(config, record)

        def train_member(place: int) -> bool:
            return train_child_run(members[place].config(config, ensemble=1), members[place], train_one)

        with rollback_if_first_run_fails(run, members, (MEMBERS, *SAMPLE_LISTS.values(), DATA, run.config.name)):
            if config.jobs.are_several:
                own = [member.config(config, ensemble=1) for member in members]
                pairs = zip(own, members, strict=True)
                trainings = [Training(whole=run, config=one, child=member, train=train_one) for one, member in pairs]
                at_once(run, "member", trainings, config.jobs, lambda place: None)
            else:
                in_turn(run, members, "member", train_member)
        with stopped_within(run, "after the last member"):
            result = _finish(config, inputs, run, members, record)
        run.finish({"members": len(members)})
        say(f"model: {run.model}")
        tracking.end(result.judgements)
    return result


def train_one_or_several(config: TrainConfig, command_line: str) -> TrainResult:
    """Train a blend, a network or an ensemble, as a part of a larger run."""
    if config.is_blend:
        from aam.workflows.runs.blend.run import train_blend

        return train_blend(config, command_line)
    alone = config.evaluation.ensemble == 1
    return train_one(config, command_line) if alone else train_ensemble(config, command_line)


def _members(config: TrainConfig, inputs: Inputs, run: RunDirectory) -> list[ChildRun]:
    """Where each member lies; all read the lists of samples that the whole run writes."""
    names = inputs.study.sample_ids
    ids = {part: list(map(str, names[rows])) for part, rows in inputs.split.parts().items()}
    return [
        ChildRun(
            name=f"{MEMBERS}/{number}",
            directory=RunDirectory(run.path / MEMBERS / str(number)),
            lists=run.path,
            ids=ids,
            seed=config.run.later_seed(number - 1),
        )
        for number in range(1, config.evaluation.ensemble + 1)
    ]


def _finish(
    config: TrainConfig, inputs: Inputs, run: RunDirectory, members: Sequence[ChildRun], record: dict[str, Any]
) -> TrainResult:
    """Put the members into one model, and write its results."""
    from aam.workflows.runs.finalize import Trained, finish_run

    say("", f"the average of all {len(members)} members")
    folders = [member.directory.path for member in members]
    save_ensemble(run.model, folders)
    settled = _settled(config, members[0])
    run.write_config("train", options_to_repeat(settled))
    trained = Trained(config=settled, inputs=inputs, device=prepare_device(settled.run))
    judgements = finish_run(trained, run, {**record, **ensemble_record(folders)})
    return TrainResult(run=run.path, config=settled, judgements=judgements)


def _settled(config: TrainConfig, first: ChildRun) -> TrainConfig:
    """The options of the whole run, with what was derived from the data as the first member has it."""
    own = training_config(first.directory.config)
    whole = config.run
    options = dataclasses.replace(own.run, seed=whole.seed, output_dir=whole.output_dir, report=whole.report)
    return dataclasses.replace(own, split=config.split, evaluation=config.evaluation, run=options)


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
    alike = [(description.data, description.predictor) for description in descriptions]
    assert all(one == alike[0] for one in alike)
    record = {name: value for name, value in first.record.items() if name in RECORDED}
    described = dataclasses.replace(first, record=record, calibrations=())
    save_models(folder, [dict(model.state_dict()) for model in models], described)


def ensemble_record(members: Sequence[Path]) -> dict[str, Any]:
    """The entry of an ensemble and its members in ``data.json``.

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
    model, found = record.data["model"], record.predictions.get(record.evaluated_part, {})
    return {
        "seed": record.config["seed"],
        "epochs": model["epochs"],
        "best_epoch": model["best_epoch"],
        "seconds": training_seconds(record),
        "metrics": {
            column: {name: value for name, value in score(predictions).items() if np.isfinite(value)}
            for column, predictions in found.items()
        },
    }
