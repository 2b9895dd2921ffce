from __future__ import annotations

from pathlib import Path

import pytest

from aam.log import logging_to_file, logging_to_terminal, only_notes, say, say_detail, warn


@pytest.mark.parametrize("verbose", [True, False])
def test_details_are_in_the_file_and_shown_to_who_asks(
    verbose: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with logging_to_terminal(verbose=verbose), logging_to_file(tmp_path / "log.txt"):
        say("a fact")
        say_detail("a detail")
        warn("a worry")
    shown = ["a fact", *(["a detail"] if verbose else []), "note: a worry"]
    assert capsys.readouterr().out.splitlines() == shown
    written = [line.split(" ", 2)[2] for line in (tmp_path / "log.txt").read_text().splitlines()]
    assert written == ["a fact", "a detail", "note: a worry"]


def test_one_of_many_says_what_to_look_at(capsys: pytest.CaptureFixture[str]) -> None:
    with logging_to_terminal(verbose=True):
        with only_notes():
            say("a fact")
            say_detail("a detail")
            warn("a worry")
        say_detail("another")
    assert capsys.readouterr().out.splitlines() == ["note: a worry", "another"]
