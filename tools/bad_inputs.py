"""Write ``docs/bad-inputs.md`` from the test cases. Run as ``python tools/bad_inputs.py`` (or ``make docs``)."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "bad-inputs.md"

INTRODUCTION = """\
# What is refused, and what is said

A bad input ends the command with one line on the error stream and exit code 2, before a model is made; nothing is
written but the log of a run. `aam check` takes the options of a run and lists everything that is wrong at once, a line
each: the options that cannot be read first, and when these are right all that is wrong with files and combinations.

Every line below is what a test expects, for a small example; this page is made from those tests by `make docs`. Names,
numbers and samples are those of the examples, and `...` stands for what changes. So a message can be searched for by
its words.
"""

TITLES = {
    "B": "Feature tables",
    "S": "Sequences of the ASVs",
    "T": "Sample sheets, targets, covariates, groups and weights",
    "W": "Conditions on the sample sheet (`--where`)",
    "L": "Lists of samples",
    "P": "Trees",
    "D": "Distances",
    "X": "Taxonomy",
    "Z": "QIIME 2 archives",
    "C": "Models",
    "K": "Options and configuration files",
    "O": "Outputs",
    "F": "Damaged files of all kinds",
}
ROW = re.compile(r"([A-Z])(\d+) (.+)")


def bad_inputs_page(refused: Sequence[tuple[str, str]], accepted: Sequence[str]) -> str:
    """The text of the page.

    Parameters
    ----------
    refused
        Name of each case, such as ``"B1 empty file"``, and the line that is said; ``<any>`` stands for any words.
    accepted
        Names of the cases that are odd but read.
    """
    parts = [INTRODUCTION]
    for letter, title in TITLES.items():
        parts += [f"## {title}", "", "| Row | Example | What is said |", "|---|---|---|"]
        parts += _rows(letter, refused)
        odd = [match[3] for match in map(ROW.fullmatch, accepted) if match and match[1] == letter]
        parts += ["", f"Accepted: {'; '.join(odd)}.", ""] if odd else [""]
    return "\n".join(parts).rstrip() + "\n"


def _rows(letter: str, refused: Sequence[tuple[str, str]]) -> Iterator[str]:
    matches = [(ROW.fullmatch(name), line) for name, line in refused]
    found = [(int(match[2]), match[3], line) for match, line in matches if match and match[1] == letter]
    for number, example, line in sorted(found, key=lambda row: row[0]):
        yield f"| {letter}{number} | {example} | {_code(line)} |"


def _code(line: str) -> str:
    """A line as code in a table of Markdown."""
    text = line.replace("<any>", "...").replace("|", "\\|")
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def current_page() -> str:
    """The page of the cases as they are now."""
    from tests.badinputs.every import BAD, BAD_COMMANDS, ODD

    return bad_inputs_page([(case.name, case.expected) for case in (*BAD, *BAD_COMMANDS)], [case.name for case in ODD])


def main() -> int:
    """Write the page and say where it is."""
    PAGE.write_text(current_page(), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
