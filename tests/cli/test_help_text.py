from __future__ import annotations

import dataclasses

import pytest

from aam.cli.help_text import print_help, print_overview, print_start
from aam.config import from_flat
from aam.config.option import fields, flag
from aam.config.registry import COMMANDS, FIRST_COMMANDS
from aam.errors import ConfigError

COLUMNS = 80
VALUES = {"table": ["t"], "metadata_column": ["age"], "output_dir": "o", "output": "p.tsv", "model": "m", "suite": "s"}


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_a_line_for_each_usual_option(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_help(command)
    lines = said(capsys)
    assert max(map(len, lines)) <= COLUMNS
    described = COMMANDS[command]
    usual = [field for _, field, _ in fields(described.config) if field.metadata["usual"]]
    usual = [field for field in usual if described.usual.get(field.name) != ""]
    shown = [line for line in lines if line.startswith("  --")]
    assert len(shown) == len(usual)
    for field in usual:
        assert sum(line.split()[0] in (flag(field.name), flag(f"no_{field.name}")) for line in shown) == 1
    assert lines[-1].endswith(f"aam {command} --help-all")


def test_a_command_has_its_own_words_for_an_option(capsys: pytest.CaptureFixture[str]) -> None:
    print_help("tune")
    lines = {line.split()[0]: line for line in said(capsys) if line.startswith("  --")}
    assert "--cv" not in lines, "it is refused"
    assert lines["--test-size"].endswith("judges the choice [0.2]")
    assert lines["--trials"].endswith("[50]")


@pytest.mark.parametrize("command", COMMANDS)
def test_required_options_come_first(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    described = COMMANDS[command]
    required = {field.name for _, field, _ in fields(described.config) if field.default is dataclasses.MISSING}
    required |= set(described.needs)
    print_help(command)
    lines = said(capsys)
    first = lines[: lines.index("Usual options")] if "Usual options" in lines else lines
    assert {line.split()[0] for line in first if line.startswith("  --")} == set(map(flag, required))


@pytest.mark.parametrize("command", ["train", "rf-baseline"])
def test_what_a_command_needs_is_needed(command: str) -> None:
    described = COMMANDS[command]
    known = {field.name for _, field, _ in fields(described.config)}
    given = {name: value for name, value in VALUES.items() if name in known}
    if command == "rf-baseline":
        given["metadata_column"] = "age"
    for name in described.needs:
        with pytest.raises(ConfigError, match=f"{flag(name)} is required"):
            from_flat(described.config, given)
    from_flat(described.config, given | dict.fromkeys(described.needs, "m.tsv"))


def test_the_short_help_is_short(capsys: pytest.CaptureFixture[str]) -> None:
    print_help("train")
    short = said(capsys)
    print_help("train", all_options=True)
    assert len(short) <= 40 < len(said(capsys)) / 5


@pytest.mark.parametrize(("columns", "most"), [("40", 60), ("80", 80), ("300", 100)])
def test_all_options_keep_to_the_terminal(
    columns: str, most: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    print_help("train", all_options=True)
    wide = [line for line in said(capsys) if len(line) > most]
    assert all(line.startswith("  --") or not line.startswith(" ") for line in wide)  # headings are never cut


def test_the_program_alone_says_what_comes_first(capsys: pytest.CaptureFixture[str]) -> None:
    print_start()
    lines = said(capsys)
    named = [line.split()[0] for line in lines if line.startswith("  ") and not line.startswith("  aam")]
    assert tuple(named) == FIRST_COMMANDS
    assert any(line.startswith("  aam --help ") for line in lines)
    print_overview()
    assert {line.split()[0] for line in said(capsys) if line.startswith("  ")} >= set(COMMANDS)
