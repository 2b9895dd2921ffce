from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from aam.cli.main import main

BASH = shutil.which("bash")
WRITTEN = {
    "bash": (".local/share/bash-completion/completions/aam", ".bashrc"),
    "zsh": (".zsh/completions/_cyclopts_aam", ".zshrc"),
    "fish": (".config/fish/completions/aam.fish",),
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder, which knows nothing of oh-my-zsh."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("ZSH", "ZSH_CUSTOM"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.mark.parametrize("shell", WRITTEN)
def test_only_the_named_files_are_written(shell: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--install-completion", shell]) == 0
    output = capsys.readouterr().out
    assert {str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()} == set(WRITTEN[shell])
    assert all(str(home / name) in output for name in WRITTEN[shell])


def test_a_second_time_adds_nothing(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / ".bashrc").write_text("alias ll='ls -l'\n")
    assert main(["--install-completion", "bash"]) == 0
    first = (home / ".bashrc").read_text()
    assert first.startswith("alias ll='ls -l'\n")
    assert main(["--install-completion", "bash"]) == 0
    assert (home / ".bashrc").read_text() == first
    assert "added to" not in capsys.readouterr().out.split("wrote")[2]


def test_a_home_that_cannot_be_written(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "file").write_text("")
    monkeypatch.setenv("HOME", str(home / "file"))
    assert main(["--install-completion", "bash"]) == 2
    line = capsys.readouterr().err
    assert line.startswith(f"error: --install-completion: {home / 'file'}/")
    assert line.endswith(" cannot be written (Not a directory)\n")


@pytest.mark.skipif(BASH is None, reason="needs bash")
@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (["aam", "tr"], ["train"]),
        (["aam", "train", "--metadata-c"], ["--metadata-column"]),
        (["aam", "train", "--device", "c"], ["cpu", "cuda"]),
        (["aam", "train", "--learners", "fo"], ["forest"]),
        (["aam", "predict", "--model", "mod"], ["model.dir"]),
    ],
)
def test_bash_completes(typed: list[str], expected: list[str], home: Path) -> None:
    assert main(["--install-completion", "bash"]) == 0
    (home / "model.dir").mkdir()
    script = f'. "{home / WRITTEN["bash"][0]}"; COMP_WORDS=("$@"); COMP_CWORD=$(($#-1)); _aam; echo "${{COMPREPLY[@]}}"'
    done = subprocess.run(
        [str(BASH), "-c", script, "bash", *typed], capture_output=True, text=True, cwd=home, check=True
    )
    assert done.stdout.split() == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [(["tcsh"], "takes bash, zsh, fish, not tcsh"), (["bash", "zsh"], "takes one shell: bash, zsh, fish")],
)
def test_unknown_shells(words: list[str], expected: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--install-completion", *words]) == 2
    assert expected in capsys.readouterr().err
    assert list(home.iterdir()) == []
