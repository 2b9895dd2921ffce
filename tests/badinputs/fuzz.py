"""Reads many damaged copies of sound files, each reader in a child process, so that a crash of a library is seen.

    python -m tests.badinputs.fuzz --minutes 30 [--kind KIND] [--keep DIR] [--seed N]

A reader may give back a valid object, or say in one line what is wrong. Any other exception, a warning, a signal, more
than 5 seconds or more than 2 GB is a failure, and so is an object that cannot be right. Exits with 1 if there was any.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

from tests.badinputs.fuzz_child import LIMITS, Event, run_child
from tests.badinputs.fuzz_folders import FOLDERS
from tests.badinputs.fuzz_targets import INPUTS, Target

TARGETS: dict[str, Target] = {**INPUTS, **FOLDERS}
FEWEST_SECONDS, MOST_SECONDS = 1.0, 20.0
"""That one target runs before it is the next one's turn."""


@dataclass
class Tally:
    """What became of the cases of one target.

    Attributes
    ----------
    cases, read, refused, failed
        Numbers of cases.
    slowest
        Seconds of processor time of the slowest.
    peak_bytes
        Most memory that reading took.
    failures
        The first failure of each kind, and where its files are kept.
    """

    cases: int = 0
    read: int = 0
    refused: int = 0
    failed: int = 0
    slowest: float = 0.0
    peak_bytes: int = 0
    failures: dict[str, str] = field(default_factory=dict)

    def add(self, event: Event) -> None:
        """Count one case."""
        self.cases += 1
        self.read += event.outcome == "read"
        self.refused += event.outcome == "refused"
        self.failed += event.outcome == "failed"
        self.slowest = max(self.slowest, event.seconds)
        self.peak_bytes = max(self.peak_bytes, event.peak_bytes)


def main(words: Sequence[str] | None = None) -> int:
    """Run the command."""
    asked = _arguments(words)
    kinds = asked.kind or list(TARGETS)
    tallies = {kind: Tally() for kind in kinds}
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        for kind, trials, seconds in _turns(kinds, asked.trials, asked.minutes, tallies):
            tally = tallies[kind]
            events = run_child(
                TARGETS[kind], Path(folder), f"{asked.seed} {kind}", tally.cases, (trials, seconds), LIMITS
            )
            for event in events:
                tally.add(event)
                if event.outcome == "failed" and event.key not in tally.failures:
                    tally.failures[event.key] = event.words
                    kept = _keep(asked.keep, kind, event)
                    print(f"{kind}, trial {event.trial} of seed {asked.seed}{kept}:\n{event.words}", flush=True)
    _print_table(tallies)
    return int(any(tally.failed for tally in tallies.values()))


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.badinputs.fuzz", description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, help="how long all targets run together")
    parser.add_argument("--trials", type=int, default=100, help="cases of each target, where no minutes are given")
    parser.add_argument("--kind", action="append", choices=list(TARGETS), help="this target alone; may be repeated")
    parser.add_argument("--keep", type=Path, help="folder for the files that failed")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(words)


def _turns(
    kinds: Sequence[str], trials: int, minutes: float | None, tallies: dict[str, Tally]
) -> Iterator[tuple[str, int, float]]:
    """Which target is run next, for how many cases or seconds at most."""
    if minutes is None:
        for kind in kinds:
            while tallies[kind].cases < trials:
                yield kind, trials - tallies[kind].cases, float("inf")
        return
    end = time.monotonic() + 60 * minutes
    turn = min(MOST_SECONDS, max(FEWEST_SECONDS, 60 * minutes / len(kinds) / 2))
    for kind in cycle(kinds):
        if time.monotonic() > end:
            return
        yield kind, sys.maxsize, turn


def _keep(folder: Path | None, kind: str, event: Event) -> str:
    """Write the file that failed to where it is asked for; says where."""
    if folder is None:
        return ""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{kind}-{event.trial}-{event.name.replace('/', '-')}"
    path.write_bytes(event.content)
    return f", {path}"


def _print_table(tallies: dict[str, Tally]) -> None:
    print(f"{'target':<20}{'cases':>9}{'read':>9}{'refused':>9}{'failures':>9}{'slowest s':>11}{'peak MB':>9}")
    total = Tally()
    for kind, tally in tallies.items():
        _print_row(kind, tally)
        for name in ("cases", "read", "refused", "failed"):
            setattr(total, name, getattr(total, name) + getattr(tally, name))
        total.slowest = max(total.slowest, tally.slowest)
        total.peak_bytes = max(total.peak_bytes, tally.peak_bytes)
    _print_row("all", total)


def _print_row(kind: str, tally: Tally) -> None:
    numbers = f"{tally.cases:>9,}{tally.read:>9,}{tally.refused:>9,}{tally.failed:>9,}"
    print(f"{kind:<20}{numbers}{tally.slowest:>11.2f}{tally.peak_bytes / 1e6:>9,.0f}")


if __name__ == "__main__":
    sys.exit(main())
