"""Failures outside the program that Python and torch report in their own words: one line for each."""

from __future__ import annotations

import errno
import re
import signal
from traceback import walk_tb

from aam.config.option import fields, flag
from aam.config.registry import COMMANDS

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
SMALLER = ("batch_size", "token_limit")
"""Options whose smaller value needs less memory."""
SPARING = ("gradient_checkpointing",)
"""Switches that save memory."""
SHARED_MEMORY = "the data workers have too little shared memory; try --num-workers 0, or a larger "
SHARED_MEMORY += "/dev/shm (docker run --shm-size 1g)"
KILLED = re.compile(r"^DataLoader worker \(pid \d+\) is killed by signal: ([^.]+)\.")
DEAD_WORKER = "a data worker died ({}); try --num-workers 0"
UNTOLD = "often from lack of memory, or of space in /dev/shm"
SEMAPHORES = "multiprocessing.synchronize"
SHARED_TENSORS = "multiprocessing.resource_sharer"
WORKER_DIED = "DataLoader worker"
NO_SHARED_MEMORY = re.compile(r"workers are out of shared memory|unable to .* file </torch_")
NO_MEMORY = ("out of memory", "can't allocate memory")


def system_error_reason(error: BaseException, command: str) -> str | None:
    """What failed outside of the program, and what to do about it; None for a defect of the program.

    Parameters
    ----------
    error
        What was raised.
    command
        The name of the command that failed; only options that it has are advised.
    """
    if isinstance(error, MemoryError):
        return _less_memory(command)
    if isinstance(error, OSError) and _passed_through(error, SEMAPHORES):
        return SHARED_MEMORY
    if isinstance(error, OSError | EOFError) and _passed_through(error, SHARED_TENSORS):
        return DEAD_WORKER.format(UNTOLD)
    if isinstance(error, OSError) and (error.errno in NO_SPACE or "No space left" in str(error)):
        return f"no space left on the disk ({error.filename or 'writing the results'})"
    if not isinstance(error, RuntimeError):
        return None
    # A death that is noticed while a batch is waited for is reported twice, and only the first names the signal.
    is_repeated = str(error).startswith(WORKER_DIED) and isinstance(error.__cause__, RuntimeError)
    return _of_torch(str(error.__cause__ if is_repeated else error), command)


def _less_memory(command: str) -> str:
    """Exhausted memory, and the options of a command that need less."""
    names = {field.name for _, field, _ in fields(COMMANDS[command].config)} if command in COMMANDS else set()
    smaller = [flag(name) for name in SMALLER if name in names]
    sparing = [flag(name) for name in SPARING if name in names]
    ways = [f"a smaller {' or '.join(smaller)}", *sparing] if smaller else sparing
    return f"out of memory; try {', or '.join(ways) or 'a machine with more, or smaller inputs'}"


def _passed_through(error: BaseException, module: str) -> bool:
    """Whether an error was raised within a module.

    The semaphores of ``multiprocessing.synchronize`` lie in /dev/shm; ``multiprocessing.resource_sharer`` fetches what
    a worker shares, and fails where the worker died meanwhile.
    """
    return module in (frame.f_globals.get("__name__") for frame, _ in walk_tb(error.__traceback__))


def _of_torch(text: str, command: str) -> str | None:
    """The words of torch, which reports exhausted memory, and whatever happens to its processes, as RuntimeErrors."""
    if NO_SHARED_MEMORY.search(text):
        return SHARED_MEMORY
    if text.startswith(WORKER_DIED):
        found = KILLED.match(text)
        return DEAD_WORKER.format(UNTOLD if found is None else f"{_number_of(found[1])}; often from lack of memory")
    return _less_memory(command) if any(words in text for words in NO_MEMORY) else None


def _number_of(name: str) -> str:
    """A signal by its number, which people look up; torch has its name in the system's words."""
    numbers = {signal.strsignal(number): number.value for number in signal.Signals}
    return f"signal {numbers[name]}" if name in numbers else name
