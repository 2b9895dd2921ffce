from __future__ import annotations

from pathlib import Path

import pytest

from aam.cli.options import parse
from aam.errors import InputError
from aam.runs.directory import RunDirectory
from aam.runs.layout import DATA
from aam.workflows.runs.child_runs import ChildRun, in_turn
from aam.workflows.runs.run_manifest import input_records, inputs_before_reading


@pytest.fixture
def inputs(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "t.biom", tmp_path / "m.tsv"]
    for path in paths:
        path.write_text("as it was")
    return paths


@pytest.fixture
def run(tmp_path: Path, inputs: list[Path]) -> RunDirectory:
    """A run of several that has written down its inputs."""
    whole = RunDirectory(tmp_path / "run")
    whole.path.mkdir()
    table, sheet = map(str, inputs)
    words = ["--table", table, "--metadata", sheet, "--metadata-column", "y", "--output-dir", str(whole.path)]
    before = inputs_before_reading(parse("train", words).config)
    whole.write_json(DATA, {"inputs": list(input_records(before))})
    return whole


def three(run: RunDirectory) -> list[ChildRun]:
    folders = [RunDirectory(run.path / str(number)) for number in range(3)]
    return [ChildRun(name=each.path.name, directory=each, lists=run.path, ids={}, seed=1) for each in folders]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            "another",
            "m.tsv: changed during the run; restore the original and resume the run",
        ),
        (None, "m.tsv: was deleted during the run; put it back and resume the run"),
    ],
)
def test_inputs_that_change_midway_stop_the_whole(
    run: RunDirectory, inputs: list[Path], content: str | None, words: str
) -> None:
    runs, done = three(run), []

    def work(place: int) -> bool:
        done.append(place)
        runs[place].directory.path.mkdir(exist_ok=True)
        runs[place].directory.write_config("train", {})
        if place == 1:
            inputs[1].unlink() if content is None else inputs[1].write_text(content)
        return True

    with pytest.raises(InputError) as caught:
        in_turn(run, runs, "fold", work)
    assert str(caught.value).startswith(words)
    assert done == [0, 1]
    inputs[1].write_text("as it was")
    in_turn(run, runs[2:], "fold", work=lambda place: work(place + 2))
    assert done == [0, 1, 2]


def test_before_the_first_there_is_nothing_to_resume(run: RunDirectory, inputs: list[Path]) -> None:
    inputs[0].write_text("another")
    with pytest.raises(InputError, match="restore the original and start it again"):
        in_turn(run, three(run), "fold", lambda place: True)


def test_an_input_that_vanished_after_it_was_read_is_one_line(tmp_path: Path) -> None:
    words = ["--table", str(tmp_path / "gone.biom"), "--output-dir", str(tmp_path / "run")]
    with pytest.raises(InputError, match=r"gone\.biom: was read, but cannot be read again"):
        list(input_records(inputs_before_reading(parse("pretrain", words).config)))
