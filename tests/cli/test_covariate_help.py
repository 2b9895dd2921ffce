from __future__ import annotations

import dataclasses
import re
import shlex
import typing

import pytest

from aam.cli.covariate_help import covariate_help
from aam.cli.options import parse
from aam.config import CovariateOptions
from aam.config.covariates import Fusion
from aam.config.option import flag

COMMANDS = [shlex.split(line) for line in covariate_help().replace("\\\n", " ").splitlines() if line.startswith("aam ")]


def test_every_kind_of_fusion_and_every_option_is_explained() -> None:
    lines = covariate_help().splitlines()
    named = [*typing.get_args(Fusion), *(flag(field.name) for field in dataclasses.fields(CovariateOptions))]
    for name in named:
        assert lines.count(name) == 1
        assert lines[lines.index(name) + 1].startswith("  ")


def test_options_are_explained_as_everywhere_else() -> None:
    said = " ".join(covariate_help().split())
    for field in dataclasses.fields(CovariateOptions):
        assert field.metadata["help"] in said
    assert "[default: concat]" in said
    assert "[derived: --attention-heads]" in said


def test_no_line_is_wider_than_a_terminal() -> None:
    assert max(map(len, covariate_help().splitlines())) <= 80


def test_flags_in_the_text_exist() -> None:
    shown = set(re.findall(r"--[a-z][a-z-]+", covariate_help()))
    known = {flag(name) for name in _all_options()}
    assert shown - known == set()


def _all_options() -> list[str]:
    request = parse("train", COMMANDS[0][2:])
    return [field.name for part in vars(request.config).values() for field in dataclasses.fields(part)]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[words.index("--output-dir") + 1])
def test_the_commands_are_accepted(words: list[str]) -> None:
    assert words[:2] == ["aam", "train"]
    parse("train", words[2:])


def test_a_command_says_what_its_title_says() -> None:
    assert len(COMMANDS) == 5
    places = parse("train", COMMANDS[1][2:]).config.covariates
    assert places.columns == ("season", "city", "state", "country", "ph", "depth")
