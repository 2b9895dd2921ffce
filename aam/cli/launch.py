"""`--devices N` on one machine: start N processes that share the run, watch them, and end as they end.

torchrun does not do: it ends with exit code 1 whatever its processes end with, stops all of them as soon as one fails,
and passes neither SIGUSR1 nor SIGUSR2 on. Here rank 0 writes to the terminal; what another rank writes to its standard
error is kept, and shown if that rank alone failed for a reason of its own.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from aam.config import PretrainConfig, TrainConfig
from aam.config.distributed import FOLLOWED, LAUNCHED, DistributedOptions
from aam.errors import SIGNALS, ConfigError, PreemptedError, ReportedByAnotherRank, RunError
from aam.runs.directory import resume_hint
from aam.training.distributed.rank_info import num_gpus

QUIET = ("TORCH_CPP_LOG_LEVEL", "ERROR")
POLL_SECONDS = 0.1
GRACE_SECONDS = 20.0
"""How long the others may continue after one has failed: they notice by themselves, and say how to resume."""


def launched(command: str, words: Sequence[str], config: PretrainConfig | TrainConfig) -> bool:
    """Run a command in several processes, if its configuration asks for them and none has been started.

    Returns whether it did; if not, this process is to run the command. Raises as :func:`run_processes`, and a
    :class:`~aam.errors.ConfigError` if there are not so many GPUs.
    """
    if config.distributed.distributed:
        os.environ.setdefault(*QUIET)  # torch warns of what is done on purpose
    if LAUNCHED in os.environ:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)  # blocked by the launcher while Python started
    number = _num_processes(config.distributed, config.run.device)
    if number > 1:
        program = [sys.executable, "-m", "aam", command, *words]
        run_processes(program, number, lambda: resume_hint(command, config.run.output_dir))
    return number > 1


def run_processes(program: list[str], number: int, remedy: Callable[[], str]) -> None:
    """Run a program in so many processes to their end; ``remedy`` ends the messages of what goes wrong.

    Raises
    ------
    RunError
        If a process was killed, or did not answer.
    PreemptedError
        If a signal stopped the processes before they could handle it.
    ReportedByAnotherRank
        If they ended with another exit code than 0, and have said why.
    """
    with tempfile.TemporaryDirectory(prefix="aam-") as folder, ExitStack() as stack:
        with _signals_blocked():  # until they are forwarded
            processes = LocalProcesses(program, number, Path(folder))
            stack.enter_context(processes.forwarding_signals())
        processes.wait()
        processes.raise_for_exit_codes(remedy)


def _num_processes(options: DistributedOptions, device: str) -> int:
    """Processes that this one has to start; 1 if it does the work itself, or a launcher has started it."""
    if LAUNCHED in os.environ or options.distributed or options.wanted == 1:
        return 1
    gpus = num_gpus() if device != "cpu" else 0
    if not gpus:
        return 1 if options.wanted == "all" else options.wanted
    if options.wanted == "all":
        return gpus
    if options.wanted > gpus:
        raise ConfigError(f"--devices {options.wanted}: this machine has {gpus} GPUs; --device cpu takes any number")
    return options.wanted


class LocalProcesses:
    """Processes that end together.

    Each is a session of its own, so that Ctrl-C reaches this process alone, which forwards it once. Each ends where
    this process is no more, which it sees by a pipe of which this process holds the other end.
    """

    def __init__(self, program: list[str], number: int, folder: Path) -> None:
        self.errors = [folder / f"{rank}.txt" for rank in range(number)]
        self.forwarded: set[int] = set()
        self.unresponsive: set[int] = set()
        self.processes: list[subprocess.Popen[bytes]] = []
        child_end, self.parent_end = os.pipe()
        port = _free_port()
        for rank, path in enumerate(self.errors):
            with path.open("w") as errors:
                process = subprocess.Popen(
                    program,
                    env={**os.environ, **_environment(rank, number, port)},
                    stdin=child_end,
                    stdout=subprocess.DEVNULL if rank else None,
                    stderr=errors if rank else None,
                    start_new_session=True,
                )
            self.processes.append(process)
        os.close(child_end)

    def wait(self) -> None:
        """Wait for all; after one has failed, not for long."""
        deadline: float | None = None
        while running := [rank for rank, process in enumerate(self.processes) if process.poll() is None]:
            if deadline is None and any(process.returncode for process in self.processes):
                deadline = time.monotonic() + GRACE_SECONDS
            if deadline is not None and time.monotonic() > deadline:
                self.unresponsive.update(running)
                self._send(signal.SIGKILL)
            time.sleep(POLL_SECONDS)

    def raise_for_exit_codes(self, remedy: Callable[[], str]) -> None:
        """Say why they ended, unless all is well or rank 0 has said it."""
        codes = {rank: process.returncode for rank, process in enumerate(self.processes) if process.returncode}
        own = {rank: code for rank, code in codes.items() if code != FOLLOWED and rank not in self.unresponsive}
        if self.unresponsive and set(own.values()) <= {-signal.SIGABRT}:
            # NCCL aborts the processes that wait for one that hangs.
            aborted = f", and {self._name(min(own))} died (SIGABRT)" if own else ""
            raise RunError(f"{self._name(min(self.unresponsive))} did not answer{aborted}; {remedy()}")
        killed = {rank: -code for rank, code in own.items() if code < 0}
        died = {rank: number for rank, number in killed.items() if number not in self.forwarded}
        failed = min(own.keys() - killed.keys(), default=None)
        # A process may abort because another one left with an error, which is what counts.
        if died and (failed is None or set(died.values()) != {signal.SIGABRT}):
            rank, number = next(iter(died.items()))
            raise RunError(f"{self._name(rank)} died ({signal.Signals(number).name}); {remedy()}")
        if failed is not None:
            sys.stderr.write(self.errors[failed].read_text(errors="replace"))
            raise ReportedByAnotherRank(own[failed])
        if killed:
            raise PreemptedError(f"stopped; {remedy()}", interrupted=signal.SIGINT in killed.values())
        if codes:
            raise RunError(f"a process did not answer within --distributed-timeout; {remedy()}")

    @contextmanager
    def forwarding_signals(self) -> Iterator[None]:
        """Forward signals to all; at the end, also that of an error in this process, none is left."""
        before = {number: signal.signal(number, self._forward) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            self._send(signal.SIGKILL)
            os.close(self.parent_end)

    def _name(self, rank: int) -> str:
        return f"process {rank} of {len(self.processes)}"

    def _forward(self, number: int, _: FrameType | None) -> None:
        self.forwarded.add(number)
        self._send(number)

    def _send(self, number: int) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(number)


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Block signals here and in processes that are started inside, which unblock them when they can handle them.

    While Python starts, Ctrl-C would end in a traceback.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _environment(rank: int, number: int, port: int) -> dict[str, str]:
    """The variables that torchrun sets for a process, and a share of the cores for each."""
    threads = max(1, len(os.sched_getaffinity(0)) // number)
    return {
        LAUNCHED: "1",
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(number),
        "LOCAL_WORLD_SIZE": str(number),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        QUIET[0]: os.environ.get(*QUIET),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(threads)),
    }


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
