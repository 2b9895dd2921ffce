"""Runs commands of the program in the process of the tests, small enough for a second."""

from __future__ import annotations

from collections.abc import Callable

from aam.cli.main import main

SMALL = {
    "--epochs": "2",
    "--embedding-dim": "16",
    "--attention-heads": "2",
    "--attention-layers": "1",
    "--num-soft-clades": "16",
    "--rarefy-depth": "300",
}

NOVELTY = ("familiar_reads", "novelty", "warning")
"""The last columns of a table of predictions."""

Run = Callable[..., int]


def run_command(command: str, *words: object, small: bool = True, **changes: object) -> int:
    """Run a command of the program in this process; returns its exit code. ``changes`` are flags with values.

    A small run has few weights and epochs. A small training is of the network where no learners are named; it has a
    report, which takes half of its time, only if asked.
    """
    flags = {f"--{name.replace('_', '-')}": str(value) for name, value in changes.items()}
    is_small = small and command in ("pretrain", "train")
    is_asked = command != "train" or not small or {"--report", "--no-report"} & set(words)
    report = [] if is_asked else ["--no-report"]
    names_learners = "--learners" in words or "--learners" in flags
    network = {"--learners": "network"} if is_small and command == "train" and not names_learners else {}
    pairs = [word for pair in ({**(SMALL if is_small else {}), **network, **flags}).items() for word in pair]
    try:
        return main([command, *map(str, words), *report, *pairs]) or 0
    except SystemExit as end:
        return int(end.code or 0)
