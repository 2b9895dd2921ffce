from __future__ import annotations

import fcntl
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

import aam
from aam.errors import InputError
from aam.runs.directory import RunDirectory, environment, open_run

ROOT = Path(__file__).resolve().parents[2]
OWNER = """
import sys
from pathlib import Path
from aam.runs.directory import open_run
with open_run(Path(sys.argv[1]), resume=False, overwrite=False) as run:
    run.write_config("train", {"lr": 0.1})
    print("taken", flush=True)
    sys.stdin.read()
"""


def started(folder: Path) -> RunDirectory:
    with open_run(folder, resume=False, overwrite=False) as run:
        run.write_config("train", {"lr": 0.1})
        run.write_json("data.json", {})
    return run


def fail(run: RunDirectory) -> None:
    run.write_config("train", {})
    raise RuntimeError


def test_a_new_directory_is_made_and_filled(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "run"
    with open_run(folder, resume=False, overwrite=False) as run:
        run.write_config("train", {"lr": 0.1, "table": ["ü.biom"]})
        run.write_json("data.json", {"samples": 3})
        run.write_lines("train_samples.txt", ["s1", "s2"])
        assert not run.is_finished
        run.finish({"seconds": 1.5})
        assert run.is_finished
    assert yaml.safe_load(run.config.read_text()) == {"command": "train", "lr": 0.1, "table": ["ü.biom"]}
    assert json.loads((folder / "data.json").read_text()) == {"samples": 3}
    assert (folder / "train_samples.txt").read_text() == "s1\ns2\n"
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["config.yaml", "data.json", "finished.json", "train_samples.txt"]


def test_an_empty_directory_is_taken(tmp_path: Path) -> None:
    assert started(tmp_path).config.exists()


@pytest.mark.parametrize("resume", [False, True])
def test_another_process_is_refused_until_release(tmp_path: Path, resume: bool) -> None:
    folder = tmp_path / "run"
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"taken\n"
        with (
            pytest.raises(InputError, match=f"is in use by pid {owner.pid} on "),
            open_run(folder, resume=resume, overwrite=not resume),
        ):
            pass
        assert (folder / "config.yaml").exists(), "the owner's files are left alone"
        owner.communicate(timeout=60)
    with open_run(folder, resume=True, overwrite=False):
        pass


def test_the_lock_of_a_killed_process_holds_nobody_up(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as owner:
        assert owner.stdout is not None
        owner.stdout.readline()
        owner.kill()
        owner.wait(timeout=60)
    assert (folder / ".lock").exists()
    with open_run(folder, resume=True, overwrite=False):
        assert f"pid {os.getpid()} " in (folder / ".lock").read_text()
    assert not (folder / ".lock").exists()


def test_the_lock_is_given_back_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), open_run(tmp_path, resume=False, overwrite=False) as run:
        fail(run)
    with open_run(tmp_path, resume=True, overwrite=False):
        pass


def test_a_lock_that_was_removed_meanwhile_is_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = fcntl.flock

    def flock(file: int, how: int) -> None:
        (tmp_path / ".lock").unlink()
        real(file, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(InputError, match="try again"), open_run(tmp_path, resume=False, overwrite=False):
        pass


@pytest.mark.parametrize("finished", [False, True])
def test_a_run_is_replaced_only_on_request(tmp_path: Path, finished: bool) -> None:
    run = started(tmp_path)
    run.model.mkdir()
    (run.model / "model.safetensors").write_text("x")
    if finished:
        run.finish({})
    kind = "a finished run" if finished else "an unfinished run already; --resume-from"
    with pytest.raises(InputError, match=kind), open_run(tmp_path, resume=False, overwrite=False):
        pass
    assert run.config.exists()
    before = {path.name for path in tmp_path.iterdir()}
    with open_run(tmp_path, resume=False, overwrite=True) as again:
        assert {path.name for path in tmp_path.iterdir()} == before | {".lock"}, "the new run may still be refused"
        again.clear()
        assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_the_log_of_a_run_that_could_not_begin_is_gone_on_with(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("no column 'gradiant'\n")
    run = started(tmp_path)
    assert run.log.read_text() == "no column 'gradiant'\n"
    with open_run(tmp_path, resume=False, overwrite=True) as again:
        again.clear()
        assert [path.name for path in tmp_path.iterdir() if path.name != ".lock"] == ["log.txt"]


def refuse(run: RunDirectory, *, writes: bool) -> None:
    run.log.write_text("failed\n")
    if writes:
        run.write_json("data.json", {})
    raise InputError("m.tsv", "no column 'gradiant'")


def refused(folder: Path, *, writes: bool = False) -> None:
    with (
        pytest.raises(InputError, match="no column"),
        open_run(folder, resume=False, overwrite=False) as run,
    ):
        refuse(run, writes=writes)


def test_a_refused_run_leaves_nothing_of_its_own(tmp_path: Path) -> None:
    refused(tmp_path / "deep" / "run")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "mine").mkdir()
    refused(tmp_path / "mine" / "run")
    assert list((tmp_path / "mine").iterdir()) == []
    refused(tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["log.txt"], "the folder is not of the run"
    refused(tmp_path / "begun", writes=True)
    assert sorted(path.name for path in (tmp_path / "begun").iterdir()) == ["data.json", "log.txt"]


def test_overwriting_does_not_follow_links(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.docx").write_text("x")
    run = started(tmp_path / "run")
    run.model.symlink_to(precious)
    with open_run(run.path, resume=False, overwrite=True) as again:
        again.clear()
    assert not run.model.is_symlink()
    assert (precious / "thesis.docx").exists()


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_that_holds_no_run_is_never_emptied(tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "thesis.docx").write_text("x")
    with (
        pytest.raises(InputError, match="not empty and does not contain a run"),
        open_run(tmp_path, resume=False, overwrite=overwrite),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.docx"]


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_a_lock_that_the_disk_does_not_take_is_not_left(tmp_path: Path) -> None:
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limit[1]))
    try:
        with pytest.raises(OSError, match="File too large"), open_run(tmp_path, resume=False, overwrite=False):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert not list(tmp_path.iterdir())


def test_resuming_keeps_everything(tmp_path: Path) -> None:
    run = started(tmp_path)
    (tmp_path / "metrics.csv").write_text("epoch\n0\n")
    with open_run(tmp_path, resume=True, overwrite=False) as again:
        assert again.metrics.read_text() == "epoch\n0\n"
        assert again.config == run.config


def test_there_must_be_an_unfinished_run_to_resume(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no run to resume"), open_run(tmp_path, resume=True, overwrite=False):
        pass
    absent = tmp_path / "absent"
    with pytest.raises(InputError, match="no run to resume"), open_run(absent, resume=True, overwrite=False):
        pass
    assert not absent.exists()
    started(tmp_path).finish({})
    with pytest.raises(InputError, match="the run is finished"), open_run(tmp_path, resume=True, overwrite=False):
        pass


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "run", Path("/proc/run")):
        with pytest.raises(InputError, match="cannot be written"), open_run(folder, resume=False, overwrite=False):
            pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="cannot be written"), open_run(tmp_path, resume=False, overwrite=False):
        pass


def test_environment_names_versions() -> None:
    found = environment()
    assert found["aam"] == aam.__version__
    assert found["numpy"] == np.__version__
    assert found["python"] == sys.version.split()[0]
