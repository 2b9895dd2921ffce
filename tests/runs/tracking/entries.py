"""What trackers have written, read back: MLflow by its client, the offline files of wandb record by record."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

BLOCK, HEADER, START = 32_768, 7, 7
"""Bytes of a block, of the header of a piece of a record, and of the file before the first (the format of LevelDB)."""
WHOLE, LAST = 1, 4
"""Kinds of pieces that end a record."""
OFFLINE = ("WANDB_MODE", "WANDB_DIR", "WANDB_NAME", "WANDB_PROJECT", "WANDB_RUN_GROUP", "MLFLOW_TRACKING_URI")
LIBRARY_SETS = ("WANDB_ERROR_REPORTING", "MLFLOW_ALLOW_FILE_STORE", "MLFLOW_DISABLE_TELEMETRY")
LIBRARY_SETS += ("DO_NOT_TRACK", "MLFLOW_HTTP_REQUEST_MAX_RETRIES", "MLFLOW_HTTP_REQUEST_TIMEOUT")


def clean_environment(patch: pytest.MonkeyPatch, home: Path) -> None:
    """No settings of whoever runs the tests; what the libraries keep for themselves goes into a folder of the test."""
    for name in (*OFFLINE, *LIBRARY_SETS):
        patch.delenv(name, raising=False)
    for name in ("WANDB_CONFIG_DIR", "WANDB_CACHE_DIR", "WANDB_DATA_DIR"):
        patch.setenv(name, str(home / name.lower()))
    patch.setenv("HOME", str(home))


@dataclass
class Wandb:
    """One start of a run as an offline file has it."""

    id: str = ""
    name: str = ""
    project: str = ""
    group: str = ""
    kind: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    artifacts: dict[str, list[str]] = field(default_factory=dict)
    exit_code: int | None = None
    preempting: bool = False


def wandb_entries(folder: Path) -> list[Wandb]:
    """Every start of a run below a folder of wandb, in the order of time."""
    return [_read(path) for path in sorted(folder.glob("offline-run-*/run-*.wandb"))]


def _read(path: Path) -> Wandb:
    from wandb.proto.wandb_internal_pb2 import Record

    found = Wandb()
    for content in _records(path.read_bytes()):
        record = Record()
        record.ParseFromString(content)
        kind = record.WhichOneof("record_type")
        if kind == "run":
            run = record.run
            found.id, found.name, found.project = run.run_id, run.display_name, run.project
            found.group, found.kind = run.run_group, run.job_type
        elif kind == "config":
            found.config |= _items(record.config.update)
        elif kind == "history":
            found.history.append(_items(record.history.item))
        elif kind == "summary":
            found.summary |= _items(record.summary.update)
        elif kind == "artifact":
            found.artifacts[record.artifact.type] = [one.path for one in record.artifact.manifest.contents]
        elif kind == "exit":
            found.exit_code = record.exit.exit_code
        elif kind == "preempting":
            found.preempting = True
    return found


def _items(items: Any) -> dict[str, Any]:
    return {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in items}


def _records(content: bytes) -> Iterator[bytes]:
    assert content[:4] == b":W&B"
    place, pieces = START, b""
    while place + HEADER <= len(content):
        left = BLOCK - place % BLOCK
        if left < HEADER:
            place += left
            continue
        _, length, kind = struct.unpack("<IHB", content[place : place + HEADER])
        pieces += content[place + HEADER : place + HEADER + length]
        place += HEADER + length
        if kind in (WHOLE, LAST):
            yield pieces
            pieces = b""


def mlflow_runs(uri: str, experiment: str = "aam") -> dict[str, Any]:
    """Name -> run of an experiment."""
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    return {run.info.run_name: run for run in client.search_runs([found.experiment_id])}
