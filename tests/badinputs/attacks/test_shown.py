"""Attacks on who looks at a terminal or opens a table: control characters and markup in names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rich.console import Console
from rich.errors import MarkupError
from rich.table import Table

from aam.cli.terminal import Terminal
from aam.data.readers.metadata import read_metadata
from aam.errors import InputError

ESCAPE = "\x1b[2Jfake\x1b]0;title\x07"
NAMES = ("[/b]", "[red]x", "[link=http://example.org]x[/link]", ":bug:")


def sheet(folder: Path, *rows: str) -> Path:
    path = folder / "m.tsv"
    path.write_text("".join(f"{row}\n" for row in rows), newline="")
    return path


@pytest.mark.parametrize("name", [f"s{ESCAPE}", "s\t1", "s\n1"])
def test_a_sample_id_with_control_characters_is_refused(name: str, tmp_path: Path) -> None:
    path = sheet(tmp_path, "sample-id\ta", "s0\t1", f'"{name}"\t1')
    with pytest.raises(InputError, match=r"line 3: sample id '.*' has a tab, line break or other control") as caught:
        read_metadata(path)
    assert str(caught.value).isprintable()


def test_a_column_with_control_characters_is_refused(tmp_path: Path) -> None:
    path = sheet(tmp_path, f"sample-id\ta\t{ESCAPE}", "s0\t1\t2")
    with pytest.raises(InputError, match=r"the name of column 3 \('.*'\) has a tab") as caught:
        read_metadata(path)
    assert str(caught.value).isprintable()


def test_a_class_cannot_tear_the_rows_of_a_table(tmp_path: Path) -> None:
    metadata = read_metadata(sheet(tmp_path, "sample-id\ta\tb", f's1\t"x\ty"\t"{ESCAPE}\n"', "s2\tz\t"))
    assert metadata.columns["a"].tolist() == ["x y", "z"]
    assert metadata.columns["b"].tolist() == ["[2Jfake ]0;title", ""]


def test_markup_works_on_the_plain_console_and_is_text_on_ours(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(MarkupError):
        Console().print(NAMES[0])
    for name in NAMES[1:]:
        Console().print(name)
        assert name not in capsys.readouterr().out
    console = Terminal()
    grid = Table("[i]name[/i]", box=None)
    for name in (*NAMES, ESCAPE):
        console.print(name)
        grid.add_row(name)
    console.print(grid)
    shown = capsys.readouterr().out
    for name in (*NAMES, "?[2Jfake?]0;title?"):
        assert shown.count(name) == 2
    assert "[i]name[/i]" in shown
    assert not re.search(r"[^\x20-\x7e\n]", shown)
