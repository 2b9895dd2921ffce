"""Lets chosen processes of a run fail at a chosen place; Python loads it first, where the folder is on PYTHONPATH.

``FAULTS`` holds ``RANK MODULE CLASS METHOD CALL ACTION``, several separated by ``;``. RANK is ``alone`` for a run of
one process. At that call of the method the process sends itself the signal that ACTION names, or its parent
(``parent-SIGTERM``) or its parent's terminal (``terminal-SIGINT``), dies just before a file is brought to the disk
(``in-write``), meets a bug (``bug``), or gets NaN for the method's result (``nan``).
"""

import importlib
import os
import signal


def install(module, owner, method, call, action):
    kind = getattr(importlib.import_module(module), owner)
    original = getattr(kind, method)
    calls = [0]

    def counted(self, *words, **named):
        calls[0] += 1
        if calls[0] != int(call):
            return original(self, *words, **named)
        if action == "nan":
            return original(self, *words, **named) * float("nan")
        fail(action)
        return original(self, *words, **named)

    setattr(kind, method, counted)


def fail(action):
    if action == "bug":
        raise ZeroDivisionError("a bug in one process")
    if action == "in-write":
        os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
    elif action.startswith("parent-"):
        os.kill(os.getppid(), getattr(signal, action.removeprefix("parent-")))
    elif action.startswith("terminal-"):
        os.killpg(os.getpgid(os.getppid()), getattr(signal, action.removeprefix("terminal-")))
    else:
        os.kill(os.getpid(), getattr(signal, action))


for fault in filter(None, os.environ.get("FAULTS", "").split(";")):
    rank, *what = fault.split()
    if os.environ.get("RANK", "alone") == rank:
        install(*what)
