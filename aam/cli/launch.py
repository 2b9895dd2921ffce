"""`--devices N` on one machine: this process starts N others that share the run, watches them, and ends as they end.

What torchrun does for a cluster, with the exit codes and words of the program. The first process speaks; what another
says is kept, and shown if that one failed by itself.
"""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from aam.config import PretrainConfig, TrainConfig
from aam.config.distributed import LAUNCHED, DistributedOptions
from aam.errors import SIGNALS, ConfigError, RunError, ToldByAnother

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
        If a process was killed.
    ToldByAnother
        If they ended with another exit code than 0, and have said why.
    """
    number = _num_processes(config.distributed, config.run.device)
    if number > 1:
        _launch([command, *words], number, f"aam {command} --resume-from {shlex.quote(str(config.run.output_dir))}")
    return number > 1


def _num_processes(options: DistributedOptions, device: str) -> int:
    """Processes that this one has to start; 1 where it does the work itself, or a launcher has started it."""
    if LAUNCHED in os.environ or options.distributed or options.wanted == 1:
        return 1
    gpus = _num_gpus() if device != "cpu" else 0
    if not gpus:
        return 1 if options.wanted == "all" else options.wanted
    if options.wanted == "all":
        return gpus
    if options.wanted > gpus:
        raise ConfigError(f"--devices {options.wanted}: this machine has {gpus} GPUs; --device cpu takes any number")
    return options.wanted


def _launch(words: Sequence[str], number: int, resume: str) -> None:
    with tempfile.TemporaryDirectory(prefix="aam-") as folder:
        family = _Family([sys.executable, "-m", "aam", *words], number, Path(folder))
        with family.told_of_signals():
            failed = family.wait()
        if failed is None:
            return
        code = family.processes[failed].returncode
        if code < 0:
            name = signal.Signals(-code).name
            raise RunError(f"process {failed} of {number} died ({name}); go on with: {resume}")
        if failed > 0 and family.processes[0].returncode != code:
            sys.stderr.write(family.said_by(failed))
        raise ToldByAnother(code)


class _Family:
    """Processes that end together.

    They are a session of their own, so that Ctrl-C reaches this process alone, which passes it on once; and they end
    themselves where this process is no more, which they see by a pipe of which it has the other end.
    """

    def __init__(self, words: list[str], number: int, folder: Path) -> None:
        self.files = [folder / f"{rank}.txt" for rank in range(number)]
        self.parent_end, self.child_end = os.pipe()[::-1]
        self.processes = [
            subprocess.Popen(
                words,
                env={**os.environ, **_environment(rank, number, port)},
                stdin=self.child_end,
                stdout=None if rank == 0 else subprocess.DEVNULL,
                stderr=None if rank == 0 else _opened(self.files[rank]),
                start_new_session=True,
            )
            for port in [_free_port()]
            for rank in range(number)
        ]
        os.close(self.child_end)

    def wait(self) -> int | None:
        """Wait for all; the number of the process that failed first, None where none did."""
        failed, deadline = None, float("inf")
        while any(process.poll() is None for process in self.processes):
            if failed is None and (failed := self._failed()) is not None:
                deadline = time.monotonic() + GRACE
            if time.monotonic() > deadline:
                self._send(signal.SIGKILL)
            time.sleep(LOOK_EVERY)
        return self._failed() if failed is None else failed

    def said_by(self, rank: int) -> str:
        """What a process has said of its end."""
        return self.files[rank].read_text(errors="replace")

    @contextmanager
    def told_of_signals(self) -> Iterator[None]:
        """Pass signals on; an error in this process ends the others."""
        before = {number: signal.signal(number, lambda n, _: self._send(n)) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            self._send(signal.SIGKILL)
            os.close(self.parent_end)

    def _failed(self) -> int | None:
        """A process that has failed: one that was killed, before one that noticed."""
        codes = {rank: process.poll() for rank, process in enumerate(self.processes)}
        failed = [rank for rank, code in codes.items() if code]
        return min(failed, key=lambda rank: (codes[rank] or 0) > 0, default=None)

    def _send(self, number: int) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(number)


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
        "TORCH_CPP_LOG_LEVEL": os.environ.get("TORCH_CPP_LOG_LEVEL", "ERROR"),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(threads)),
    }


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _opened(path: Path) -> IO[Any]:
    return path.open("w")


def _num_gpus() -> int:
    import torch  # seconds to load: only where several devices are asked for

    return torch.cuda.device_count()
