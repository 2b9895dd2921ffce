"""Runs of several processes on this machine, as torchrun would start them, in seconds.

The processes are forked from one that has the libraries loaded and has computed nothing.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    ["aam.training.run.fit", "aam.workflows.runs.finalize", "aam.cli.commands.train", "aam.training.memory.measure"]
)
MOST_SECONDS = 150


def run_processes(
    number: int, words: Sequence[object], record: Path | None = None, stop_at: int | None = None
) -> list[int]:
    """Run the program in so many processes; returns their exit codes.

    Parameters
    ----------
    number
        Processes; one alone runs without a launcher.
    words
        The words after ``aam``.
    record
        Where the first process writes the gradients of each step, ``N.pt``.
    stop_at
        The batch at which the last process is told to stop by SIGTERM.
    """
    return in_processes(number, _run, number, [str(word) for word in words], record, stop_at)


def in_processes(number: int, function: Callable[..., object], *words: object) -> list[int]:
    """Call a function of a module in so many processes that know their places; returns their exit codes."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    processes = [CONTEXT.Process(target=_call, args=(rank, number, port, function, words)) for rank in range(number)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(MOST_SECONDS)
    late = [process for process in processes if process.is_alive()]
    for process in late:
        process.kill()
    assert not late, "the processes wait for each other"
    return [int(process.exitcode or 0) for process in processes]


def gradients(folder: Path) -> list[dict[str, torch.Tensor]]:
    """The gradients that were recorded, step by step."""
    found = sorted(folder.glob("*.pt"), key=lambda path: int(path.stem))
    return [torch.load(path, weights_only=True) for path in found]


def _call(rank: int, number: int, port: int, function: Callable[..., object], words: Sequence[object]) -> None:
    torch.set_num_threads(1)
    if number > 1:
        place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": number, "LOCAL_WORLD_SIZE": number}
        os.environ.update({name: str(value) for name, value in place.items()})
        os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    function(*words)


def _run(number: int, words: list[str], record: Path | None, stop_at: int | None) -> None:
    from aam.cli.main import main

    rank = int(os.environ.get("RANK", "0")) if number > 1 else 0
    if number > 1:
        words = [*words, "--distributed"]
    if record is not None:
        _record_gradients(record, rank)
    if stop_at is not None and rank == number - 1:
        _stop_at(stop_at)
    sys.exit(main(words))


def _stop_at(batch: int) -> None:
    from aam.training.step.module import TrainingModule

    step, done = TrainingModule.training_step, [0]

    def counted(module: TrainingModule, *words: Any) -> torch.Tensor:
        done[0] += 1
        if done[0] == batch:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(module, *words)

    TrainingModule.training_step = counted  # type: ignore[method-assign]


def _record_gradients(folder: Path, rank: int) -> None:
    from aam.training.step.module import TrainingModule
    from aam.training.step.sharding import full_scalar

    clip = TrainingModule.configure_gradient_clipping
    folder.mkdir(exist_ok=True)

    def noting(module: TrainingModule, *words: Any, **named: Any) -> None:
        found = {name: full_scalar(p.grad) for name, p in module.model.named_parameters() if p.grad is not None}
        if rank == 0:
            torch.save(
                {name: gradient.clone() for name, gradient in found.items()}, folder / f"{module.global_step}.pt"
            )
        clip(module, *words, **named)

    TrainingModule.configure_gradient_clipping = noting  # type: ignore[method-assign]
