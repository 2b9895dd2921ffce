from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from aam import __version__
from aam.cli import main as program
from aam.cli.main import main
from aam.config.registry import COMMANDS, GROUPS
from aam.errors import CheckpointError, InputError, NonFiniteError, RunError

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "lightning", "h5py", "scipy", "sklearn", "pandas", "skbio", "matplotlib", "numpy")
MOST_MODULES = 450
"""Every module takes time to load; help must appear at once."""
TRAIN = ["train", "--table", "t.biom", "--metadata", "m.tsv", "--metadata-column", "age", "--output-dir", "runs/age"]


def aam(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
    """The program in a process of its own."""
    command = [sys.executable, "-m", "aam", *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False, **options)  # type: ignore[call-overload]


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["check", "-h"], ["train", "--help-all"], []])
def test_help_loads_nothing_heavy_and_little_else(words: list[str]) -> None:
    code = (
        "import sys\nfrom aam.cli.main import main\n"
        f"code = main({words!r})\nprint('loaded:', [m for m in {HEAVY!r} if m in sys.modules])\n"
        "print(len(sys.modules))\nsys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    *_, heavy, number = done.stdout.splitlines()
    assert heavy == "loaded: []"
    assert "Usage: aam" in done.stdout
    assert int(number) < MOST_MODULES


def test_every_command_is_in_one_group() -> None:
    assert sorted(name for group in GROUPS.values() for name in group) == sorted(COMMANDS)


def test_overview_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    for name, command in COMMANDS.items():
        assert name in said
        assert command.summary.split()[0] in said


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"aam {__version__}\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_its_module(command: str) -> None:
    assert (ROOT / "aam" / "cli" / COMMANDS[command].room / f"{command.replace('-', '_')}.py").is_file()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["trian"], "unknown command trian; did you mean train?"),
        (["--verison"], "unknown option --verison"),
        (["train", "--lrr", "1"], "unknown option --lrr; did you mean --lr?"),
        (["train", "--no-reprot"], "unknown option --no-reprot; did you mean --no-report?"),
        (["train", "--unifrac-matrx", "u"], "did you mean --unifrac-matrix?"),
        (["train", "--table"], "--table needs a value"),
        (["train", "--lr", "1", "--lr", "2"], "--lr is given twice"),
        (["train", "--table", "a.biom", "b.biom"], "'b.biom' belongs to no option"),
        (["train", "--epochs", "ten"], "--epochs must be a whole number, got 'ten'"),
        (["train", "--device", "gpu"], "--device must be 'auto' or 'cpu' or 'cuda', got 'gpu'"),
        (["train", "--lr", "0"], "--lr must be above 0, got 0"),
        (["train", "--table", "t.biom"], "--metadata-column, --output-dir are required"),
        ([*TRAIN, "--class-weights", "balanced"], "--class-weights needs --classifier"),
        (["info"], "--path is required"),
    ],
)
def test_mistakes_are_one_line(words: list[str], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("error: ")
    assert expected in output.err
    assert output.err.count("\n") == 1


def failing_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> int:
    """Exit code of a program in which something fails."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(program, "run_command", fail)
    return main(["train"])


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (InputError.of(("t.biom: is empty", "m.tsv: is empty")), 2, "error: t.biom: is empty (and 1 more: `aam check`"),
        (CheckpointError("m: damaged"), 2, "error: m: damaged"),
        (RunError("no GPU is left"), 3, "error: no GPU is left"),
        (NonFiniteError("the loss is NaN"), 4, "error: the loss is NaN"),
        (KeyboardInterrupt(), 130, "error: stopped"),
        (MemoryError(), 3, "error: out of memory; try a smaller --batch-size"),
        (
            RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed."),
            3,
            "error: a data worker died (signal 9",
        ),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 8 bytes"), 3, "error: out of memory"),
        (
            OSError(errno.ENOSPC, "No space left on device", "runs/a/x"),
            3,
            "error: no space left on the disk (runs/a",
        ),
    ],
)
def test_exit_codes(
    error: BaseException, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert failing_with(error, monkeypatch) == code
    assert capsys.readouterr().err.startswith(said)


@pytest.mark.parametrize("error", [ZeroDivisionError("x"), RuntimeError("x"), OSError(errno.EIO, "x"), KeyError("x")])
def test_a_defect_keeps_its_traceback(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(type(error)):
        failing_with(error, monkeypatch)


def test_check_lists_every_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "--table",
        str(tmp_path / "t.biom"),
        "--tree",
        str(tmp_path / "t.nwk"),
        "--metadata",
        str(tmp_path / "m.tsv"),
    ]
    assert main(["check", *words]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[1].strip() for line in lines] == ["t.biom", "m.tsv", "t.nwk"]


def test_the_process_ends_with_the_code() -> None:
    done = aam("train", "--lrr", "1")
    assert (done.returncode, done.stderr) == (2, "error: unknown option --lrr; did you mean --lr?\n")
    assert aam("--version").returncode == 0


def test_a_reader_that_went_away_is_no_error() -> None:
    command = f"{sys.executable} -m aam train --help"
    first = subprocess.Popen(command.split(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
    assert first.stdout is not None
    first.stdout.close()
    assert first.stderr is not None
    assert first.stderr.read() == b""
    first.stderr.close()
    assert first.wait(timeout=60) == 0


@pytest.mark.parametrize("encoding", [{"LC_ALL": "C"}, {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}])
def test_a_terminal_without_unicode(encoding: dict[str, str], tmp_path: Path) -> None:
    environment = {**os.environ, **encoding}
    done = aam("--help", env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    done = aam("info", str(tmp_path / "größe.tsv"), env=environment)
    assert done.returncode == 2
    assert done.stderr.startswith("error: gr")


def test_printed_configuration_is_complete_and_reads_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        *TRAIN,
        "--learners",
        "network",
        "--lr",
        "3e-5",
        "--missing",
        "unknown,no",
        "--rarefy-depth",
        "none",
        "--where",
        "a == 'b: c'",
    ]
    assert main([*words, "--print-config"]) == 0
    printed = capsys.readouterr().out
    assert yaml.safe_load(printed)["command"] == "train"
    path = tmp_path / "run.yaml"
    path.write_text(printed)
    assert main(["train", "--config", str(path), "--print-config"]) == 0
    assert capsys.readouterr().out == printed


def test_printing_starts_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--output-dir", str(tmp_path / "study"), "--print-config"]) == 0
    assert f"output_dir: {tmp_path / 'study'}" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["check", "--table", "t\udcff.biom"], "--table"),
        (["train", "--table", "t\udcff", "--metadata", "m", "--metadata-column", "a", "--output-dir", "o"], "--table"),
        (
            ["train", "--table", "t", "--metadata", "m", "--metadata-column", "a", "--output-dir", "\udcff"],
            "--output-dir",
        ),
        (
            ["train", "--table", "t", "--metadata", "m", "--metadata-column", "\udcff", "--output-dir", "o"],
            "--metadata-col",
        ),
        (["predict", "--model", "m\udcff", "--table", "t", "--output", "p.tsv"], "--model"),
        (["predict", "--model", "m", "--table", "t", "--output", "\udcff.tsv"], "--output"),
        (["unifrac", "--table", "t", "--output", "\udcff.npy"], "--output"),
        (["simulate", "--output-dir", "o\udcff"], "--output-dir"),
        (["demo", "--output-dir", "o\udcff"], "--output-dir"),
        (["benchmark", "--suite", "\udcff.yaml", "--output-dir", "o"], "--suite"),
        (["info", "\udcff"], "--path"),
        (["simulate", "--config", "\udcff", "--output-dir", "o"], "--config"),
    ],
)
def test_names_that_are_not_utf8_are_refused_at_once(
    words: list[str], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the system gives them to Python, each byte that is no UTF-8 as a lone surrogate."""
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {name}")
    assert "\\xff" in said
    assert "is not UTF-8; " in said
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_utf8(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "o\udcff"
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert main(["info", "table.biom"]) == 2
    assert "--path: the folder that you are in, " in capsys.readouterr().err
    assert main(["info", "/nowhere"]) == 2
    assert "no such file" in capsys.readouterr().err
