"""Wherever a run is killed, resuming it gives the bytes of the run that was never stopped."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from aam.training.checkpoints.checkpoint import find_checkpoints, latest_checkpoint
from tests.faults.kill_harness import TRAINING_STEP, VALIDATION_STEP, Children, Fault, count_threads
from tests.faults.toy import ACCUMULATION, BATCHES, EPOCHS, NOT_COMPARED, STEPS, fingerprint, words

SAVE = "aam.training.checkpoints.checkpoint:AtomicCheckpointIO.save_checkpoint"
BATCHES_OF_EPOCH = STEPS * ACCUMULATION
# Of the whole run; each validation has two steps, and the start is validated too.
PLACES = {
    "first step of the start's validation": Fault(VALIDATION_STEP, 1),
    "last step of the start's validation": Fault(VALIDATION_STEP, 2),
    "start's model before its rename": Fault("rename:model.safetensors", 1),
    "start's model after its rename": Fault("aam.training.run.fit:save_model", 1, after=True),
    "before the first step": Fault("aam.training.run.unfreezing:PatienceAfter.on_train_start", 1),
    "first step of a validation": Fault(VALIDATION_STEP, 5),
    "last step of a validation": Fault(VALIDATION_STEP, 6, after=True),
    "best model before its rename": Fault("rename:model.safetensors", 2),
    "best model after its rename": Fault("aam.training.run.fit:save_model", 3, after=True),
    "before the schedule's step": Fault("torch.optim.lr_scheduler:ReduceLROnPlateau.step", 2),
    "before an epoch's row": Fault("aam.training.run.callbacks:History.on_train_epoch_end", 2),
    "before a row's rename": Fault("rename:metrics.csv", 2),
    "after an epoch's row": Fault("aam.training.run.callbacks:History.on_train_epoch_end", 2, after=True),
    "first checkpoint before its rename": Fault("rename:epoch-", 1),
    "first checkpoint after its rename": Fault(SAVE, 1, after=True),
    "second checkpoint before its rename": Fault("rename:epoch-", 2),
    "second checkpoint after its rename": Fault(SAVE, 2, after=True),
    "last row": Fault("aam.training.run.callbacks:History.on_train_epoch_end", 3, after=True),
    "end of training": Fault("aam.training.run.fit:_outcome", 1),
    "vectors before their rename": Fault("rename:sample_embeddings.tsv", 1),
    "the record after training": Fault("rename:data.json", 2),
    "model with intervals before its rename": Fault("rename:model.safetensors", 4),
    "predictions before their rename": Fault("rename:val_predictions.tsv", 1),
    "mark of the end before its rename": Fault("rename:finished.json", 1),
}
RESUMED = {
    "reading of a checkpoint": Fault("aam.training.checkpoints.checkpoint:AtomicCheckpointIO.load_checkpoint", 1),
    "record of a resumed run": Fault("rename:data.json", 1),
    "first step after resuming": Fault(TRAINING_STEP, 1),
    "third step after resuming": Fault(TRAINING_STEP, 3),
}
CHAINS = {
    "before there is a checkpoint": (
        PLACES["first step of the start's validation"],
        PLACES["start's model before its rename"],
        PLACES["start's model after its rename"],
        PLACES["first checkpoint before its rename"],
    ),
    "where epochs meet": (
        PLACES["first checkpoint after its rename"],
        Fault(VALIDATION_STEP, 2),
        Fault("rename:metrics.csv", 1),
        Fault("aam.training.run.callbacks:History.on_train_epoch_end", 1, after=True),
        Fault("rename:epoch-", 2),
    ),
    "in resuming": (Fault(TRAINING_STEP, 7), *RESUMED.values()),
    "in the export": (
        PLACES["end of training"],
        PLACES["vectors before their rename"],
        Fault("rename:model.safetensors", 1),
        PLACES["predictions before their rename"],
        PLACES["mark of the end before its rename"],
    ),
}
Resumed = Callable[..., dict[str, str]]


@pytest.fixture(scope="module")
def unbroken(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a run without faults gives."""
    folder = tmp_path_factory.mktemp("unbroken")
    ended = Children(folder).run(words("train", toy, folder / "run"))
    assert ended.code == 0, ended.said
    return fingerprint(folder / "run")


@pytest.fixture
def resumed(toy: Path, children: Children, tmp_path: Path) -> Resumed:
    """Runs, dies of each fault in turn, and comes to an end; gives what it has written."""

    def run(faults: Sequence[Fault], code: int = -signal.SIGKILL, **options: object) -> dict[str, str]:
        folder = tmp_path / "run"
        asked = words("train", toy, folder, **options)
        for fault in faults:
            ended = children.run(asked, fault)
            assert ended.code == code, (fault, ended.said)
            assert not (folder / "finished.json").exists()
            # Killed before it had a plan, a run is begun again; else it is resumed.
            asked = ["train", "--resume-from", folder] if (folder / "config.yaml").exists() else asked
        ended = children.run(asked)
        assert ended.code == 0, ended.said
        assert (folder / "finished.json").exists()
        assert not (folder / "checkpoints").exists()
        return fingerprint(folder)

    return run


def test_the_server_of_the_children_has_one_thread(children: Children) -> None:
    """Else the children might inherit a lock that nobody will ever give back."""
    assert children.start(count_threads).wait().code == 1


@pytest.mark.parametrize("epoch", range(EPOCHS))
def test_killed_at_every_step_of_an_epoch(resumed: Resumed, unbroken: dict[str, str], epoch: int) -> None:
    """At each step in turn: there is no checkpoint within an epoch, so that every run begins the epoch again."""
    first = Fault(TRAINING_STEP, epoch * BATCHES_OF_EPOCH + 1)
    others = [Fault(TRAINING_STEP, number) for number in range(2, BATCHES_OF_EPOCH + 1)]
    assert resumed([first, *others]) == unbroken


@pytest.mark.parametrize("chain", CHAINS)
def test_killed_again_and_again(resumed: Resumed, unbroken: dict[str, str], chain: str) -> None:
    assert resumed(CHAINS[chain]) == unbroken


@pytest.mark.parametrize(("number", "workers"), [(2, 0), (9, 0), (5, 2)])
def test_stopped_in_order(resumed: Resumed, unbroken: dict[str, str], number: int, workers: int) -> None:
    assert resumed([Fault(TRAINING_STEP, number, ("SIGTERM",))], code=75, num_workers=workers) == unbroken


def test_saved_in_the_middle_of_an_epoch(
    toy: Path, children: Children, unbroken: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    asked = words("train", toy, folder, checkpoint_minutes=1e-9)
    assert children.run(asked, Fault(TRAINING_STEP, BATCHES_OF_EPOCH + 4)).code < 0
    newest = latest_checkpoint(folder / "checkpoints")
    assert newest is not None
    assert newest.name.startswith(f"epoch-000001-{ACCUMULATION:09d}-")
    assert children.run(["train", "--resume-from", folder, "--checkpoint-minutes", "0"]).code == 0
    assert fingerprint(folder) == unbroken


def test_with_workers(resumed: Resumed, unbroken: dict[str, str]) -> None:
    assert resumed([Fault(TRAINING_STEP, 6)], num_workers=2) == unbroken


def test_the_state_is_the_same_where_a_run_is_stopped_again(toy: Path, children: Children, tmp_path: Path) -> None:
    """Not only what is written at the end: optimiser, schedule, early stopping and the best model so far."""
    stop, batches = 10, BATCHES_OF_EPOCH
    assert children.run(words("train", toy, tmp_path / "once"), Fault(TRAINING_STEP, stop, ("SIGTERM",))).code == 75
    assert children.run(words("train", toy, tmp_path / "twice"), Fault(TRAINING_STEP, batches + 2)).code < 0
    again = Fault(TRAINING_STEP, stop - batches, ("SIGTERM",))
    assert children.run(["train", "--resume-from", tmp_path / "twice"], again).code == 75
    once, twice = (newest_state(tmp_path / name) for name in ("once", "twice"))
    assert once["optimizer_states"][0]["state"]
    assert once["lr_schedulers"]
    assert differences(once, twice) == []


def test_an_augmented_run_is_resumed_exactly(
    toy: Path, resumed: Resumed, children: Children, tmp_path: Path, unbroken: dict[str, str]
) -> None:
    augment = "mixup=0.3,phylomix=0.3,contaminate=0.2,depth=0.3,sequencing-errors=0.01,reverse-complement=0.5"
    asked = words("train", toy, tmp_path / "whole", augment=augment)
    assert children.run(asked).code == 0
    faults = [Fault(TRAINING_STEP, 6), Fault(TRAINING_STEP, 3)]
    found = resumed(faults, augment=augment, num_workers=2)
    assert found == fingerprint(tmp_path / "whole")
    assert found != unbroken


@pytest.mark.slow
@pytest.mark.parametrize("number", range(1, BATCHES + 1))
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM"])
def test_every_step_with_every_signal_and_workers(
    toy: Path, children: Children, unbroken: dict[str, str], tmp_path: Path, name: str, workers: int, number: int
) -> None:
    folder = tmp_path / "run"
    fault = Fault(TRAINING_STEP, number, (name,))
    ended = children.run(words("train", toy, folder, num_workers=workers), fault)
    # A signal in the last step comes too late to stop the run, which then finishes.
    late = name == "SIGTERM" and number > BATCHES - ACCUMULATION
    assert ended.code == (0 if late else 75 if name == "SIGTERM" else -signal.SIGKILL), ended.said
    if not late:
        assert children.run(["train", "--resume-from", folder]).code == 0
    assert fingerprint(folder) == unbroken


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("place", PLACES)
def test_every_place(resumed: Resumed, unbroken: dict[str, str], place: str, workers: int) -> None:
    assert resumed([PLACES[place]], num_workers=workers) == unbroken


@pytest.mark.slow
@pytest.mark.parametrize("place", RESUMED)
@pytest.mark.parametrize("number", [3, 8, 11])
def test_every_place_of_a_resumed_run(resumed: Resumed, unbroken: dict[str, str], number: int, place: str) -> None:
    faults = [Fault(TRAINING_STEP, number), RESUMED[place]]
    if number < BATCHES_OF_EPOCH and "checkpoint" in place:
        pytest.skip("there is no checkpoint to read yet")
    assert resumed(faults) == unbroken


def newest_state(folder: Path) -> dict[str, Any]:
    path = latest_checkpoint(folder / "checkpoints")
    assert path is not None
    assert len(find_checkpoints(folder / "checkpoints")) < EPOCHS
    state: dict[str, Any] = torch.load(path, weights_only=True)
    return state


def differences(first: Any, second: Any, place: str = "") -> list[str]:
    """Where two nested states are not the same to the bit, times aside."""
    if place.rsplit("/", 1)[-1] in NOT_COMPARED:
        return []
    if isinstance(first, dict) and isinstance(second, dict) and list(first) == list(second):
        return [found for name in first for found in differences(first[name], second[name], f"{place}/{name}")]
    if isinstance(first, list | tuple) and type(first) is type(second) and len(first) == len(second):
        pairs = enumerate(zip(first, second, strict=True))
        return [found for number, (a, b) in pairs for found in differences(a, b, f"{place}/{number}")]
    same = torch.equal(first, second) if isinstance(first, torch.Tensor) else first == second
    return [] if same else [f"{place}: {first} and {second}"]
