from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from aam.cli.commands.simulate import run
from aam.cli.main import main
from aam.config.commands.simulate import SimulateConfig, SimulateOptions
from aam.errors import InputError


def config(folder: Path, **changes: int | None) -> SimulateConfig:
    sizes = {"samples": 12, "asvs": 40, "sequence_length": 30, "asvs_per_sample": 10, "reads": 300}
    return SimulateConfig(simulate=SimulateOptions(output_dir=folder, **{**sizes, **changes}))


def test_run_writes_the_study_and_says_what_comes_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "my study"
    run(config(folder, batches=3))
    said = capsys.readouterr().out
    assert "seed 42" in said
    assert "12 of 3 subjects" in said
    assert "batches  3" in said
    for path in folder.iterdir():
        assert f"  {path.name}" in said
    assert said.rstrip().endswith(f"--output-dir '{tmp_path}/my study/run'")
    words = shlex.split(said.splitlines()[-1])
    assert words[:2] == ["aam", "train"]
    given = dict(zip(words[2::2], words[3::2], strict=True))
    for name in ("--table", "--tree", "--metadata"):
        assert Path(given[name]).is_file()
    assert given["--metadata-column"] == "gradient"
    assert given["--group-column"] == "subject"


def test_defaults_follow_what_they_depend_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = {"samples": 4, "asvs": 24, "asvs_per_sample": None}
    run(config(tmp_path / "few", **few))
    said = capsys.readouterr().out
    assert "4 of 2 subjects, about 300 reads and 6 ASVs each" in said
    assert "--group-column subject" in said
    readme = (tmp_path / "few" / "README.txt").read_text()
    (line,) = (line for line in readme.splitlines() if line.startswith("aam simulate"))
    assert "--asvs-per-sample 6.0" in line
    assert "--samples-per-subject 2" in line
    assert main(shlex.split(line.replace("FOLDER", str(tmp_path / "again")))[1:]) == 0
    table = (tmp_path / "few" / "metadata.tsv").read_text()
    assert (tmp_path / "again" / "metadata.tsv").read_text() == table
    capsys.readouterr()
    run(config(tmp_path / "one", **few, samples_per_subject=4))
    assert "--group-column" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("sizes", "richness", "subject_size"),
    [
        ({}, 80.0, 4),
        ({"samples": 60, "asvs": 60}, 15.0, 4),
        ({"samples": 2, "asvs": 8}, 2.0, 1),
        ({"samples": 7, "asvs": 320}, 80.0, 3),
        ({"asvs": 60, "asvs_per_sample": 50.0, "samples_per_subject": 9}, 50.0, 9),
    ],
)
def test_derived_sizes(sizes: dict[str, float], richness: float, subject_size: int) -> None:
    options = SimulateOptions(output_dir=Path("unused"), **sizes)
    assert (options.richness, options.subject_size) == (richness, subject_size)


def test_run_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run(config(Path()))
    assert (tmp_path / "table.biom").is_file()


def test_run_refuses_a_folder_with_content(tmp_path: Path) -> None:
    (tmp_path / "thesis.docx").write_text("")
    with pytest.raises(InputError, match="not empty"):
        run(config(tmp_path))


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_shown_on_a_terminal_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.setenv("TTY_COMPATIBLE", str(int(terminal)))
    said = []
    for progress in (True, False):
        run(config(tmp_path, progress=progress, overwrite=True))
        said.append(capsys.readouterr())
    assert said[0].out == said[1].out
    assert said[1].err == ""
    assert ("samples" in said[0].err) == terminal
