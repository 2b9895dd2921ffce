"""Large inputs: what is promised of them, and what was measured. Each measurement has a process of its own.

Memory is beyond what the process had when the measurement began. Promises of time are judged by the seconds of the
processor, one thread, since other programs may run beside a measurement. Inputs are made in a folder, some GB of
them, and removed when their case is done.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from aam.files.atomic import write_text
from benchmarks import machine
from benchmarks.load import curve
from benchmarks.load.cases import CASES, run_case
from benchmarks.load.child import ROOT, Row, held

RESULTS = ROOT / "benchmarks" / "results" / "load.json"
TITLE = "Load: what is promised, and what was measured"
HEADER = ("case", "what", "wall, s", "processor, s", "peak, GB", "of it own, GB", "limits", "held", "")
UNITS = {"processor": "s", "step": "s a step", "peak": "GB", "own": "GB own"}


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """The program's options."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks.load",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(f"  {name:<9} {case.title}: {case.promise}" for name, case in CASES.items()),
    )
    made.add_argument("--case", nargs="+", choices=list(CASES), default=list(CASES), metavar="CASE", help="these alone")
    made.add_argument("--small", action="store_true", help="at the sizes of the tests; nothing is written")
    made.add_argument("--folder", type=Path, help="where inputs are made (default: a folder for temporary files)")
    made.add_argument("--output", type=Path, default=RESULTS, help="results as JSON; the table goes beside it")
    return made.parse_args(given)


def main(given: list[str] | None = None) -> None:
    """Measure the cases; their results replace those of the same cases in the file, others stay there."""
    options = arguments(given)
    facts = machine.conditions()
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="aam-load-") as folder:
        for name in options.case:
            if options.small and not CASES[name].small:
                continue
            rows = []
            for row in run_case(name, Path(folder), small=options.small):
                print(name, *cells(row), sep=" | ", flush=True)
                rows.append(row)
                if not options.small:
                    keep(options.output, name, {"conditions": facts, "rows": rows})


def keep(path: Path, name: str, record: dict[str, object]) -> None:
    """Put one case's results into the file, and write the table (and the curves that it belongs to) anew."""
    records = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    records = {case: record if case == name else records[case] for case in CASES if case == name or case in records}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(records, indent=1) + "\n")
    write_text(path.with_suffix(".md"), table(records))
    if name.startswith(curve.START):
        curve.draw(path.with_suffix(".png"), records)


def table(records: dict[str, dict[str, object]]) -> str:
    """All results as Markdown."""
    lines = [HEADER, ("---",) * len(HEADER)]
    notes = []
    for name, record in records.items():
        said = ", ".join(f"{key} {value}" for key, value in record["conditions"].items())
        notes.append(f"* {name}: {CASES[name].title}. Promised: {CASES[name].promise}. {said}.")
        lines += [(name, *cells(row)) for row in record["rows"]]
    rows = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"# {TITLE}\n\n{(__doc__ or '').strip()}\n\n{rows}\n\n" + "\n".join(notes) + "\n"


def cells(row: Row) -> tuple[str, ...]:
    """A measurement in words."""
    digits = 3 if row["seconds"] < 1 else 1
    times = (f"{row['seconds']:,.{digits}f}", f"{row['processor']:,.{digits}f}")
    limits = ", ".join(f"{limit:.3g} {UNITS[name]}" for name, limit in row["limits"].items())
    verdict = "yes" if held(row) else "no" if row["right"] else "WRONG"
    return (row["what"], *times, f"{row['peak']:.2f}", f"{row['own']:.2f}", limits, verdict, row["note"])


if __name__ == "__main__":
    main()
