"""A study whose ids, columns, classes and folder are attacks: they are words wherever they are shown."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from tests.factories import random_sequences, write_tsv
from tests.program import run_command
from tests.report.pages import Page, check_self_contained

SCRIPT = "<script>alert(1)</script>"
COLUMN = f'site "><img src=x onerror=alert(1)> {SCRIPT}'
CLASSES = ['"><img src=x onerror=alert(1)>', "{{7*7}}", "</style></svg>" + SCRIPT]
IDS = [
    SCRIPT,
    "{{7*7}}",
    "</style>",
    "[/b]",
    "[link=http://example.org]x[/link]",
    ":bug:",
    "=cmd|' /C calc'!A0",
    "@SUM(1)",
]
IDS += ["-2+3", "+1", "-5", *(f"s{number}" for number in range(49))]
ABSENT = "\x1b[31mred\x1b[0m"
EVIL_FOLDER = "<b onclick=alert(1)>\x1b]0;title\x07"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the study and of a run on it."""
    folder = tmp_path_factory.mktemp("hostile") / EVIL_FOLDER
    folder.mkdir()
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 3, len(IDS))
    codes[:9] = np.arange(9) % 3
    sequences = random_sequences(24, 30)
    counts = rng.poisson(20 * (1 + 2 * (np.arange(24) % 3 == codes[:, None])))
    write_tsv(folder / "t.tsv", counts, IDS, sequences)
    with (folder / "m.tsv").open("w", newline="") as file:
        sheet = csv.writer(file, "excel-tab", quoting=csv.QUOTE_ALL)
        sheet.writerow(["sample-id", COLUMN, "note"])
        sheet.writerows(
            [name, CLASSES[code], f"{ABSENT}\n=1+1\t2"] for name, code in zip(IDS[:-1], codes, strict=False)
        )
    inputs = {"table": folder / "t.tsv", "metadata": folder / "m.tsv", "metadata_column": COLUMN}
    run = folder / "run"
    assert (
        run_command("train", "--classifier", "--no-forest-baseline", "--report", **inputs, output_dir=run, epochs=1)
        == 0
    )
    return folder


def test_the_report_shows_words(hostile: Path) -> None:
    page = Page(hostile / "run" / "report.html")
    check_self_contained(page)
    assert "img" not in page.tags
    assert "b" not in {tag for tag, name, _ in page.attributes if name == "onclick"}
    for name in (COLUMN, *CLASSES):
        assert name in page.words


def test_nothing_escapes_to_the_terminal_or_the_log(hostile: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, sheet = hostile / "t.tsv", hostile / "m.tsv"
    words = {"table": table, "metadata": sheet, "metadata_column": COLUMN}
    assert run_command("check", "--classifier", **words) == 0
    assert run_command("check", "--classifier", **{**words, "metadata_column": ABSENT}) == 2
    assert run_command("info", hostile / "run") == 0
    assert run_command("info", hostile / "\x1b[2J") == 2
    shown = capsys.readouterr()
    log = (hostile / "run" / "log.txt").read_text()
    for text in (shown.out, shown.err, log):
        assert text
        assert [c for c in text if not c.isprintable() and c != "\n"] == []
    assert "not in m.tsv" in shown.out


def predict(hostile: Path, output: Path, *words: str) -> list[list[str]]:
    inputs = {"model": hostile / "run", "table": hostile / "t.tsv", "metadata": hostile / "m.tsv"}
    assert run_command("predict", *words, **inputs, output=output) == 0
    return [line.split("\t") for line in output.read_text().removesuffix("\n").split("\n")]


def test_predictions_keep_ids_as_they_are_unless_told_otherwise(hostile: Path, tmp_path: Path) -> None:
    header, *rows = predict(hostile, tmp_path / "p.tsv")
    assert [row[0] for row in rows] == IDS
    safe_header, *safe = predict(hostile, tmp_path / "safe.tsv", "--spreadsheet-safe")
    assert safe_header == header
    assert {len(row) for row in (*rows, *safe)} == {len(header)}
    changed = {row[0]: other[0] for row, other in zip(rows, safe, strict=True) if row[0] != other[0]}
    assert changed == {name: f"'{name}" for name in ("=cmd|' /C calc'!A0", "@SUM(1)", "-2+3")}
    assert [row[1:] for row in safe] == [row[1:] for row in rows]
