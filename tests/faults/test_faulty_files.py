"""Whatever the disk does, and wherever the process is killed: each file is the old one or the new one, whole."""

from __future__ import annotations

import ast
import errno
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import lightning as L
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

import aam
from aam.data.targets.kinds import NUMBERS, Predictions, TargetSpec
from aam.errors import RunError
from aam.evaluation.prediction_table import read_predictions, write_part
from aam.files import atomic
from aam.files.atomic import remove_leftovers, write_text
from aam.models.folder.description import ModelDescription, build_model
from aam.models.folder.paths import CARD, CONFIG, WEIGHTS
from aam.models.folder.weights import load_model, save_model
from aam.models.sequence_encoder import SelfSupervision
from aam.training.checkpoints.checkpoint import (
    MAX_FAILURES,
    AtomicCheckpointIO,
    SaveCheckpoints,
    find_checkpoints,
    latest_checkpoint,
)
from aam.training.run.strategy import quiet
from tests.faults.faulty_files import MOST_CALLS, SEAM, SHORT, Fault, failing, killed_everywhere, leftovers, names
from tests.models.model_cases import model_options

PACKAGE = Path(aam.__file__).parent
Check = Callable[[], None]

FAULTS = [
    (errno.ENOSPC, False),
    (errno.ENOSPC, True),
    (errno.EIO, False),
    (errno.EACCES, False),
    (errno.EINTR, False),  # a lasting one is tried for ever, by Python itself (PEP 475)
]


@dataclass
class Operation:
    """Something that is written over what an earlier one wrote.

    ``do`` writes; ``check`` looks at every file under its final name, whichever version it is.
    """

    folder: Path
    do: Callable[[], object]
    check: Check


def text(folder: Path) -> Operation:
    versions = {letter: letter * 20_000 for letter in "on"}
    path = folder / "a.txt"
    path.write_text(versions["o"])

    def check() -> None:
        assert path.read_text() in versions.values()
        assert names(folder) == {"a.txt"}

    return Operation(folder, lambda: write_text(path, versions["n"]), check)


def model(folder: Path) -> Operation:
    description = ModelDescription(
        options=model_options(embedding_dim=8, asv_layers=0, sample_layers=0, encoder_layers=0, num_soft_clades=4),
        supervision=SelfSupervision(encoder_type="combined", counts=True, taxonomy_classes=("x", "y")),
        predictor=None,
        data={"trim_length": None, "max_bp": 150, "rarefy_depth": 1000, "token_limit": 64, "asv_sampling": "random"},
        record={"version": "old"},
    )
    torch.manual_seed(0)
    state = dict(build_model(description).state_dict())
    new = {name: value + 1 if value.is_floating_point() else value for name, value in state.items()}
    states = {"old": state, "new": new}
    save_model(folder, state, description)

    def check() -> None:
        found, described = load_model(folder)
        expected = states[described.record["version"]]
        assert all(torch.equal(value, expected[name]) for name, value in found.state_dict().items())
        assert json.loads((folder / CONFIG).read_text())["record"]["version"] in states
        assert names(folder) == {WEIGHTS, CONFIG, CARD}

    return Operation(folder, lambda: save_model(folder, new, replace(description, record={"version": "new"})), check)


def predictions(folder: Path) -> Operation:
    ids = np.array([f"s{number}" for number in range(1_500)], dtype=object)
    old = np.arange(1_500.0)
    tables = {
        shift: Predictions(kind=NUMBERS, sample_ids=ids, observed=old, predicted=old + shift) for shift in (0.0, 1.0)
    }
    path = folder / "val_predictions.tsv"
    write_part(path, [tables[0.0]], ["age"])

    def check() -> None:
        found = read_predictions(path, TargetSpec(column="age", kind=NUMBERS), "validation")["validation"]
        assert len(found) == len(ids)
        assert any(np.allclose(found.predicted, table.predicted) for table in tables.values())
        assert names(folder) == {path.name}

    return Operation(folder, lambda: write_part(path, [tables[1.0]], ["age"]), check)


OPERATIONS = [text, model, predictions]


@pytest.fixture(autouse=True)
def _small_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several calls for a file, though it is small."""
    monkeypatch.setattr(atomic, "WRITTEN_AT_ONCE", 8_192)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_disk_that_takes_half_of_what_it_is_given(tmp_path: Path, operation: Callable[[Path], Operation]) -> None:
    made = operation(tmp_path)
    with failing(Fault(1, SHORT, lasting=True)) as fault:
        made.do()
    assert fault.calls.count("write") > 3
    made.check()


@pytest.mark.parametrize(("error", "lasting"), FAULTS)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_disk_that_fails(tmp_path: Path, operation: Callable[[Path], Operation], error: int, lasting: bool) -> None:
    made = operation(tmp_path)
    met: list[str] = []
    for number in range(1, MOST_CALLS):
        with failing(Fault(number, error, lasting)) as fault:
            failure = ""
            try:
                made.do()
            except RunError as found:
                failure = str(found)
        made.check()
        assert leftovers(tmp_path) == []
        if not fault.has_come:
            break
        met.append(fault.calls[number - 1])
        # A write that was interrupted is simply done again.
        assert "cannot be written" in failure or (error == errno.EINTR and met[-1] == "write")
    assert set(met) == set(SEAM)


@pytest.mark.parametrize("kill", ["before", "after"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_process_that_is_killed(
    tmp_path: Path, operation: Callable[[Path], Operation], kill: Literal["before", "after"]
) -> None:
    made = operation(tmp_path)
    were_left = 0
    for _ in killed_everywhere(made.do, kill):
        made.check()
        were_left += len(leftovers(tmp_path))
        remove_leftovers(tmp_path)
        assert leftovers(tmp_path) == []
    assert were_left


class Numbers(Dataset[torch.Tensor]):
    def __len__(self) -> int:
        return 2

    def __getitem__(self, place: int) -> torch.Tensor:
        return torch.full((4,), float(place + 1))


class Line(L.LightningModule):
    """The smallest model that is trained; its weights tell how many steps were taken."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(4, 1)

    def training_step(self, batch: torch.Tensor, place: int) -> torch.Tensor:
        return self.layer(batch).square().mean()

    def configure_optimizers(self) -> Any:
        return torch.optim.AdamW(self.parameters())


def fit_line(folder: Path, epochs: int = 3, resume: bool = False) -> bytes:
    """Train with checkpoints; returns the weights."""
    module = Line()
    with quiet():
        trainer = L.Trainer(
            accelerator="cpu",
            max_epochs=epochs,
            callbacks=[SaveCheckpoints(folder)],
            plugins=[AtomicCheckpointIO()],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        start = latest_checkpoint(folder) if resume else None
        trainer.fit(module, DataLoader(Numbers()), ckpt_path=start)
    return b"".join(value.numpy().tobytes() for value in module.state_dict().values())


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return fit_line(tmp_path_factory.mktemp("checkpoints"))


def test_a_run_that_its_checkpoints_stop_says_how_to_go_on(tmp_path: Path) -> None:
    keeper = SaveCheckpoints(tmp_path, remedy=lambda: "resume with: aam train --resume-from run")
    failure = RunError("no space left")
    for _ in range(MAX_FAILURES - 1):
        keeper._count(failure)
    with pytest.raises(RunError, match=r"^no space left; resume with: aam train --resume-from run$"):
        keeper._count(failure)


def all_whole(folder: Path) -> bool:
    """Whether each checkpoint is what its name says."""
    found = find_checkpoints(folder)
    return all(hashlib.sha256(path.read_bytes()).hexdigest()[:16] in path.name for path in found)


@pytest.mark.parametrize(("error", "lasting"), [*FAULTS[:3], FAULTS[-1]])
def test_a_disk_that_fails_during_checkpoints(tmp_path: Path, trained: bytes, error: int, lasting: bool) -> None:
    """Training goes on, and what could be written can be resumed from."""
    met: list[str] = []
    for number in range(1, MOST_CALLS):
        folder = tmp_path / str(number)
        folder.mkdir()
        with failing(Fault(number, error, lasting)) as fault:
            assert fit_line(folder) == trained
        assert all_whole(folder)
        assert leftovers(folder) == []
        if latest_checkpoint(folder) is not None:
            assert fit_line(folder, resume=True) == trained
        if not fault.has_come:
            break
        met.append(fault.calls[number - 1])
    assert set(met) == set(SEAM)


@pytest.mark.parametrize("kill", ["before", "after"])
def test_a_process_that_is_killed_during_checkpoints(
    tmp_path: Path, trained: bytes, kill: Literal["before", "after"]
) -> None:
    folder = tmp_path
    for _ in killed_everywhere(lambda: fit_line(folder), kill):
        assert all_whole(folder)
        assert fit_line(folder, resume=True) == trained
        for path in folder.iterdir():
            path.unlink()


def test_three_failed_checkpoints_in_a_row_end_the_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    fit_line(tmp_path, epochs=2)
    with (
        failing(Fault(1, errno.ENOSPC, lasting=True)),
        pytest.raises(RunError, match=r"cannot write checkpoint: no space left on .* \(needs [\d.]+ kB, .* free\)"),
    ):
        fit_line(tmp_path, epochs=5)
    (said,) = [line for line in caplog.messages if "cannot write" in line]
    assert "the last good one is epoch-000001" in said
    assert "training continues" in said
    assert latest_checkpoint(tmp_path) is not None
    assert fit_line(tmp_path, epochs=2, resume=True) == fit_line(tmp_path, epochs=2)


# What opens a file for writing without the five functions, and why it may.
EXCEPTIONS = {
    "cli/launch.py": "what the other processes of a run say, in a temporary folder",
    "cli/main.py": "the standard streams that were closed before the start: /dev/null",
    "simulation/output.py": "the table of a study is written into a folder of its own, whose files then move at once",
    "files/staged.py": "opens the finished files of a folder to bring them to the disk",
    "workflows/embedding/extras.py": "what Emperor writes goes into a folder whose files then move at once",
    "workflows/embedding/files.py": "vectors go into a folder of its own, whose files then move at once",
    "simulation/study.py": "a study is written into a folder of its own, whose files then move at once",
    "report/figure_files.py": "figures are drawn into memory, for atomic_write",
    "data/distances/files.py": "maps a file into memory that atomic_write opened, and will sync and rename",
    "files/array_folder.py": "the cache: a folder of its own that is then renamed; a failure only warns",
    "files/atomic.py": "the five functions",
    "runs/directory.py": "the lock, and the probe whether a folder can be written",
    "files/scratch.py": "files without a name, gone with the process",
    "processes.py": "the wish to stop, in a temporary folder of one computation",
    "workflows/tune/processes.py": "the lock of a search, and a sign of life of each of its processes",
    "workflows/tune/helpers.py": "what the further processes of a search say, in a temporary folder",
    "log.py": "the log grows line by line; a failure only warns",
    "models/vector_cache.py": "files without a name, gone with the process",
    "training/checkpoints/checkpoint.py": "torch.save into memory, for atomic_write",
    "runs/tracking/tensorboard.py": "curves for TensorBoard grow point by point; a failure only warns",
    "training/checkpoints/sharded_checkpoint.py": "torch writes the parts into a folder, which is then renamed",
    "training/hardware/host_memory.py": "/proc/self/clear_refs",
    "files/annotated_writing.py": "HDF5 goes into a file that atomic_write opened",
    "workflows/benchmark/tables.py": "a figure goes into a file that atomic_write opened",
}
WRITERS = {"write_text", "write_bytes", "touch", "savefig", "save_file", "TemporaryFile", "NamedTemporaryFile"}
WRITERS |= {"mkstemp", "FileHandler", "memmap", "tofile", "to_csv", "savez", "savetxt", "save"}
MODE = re.compile(r"(?=.*[wxa+])[rwxabt+]{1,3}")
OPENERS = {"open", "File", "open_memmap", "fdopen"}


def writes(call: ast.Call) -> bool:
    """Whether a call opens a file for writing, or writes one."""
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    owner = getattr(getattr(function, "value", None), "id", "")
    if name in WRITERS:
        is_ours = isinstance(function, ast.Name) and name == "write_text"
        return not is_ours and (name != "save" or owner in ("np", "numpy", "torch"))
    words = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
    modes = [str(word.value) for word in words if isinstance(word, ast.Constant)]
    return name in OPENERS and (owner == "os" or any(MODE.fullmatch(mode) for mode in modes))


def test_everything_is_written_through_the_five_functions() -> None:
    found = set()
    for path in sorted(PACKAGE.rglob("*.py")):
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if any(writes(node) for node in nodes if isinstance(node, ast.Call)):
            found.add(path.relative_to(PACKAGE).as_posix())
    assert found - set(EXCEPTIONS) == set(), "write with aam.files.atomic, or say above why not"
    assert set(EXCEPTIONS) - found == set(), "these are no exceptions any more"
