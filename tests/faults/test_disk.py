"""Disks that are full, too small, or read-only (F5, F6, F19 of docs/faults.md)."""

from __future__ import annotations

import logging
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from aam.errors import RunError
from aam.log import logging_to_file, logging_to_terminal, say
from aam.models.folder.weights import load_model
from aam.runs.tracking.tensorboard import EventFile
from aam.training.checkpoints.checkpoint import check_disk, latest_checkpoint
from tests.faults.children import ended, hooked, program
from tests.faults.conftest import train_words, weights
from tests.faults.faulty_files import leftovers
from tests.faults.mounts import disk, fill, make_read_only
from tests.faults.test_faulty_files import Line

DISK = 4_000_000


def test_a_disk_that_fills_up_during_checkpoints(study: Path, tmp_path: Path) -> None:
    """The model still fits, a checkpoint does not: the third that fails stops the run, and with room it goes on."""
    wide = {"embedding_dim": 32}
    assert program(*train_words(study, tmp_path / "whole", **wide)).code == 0
    size = (tmp_path / "whole" / "model" / "model.safetensors").stat().st_size
    with disk(tmp_path / "disk", 4 * DISK) as small:
        done = ended(hooked, 4, fill, (small, size + 60_000), train_words(study, small / "run", **wide))
        assert done.code == 3
        where = small / "run" / "checkpoints"
        expected = f"error: cannot write checkpoint: no space left on {where} (needs "
        assert done.err.startswith(expected)
        assert done.err.count("\n") == 1
        assert done.out.count("cannot write checkpoint") == 1
        assert "the last good one is epoch-000001" in done.out
        assert latest_checkpoint(where) is not None
        assert leftovers(small) == []
        (small / "filler").unlink()
        assert program("train", "--resume-from", small / "run").code == 0
        assert weights(small / "run") == weights(tmp_path / "whole")


def test_a_disk_that_takes_no_better_model(study: Path, tmp_path: Path) -> None:
    with disk(tmp_path / "disk", DISK) as small:
        done = ended(hooked, 2, fill, (small, 0), train_words(study, small / "run"))
        assert done.code == 3
        assert done.err.startswith("error: ")
        assert "cannot be written (No space left on device)" in done.err
        assert done.err.count("\n") == 1
        load_model(small / "run" / "model")
        assert leftovers(small) == []


def test_predictions_on_a_full_disk(study: Path, unbroken: Path, tmp_path: Path) -> None:
    with disk(tmp_path / "disk", 40_960) as small:
        fill(small, 0)
        words = ("--model", unbroken, "--table", study / "table.biom", "--output", small / "p.tsv")
        done = program("predict", *words)
        assert done.code == 3
        assert done.err == f"error: {small / 'p.tsv'}: cannot be written (No space left on device)\n"
        assert [path.name for path in small.iterdir()] == ["filler"]


class Wide(Line):
    """400 kB of weights."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(100_000, 1)


def test_whether_a_run_has_room_is_looked_at_before_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with disk(tmp_path / "disk", 1_000_000) as small:
        folder = small / "run" / "checkpoints"
        folder.mkdir(parents=True)
        check_disk(folder, Wide())
        assert "the disk may be too small for the run's checkpoints (needs 4.4 MB, " in caplog.text
        fill(small, 200_000)
        with pytest.raises(RunError, match=r"no space for the model on .*run \(needs 400 kB, .* kB free\)"):
            check_disk(folder, Wide())


def test_a_read_only_disk_is_refused_before_anything_is_read(study: Path, unbroken: Path, tmp_path: Path) -> None:
    with disk(tmp_path / "disk", DISK) as small:
        (small / "run").mkdir()
        make_read_only(small)
        for folder in ("run", "new"):
            done = program(*train_words(study, small / folder, table=tmp_path / "absent.biom"))
            assert done.code == 2
            assert done.err == f"error: {folder}: the output directory cannot be written (Read-only file system)\n"
        words = ("--model", unbroken, "--table", tmp_path / "absent.biom", "--output", small / "p.tsv")
        done = program("predict", *words)
        assert done.code == 2
        assert done.err.startswith(f"error: p.tsv: the folder {small} cannot be written")


def test_a_log_that_takes_no_more_lines_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    with logging_to_terminal(), logging_to_file(Path("/dev/full")):
        say("one", "two")
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        "one",
        "note: /dev/full cannot be written (No space left on device); the run continues",
        "two",
    ]
    assert said.err == ""
    assert logging.getLogger("aam").handlers == []


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_curves_that_the_disk_does_not_take(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    events = EventFile(tmp_path / "tensorboard")
    for step in range(3):
        events.add({"loss": 1.0 / (step + 1)}, step)
    found = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(point.step, round(point.value, 3)) for point in found.Scalars("loss")] == [(0, 1), (1, 0.5), (2, 0.333)]
    with files_of_at_most(64):
        broken = EventFile(tmp_path / "broken")
        for step in range(5):
            broken.add({"loss": 1.0}, step)
    (said,) = caplog.messages
    assert said.endswith("the curves for TensorBoard end here (File too large); the run continues")


def test_a_blend_looks_for_room_before_it_is_fitted(study: Path, tmp_path: Path) -> None:
    with disk(tmp_path / "disk", 1_000_000) as small:
        inputs = {"--table": study / "table.biom", "--metadata": study / "metadata.tsv", "--output-dir": small / "run"}
        words = [word for pair in inputs.items() for word in pair]
        fill(small, 100_000)
        done = program("train", *words, "--metadata-column", "gradient", "--learners", "forest,jaccard", "--no-report")
        assert done.code == 3
        assert f"error: no space for the model on {small / 'run'} (needs 240 kB or more, " in done.err
        assert [path.name for path in (small / "run").iterdir()] == ["log.txt"]
