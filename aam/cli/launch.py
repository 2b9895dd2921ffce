"""`--devices N` on one machine: this process starts N others that share the run, watches them, and ends as they end.

What torchrun does for a cluster, with the exit codes and words of the program. The first process speaks; what another
says is kept, and shown if that one alone failed for a reason of its own.
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

from aam.config import PretrainConfig, TrainConfig
from aam.config.distributed import FOLLOWED, LAUNCHED, DistributedOptions
from aam.errors import SIGNALS, ConfigError, PreemptedError, ReportedByAnotherRank, RunError
from aam.runs.directory import how_to_go_on
from aam.training.distributed.rank_info import num_gpus

QUIET = ("TORCH_CPP_LOG_LEVEL", "ERROR")
LOOK_EVERY = 0.1
GRACE = 20.0
"""Seconds that the others get after one has failed: they notice by themselves, and say how to go on."""


def launched(command: str, words: Sequence[str], config: PretrainConfig | TrainConfig) -> bool:
    """Run a command in several processes, if the options ask for them and none has been started.

    Parameters
    ----------
    command, words
        The command and what follows it.
    config
        What that says.

    Returns
    -------
    bool
        Whether it was run; if not, this process is to do it.

    Raises
    ------
    ConfigError
        If there are not so many GPUs.
    RunError
        If a process was killed, or did not answer.
    PreemptedError
        If they were told to stop before they could listen.
    ReportedByAnotherRank
        If they ended with another exit code than 0, and have said why.
    """
    if config.distributed.distributed:
        # As in those that are started here: torch warns of what is done on purpose.
        os.environ.setdefault(*QUIET)
    if LAUNCHED in os.environ:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)  # which waited until somebody heeds them
    number = _num_processes(config.distributed, config.run.device)
    if number > 1:
        with tempfile.TemporaryDirectory(prefix="aam-") as folder, ExitStack() as heeding:
            with _signals_wait():
                family = LocalProcesses([sys.executable, "-m", "aam", command, *words], number, Path(folder))
                heeding.enter_context(family.told_of_signals())
            family.wait()
            heeding.close()
            family.raise_for_exit_codes(lambda: how_to_go_on(command, config.run.output_dir))
    return number > 1


def _num_processes(options: DistributedOptions, device: str) -> int:
    """Processes that this one has to start; 1 where it does the work itself, or a launcher has started it."""
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

    They are a session of their own, so that Ctrl-C reaches this process alone, which passes it on once; and they end
    themselves where this process is no more, which they see by a pipe of which it has the other end.
    """

    def __init__(self, words: list[str], number: int, folder: Path) -> None:
        self.files = [folder / f"{rank}.txt" for rank in range(number)]
        self.passed_on: set[int] = set()
        self.given_up: set[int] = set()
        self.parent_end, self.child_end = os.pipe()[::-1]
        port = _free_port()
        self.processes = [self._started(words, rank, _environment(rank, number, port)) for rank in range(number)]
        os.close(self.child_end)

    def _started(self, words: list[str], rank: int, told: dict[str, str]) -> subprocess.Popen[bytes]:
        with self.files[rank].open("w") as said:
            return subprocess.Popen(
                words,
                env={**os.environ, **told},
                stdin=self.child_end,
                stdout=None if rank == 0 else subprocess.DEVNULL,
                stderr=None if rank == 0 else said,
                start_new_session=True,
            )

    def wait(self) -> None:
        """Wait for all; after one has failed, not for long."""
        deadline: float | None = None
        while running := [rank for rank, process in enumerate(self.processes) if process.poll() is None]:
            if deadline is None and any(process.returncode for process in self.processes):
                deadline = time.monotonic() + GRACE
            if deadline is not None and time.monotonic() > deadline:
                self.given_up.update(running)
                self._send(signal.SIGKILL)
            time.sleep(LOOK_EVERY)

    def raise_for_exit_codes(self, remedy: Callable[[], str]) -> None:
        """Say why they ended, unless all is well or the first process has said it.

        Parameters
        ----------
        remedy
            What to do about it.
        """
        codes = {rank: process.returncode for rank, process in enumerate(self.processes) if process.returncode}
        own = {rank: code for rank, code in codes.items() if code != FOLLOWED and rank not in self.given_up}
        if self.given_up and set(own.values()) <= {-signal.SIGABRT}:
            # NCCL aborts the processes that wait for one that hangs.
            aborted = f", and {self._name(min(own))} died (SIGABRT)" if own else ""
            raise RunError(f"{self._name(min(self.given_up))} did not answer{aborted}; {remedy()}")
        killed = {rank: -code for rank, code in own.items() if code < 0}
        for rank, number in killed.items():
            if number not in self.passed_on:
                raise RunError(f"{self._name(rank)} died ({signal.Signals(number).name}); {remedy()}")
        failed = min(own.keys() - killed.keys(), default=None)
        if failed is not None:
            if failed > 0:
                sys.stderr.write(self.files[failed].read_text(errors="replace"))
            raise ReportedByAnotherRank(own[failed])
        if killed:
            raise PreemptedError(f"stopped; {remedy()}", interrupted=signal.SIGINT in killed.values())
        if codes:
            raise RunError(f"a process did not answer within --distributed-timeout; {remedy()}")

    @contextmanager
    def told_of_signals(self) -> Iterator[None]:
        """Pass signals on; an error in this process ends the others."""
        before = {number: signal.signal(number, lambda n, _: self._pass_on(n)) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            self._send(signal.SIGKILL)
            os.close(self.parent_end)

    def _name(self, rank: int) -> str:
        return f"process {rank} of {len(self.processes)}"

    def _pass_on(self, number: int) -> None:
        self.passed_on.add(number)
        self._send(number)

    def _send(self, number: int) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(number)


@contextmanager
def _signals_wait() -> Iterator[None]:
    """Let signals wait, here and in the processes that are started inside, until they are heeded.

    While Python starts, Ctrl-C would end in a traceback.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _environment(rank: int, number: int, port: int) -> dict[str, str]:
    """What torchrun would say to a process, and a share of the cores for each."""
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
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
