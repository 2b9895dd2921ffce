"""Encoders side by side, each on studies that it never saw, and the table of what they add."""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from aam.files.atomic import write_text
from aam.models.folder.description import build_model
from aam.models.folder.weights import load_model, save_model
from benchmarks.encoder.features import encoder_features, plain_features, read_encoder
from benchmarks.encoder.judge import kept, predictions, read_kept, scores
from benchmarks.encoder.recipes import name_of, pretrained, run_folder
from benchmarks.encoder.studies import EVALUATIONS, POOL, Judged, read_judged, read_tables
from benchmarks.encoder.table import tables
from benchmarks.machine import conditions

SECONDS_OF_A_RUN = 10
"""What took less was there already."""
UNTRAINED, ALONE = "untrained", "alone: "
HEAD = """\
# What an encoder adds to studies that it never saw

`python -m benchmarks.encoder compare`: an encoder is pre-trained on the pool of studies without those below, and used
on them as it is. Kernel ridge regression, whole groups held out in five folds, penalties by inner folds, mean over
dealings of the groups; R2, and AUROC (one against the rest) for fish. {processor}, torch {torch}, {date}.

"""
Table = dict[str, dict[str, dict[str, float]]]
"""Scores by encoder, study and what is judged."""


def compare(options: argparse.Namespace) -> None:
    """Pre-train and judge what is missing, and write the table after each encoder."""
    judged = {name: read_judged(name, options.data) for name in options.studies}
    others = [name for name in POOL if name not in EVALUATIONS]
    record = options.output / "encoder.json"
    seconds: dict[str, float] = {}
    table: Table = {}
    if record.is_file():
        stored = json.loads(record.read_text(encoding="utf-8"))
        table, seconds = stored["scores"], stored["seconds"]
    for recipe in options.recipes:
        name = name_of(recipe, options.epochs)
        started = time.process_time()
        folders = {study: _encoder(recipe, name, study, others, options) for study in judged}
        took = time.process_time() - started
        if took > SECONDS_OF_A_RUN:
            seconds[name] = took
        table[name] = {
            study: judge(one, name, folders[study], options.work / "predictions", options.dealings)
            for study, one in judged.items()
        }
        write_record(options, table, seconds)


def _encoder(recipe: str, name: str, study: str, others: Sequence[str], options: argparse.Namespace) -> Path:
    """The folder of the encoder that a recipe makes without a study; ``alone: RECIPE`` sees nothing but the study."""
    work = options.work
    if recipe == UNTRAINED:
        like = pretrained("bray_curtis", others, options.data, run_folder(work, "bray_curtis"))
        return _untrained(like, run_folder(work, recipe))
    if recipe.startswith(ALONE):
        pool, alone = len(read_tables(others, options.data)), len(read_tables([study], options.data))
        epochs = max(1, round(options.epochs * pool / alone))
        folder = run_folder(work, f"{name} {study}")
        return pretrained(recipe.removeprefix(ALONE), [study], options.data, folder, epochs=epochs, patience=epochs)
    return pretrained(recipe, others, options.data, run_folder(work, name), epochs=options.epochs)


def _untrained(like: Path, folder: Path) -> Path:
    """An encoder with the weights that training starts from."""
    _, description = load_model(like)
    torch.manual_seed(0)
    plain = dataclasses.replace(description, record={})
    save_model(folder, build_model(plain).state_dict(), plain)
    return folder


def judge(judged: Judged, name: str, folder: Path, held: Path, dealings: int) -> dict[str, float]:
    """Mean scores over dealings, of an encoder beside what needs none."""
    found: list[dict[str, float]] = []
    for seed in range(dealings):
        paths = [held / f"{judged.name}-{run_folder(held, part).name}-{seed}.npz" for part in ("plain", name)]
        if not paths[0].is_file():
            kept(paths[0], predictions(plain_features(judged.study), judged, seed))
        if not paths[1].is_file():
            kept(paths[1], predictions(encoder_features(read_encoder(folder), judged.study), judged, seed))
        found.append(scores(judged, seed, *(read_kept(path) for path in paths)))
    return {key: float(np.mean([one[key] for one in found])) for key in found[0]}


def write_record(options: argparse.Namespace, table: Table, seconds: Mapping[str, float]) -> None:
    """Write the scores of all encoders so far, and print those of the last."""
    options.output.mkdir(parents=True, exist_ok=True)
    content: dict[str, Any] = {"conditions": conditions(), "seconds": seconds, "scores": table}
    write_text(options.output / "encoder.json", json.dumps(content, indent=1) + "\n")
    write_text(options.output / "encoder.md", HEAD.format(**content["conditions"]) + tables(table, seconds) + "\n")
    name, last = list(table.items())[-1]
    for study, found in last.items():
        print(f"{name} | {study} | {' '.join(f'{key}={value:.3f}' for key, value in found.items())}", flush=True)
