"""Checkpoints in parts: room is looked for before, all processes go on where the disk takes none, nothing is left."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from torch.distributed.checkpoint.api import CheckpointException, _wrap_exception

from aam.errors import RunError
from aam.training.checkpoints.checkpoint import not_written
from aam.training.checkpoints.sharded_checkpoint import _cause, _new_folder
from tests.faults.conftest import train_words
from tests.faults.mounts import disk
from tests.processes import run_processes

SHARDED = ("--fsdp", "--fsdp-sharded-checkpoint", "--device", "cpu")
FULL = OSError(errno.ENOSPC, "No space left on device")


def test_without_room_nothing_is_begun(tmp_path: Path) -> None:
    final = tmp_path / "epoch-000001-000000000"
    with pytest.raises(RunError) as refused:
        _new_folder(final, 10**17)
    said = str(not_written(refused.value, tmp_path, 10**17))
    assert said.startswith(f"cannot write checkpoint: no space left on {tmp_path} (needs 100000000.0 GB, ")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_an_earlier_try_is_emptied(tmp_path: Path) -> None:
    final = tmp_path / "epoch-000001-000000000"
    (_new_folder(final, 0) / "part").touch()
    folder = _new_folder(final, 0)
    assert folder.name == f".{final.name}.tmp-{os.getpid()}"
    assert list(folder.iterdir()) == []


def test_the_first_error_is_reported_and_a_bug_is_raised(tmp_path: Path) -> None:
    full = CheckpointException("write", {1: _wrap_exception(FULL)})
    assert "no space left on" in str(not_written(_cause(full), tmp_path, 0))
    gone = CheckpointException("write", {0: _wrap_exception(OSError(errno.EIO, "Input/output error")), 1: (FULL, None)})
    assert str(not_written(_cause(gone), tmp_path, 0)) == "cannot write checkpoint: [Errno 5] Input/output error"
    with pytest.raises(ZeroDivisionError):
        _cause(CheckpointException("write", {0: _wrap_exception(ZeroDivisionError())}))


def test_a_disk_that_takes_no_checkpoint_stops_all_processes(study: Path, tmp_path: Path) -> None:
    """The model fits, a checkpoint does not; the third in a row that fails stops the run."""
    words = {"embedding_dim": 64, "epochs": 5}
    with disk(tmp_path / "disk", 2_200_000) as small:
        codes = run_processes(2, train_words(study, small / "run", *SHARDED, **words))
        assert codes == [3, 3]
        log = (small / "run" / "log.txt").read_text()
        assert f"cannot write checkpoint: no space left on {small / 'run' / 'checkpoints'} (needs " in log
        assert list((small / "run" / "checkpoints").iterdir()) == []
