"""Resuming of each kind of run, by each signal; and what is refused where the run's files are not what they were."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from aam.cli.main import main
from aam.training.checkpoints.checkpoint import find_checkpoints, latest_checkpoint
from tests.faults.kill_harness import TRAINING_STEP, Children, Fault
from tests.faults.toy import BATCHES, EPOCHS, fingerprint, words

KEPT_DRAWS = {"aam.training.memory.kept_draws:DRAWS": 2}  # the third epoch has the first one's draw
PLAIN = {"encoder_type": None, "nuc_penalty": None, "count_penalty": None, "categorical_columns": None}
PLAIN |= {"unknown_level_rate": None, "taxonomy": None}
LATE = 10  # a step of the last epoch: two checkpoints are there


@pytest.fixture(scope="module")
def encoder(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pre-training run."""
    folder = tmp_path_factory.mktemp("encoder")
    ended = Children(folder).run(words("pretrain", toy, folder / "run"))
    assert ended.code == 0, ended.said
    return folder / "run"


@pytest.fixture(scope="module")
def unbroken(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a run with covariates, all heads and no faults gives."""
    folder = tmp_path_factory.mktemp("unbroken")
    assert Children(folder).run(words("train", toy, folder / "run")).code == 0
    return fingerprint(folder / "run")


def resume(children: Children, folder: Path, command: str = "train") -> dict[str, str]:
    ended = children.run([command, "--resume-from", folder], values=KEPT_DRAWS)
    assert ended.code == 0, ended.said
    return fingerprint(folder)


def check_steps(children: Children, tmp_path: Path, asked: Sequence[object], steps: Sequence[int]) -> None:
    """A run that is killed at some steps gives what it gives unbroken."""
    command = str(asked[0])
    ended = children.run([*asked, "--output-dir", tmp_path / "unbroken"], values=KEPT_DRAWS)
    assert ended.code == 0, ended.said
    expected = fingerprint(tmp_path / "unbroken")
    for step in steps:
        folder = tmp_path / str(step)
        fault = Fault(TRAINING_STEP, step)
        assert children.run([*asked, "--output-dir", folder], fault, values=KEPT_DRAWS).code == -signal.SIGKILL
        assert resume(children, folder, command) == expected, step


def without_folder(asked: list[object]) -> list[object]:
    place = asked.index("--output-dir")
    return asked[:place] + asked[place + 2 :]


@pytest.mark.parametrize(
    ("signals", "code"), [(("SIGINT",), 130), (("SIGUSR1",), 75), (("SIGINT", "SIGINT"), 130)], ids=str
)
def test_the_processes_that_prepare_batches_outlive_a_signal(
    toy: Path, children: Children, unbroken: dict[str, str], tmp_path: Path, signals: tuple[str, ...], code: int
) -> None:
    folder = tmp_path / "run"
    ended = children.run(words("train", toy, folder, num_workers=2), Fault(TRAINING_STEP, 2, signals))
    assert ended.code == code, ended.said
    assert not (folder / "finished.json").exists()
    assert resume(children, folder) == unbroken


def test_resuming_with_a_frozen_encoder(toy: Path, encoder: Path, children: Children, tmp_path: Path) -> None:
    frozen = {**PLAIN, "pretrained_encoder": encoder}
    asked = without_folder(words("train", toy, tmp_path, "--freeze-base", **frozen))
    check_steps(children, tmp_path, asked, (2, LATE))


@pytest.mark.slow
def test_resuming_with_a_frozen_encoder_at_every_step(
    toy: Path, encoder: Path, children: Children, tmp_path: Path
) -> None:
    frozen = {**PLAIN, "pretrained_encoder": encoder}
    asked = without_folder(words("train", toy, tmp_path, "--freeze-base", **frozen))
    check_steps(children, tmp_path, asked, range(1, BATCHES + 1))


@pytest.mark.slow
def test_resuming_a_pre_training_run(toy: Path, children: Children, tmp_path: Path) -> None:
    asked = without_folder(words("pretrain", toy, tmp_path))
    check_steps(children, tmp_path, asked, (1, 4, 5, 8, LATE, BATCHES))


@pytest.mark.slow
def test_resuming_while_the_encoder_unfreezes(toy: Path, encoder: Path, children: Children, tmp_path: Path) -> None:
    """The head alone, then one part more in each epoch; some steps before and after each begins to learn."""
    transfer = {**PLAIN, "pretrained_encoder": encoder, "gradual_unfreezing": 1, "epochs": 5}
    asked = without_folder(words("train", toy, tmp_path, **transfer))
    check_steps(children, tmp_path, asked, (2, 4, 5, 9, 12, 13, 15, 20))


@pytest.mark.slow
@pytest.mark.parametrize("scheduler", ["warmup_cosine", "cosine", "cosine_restarts", "onecycle", "none"])
def test_resuming_with_each_schedule(toy: Path, children: Children, tmp_path: Path, scheduler: str) -> None:
    options = {**PLAIN, "scheduler": scheduler, "scheduler-patience": None}
    asked = without_folder(words("train", toy, tmp_path, **options))
    check_steps(children, tmp_path, asked, (3, 7, LATE))


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_resuming_with_each_optimiser(toy: Path, children: Children, tmp_path: Path, optimizer: str) -> None:
    asked = without_folder(words("train", toy, tmp_path, **{**PLAIN, "optimizer": optimizer}))
    check_steps(children, tmp_path, asked, (3, LATE))


@pytest.mark.slow
def test_resuming_covariates_that_scale_the_output(toy: Path, children: Children, tmp_path: Path) -> None:
    told = {"categorical_columns": "subject,group", "numeric_columns": "gradient_true"}
    told |= {"conditional_output_scaling": "group", "categorical_fusion": "cross-attention"}
    asked = without_folder(words("train", toy, tmp_path, **{**PLAIN, **told, "unknown_level_rate": 0.4}))
    check_steps(children, tmp_path, asked, (3, 7))


def test_a_damaged_checkpoint_is_passed_over(
    toy: Path, children: Children, unbroken: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    assert children.run(words("train", toy, folder), Fault(TRAINING_STEP, LATE)).code < 0
    before, newest = find_checkpoints(folder / "checkpoints")
    assert newest.name.startswith(f"epoch-{EPOCHS - 1:06d}")
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    assert latest_checkpoint(folder / "checkpoints") == before
    assert resume(children, folder) == unbroken


INPUTS = ("table.biom", "tree.nwk", "taxonomy.tsv", "metadata.tsv", "distances.npy", "ids.txt")
LISTS = ("train.txt", "val.txt", "test.txt")


@pytest.fixture(scope="module")
def killed(toy: Path, encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with every kind of input, killed in its second epoch; ``study`` has the inputs, ``run`` the run."""
    folder = tmp_path_factory.mktemp("killed")
    study = folder / "study"
    shutil.copytree(toy, study)
    shutil.copytree(encoder / "model", study / "encoder")
    samples = [line.split("\t")[0] for line in (study / "metadata.tsv").read_text().splitlines()[1:]]
    parts = {"train": samples[:16], "val": samples[16:22], "test": samples[22:]}
    for part, ids in parts.items():
        (study / f"{part}.txt").write_text("\n".join(ids) + "\n")
    write_distances(study)
    given = {"distances": study / "distances.npy", "distance_ids": study / "ids.txt", "encoder_type": "unifrac"}
    given |= {f"{part}_samples": study / f"{part}.txt" for part in parts}
    given |= {"validation_size": None, "pretrained_encoder": study / "encoder"}
    asked = words("train", study, folder / "run", **{**PLAIN, "taxonomy": study / "taxonomy.tsv", **given})
    ended = Children(folder).run(asked, Fault(TRAINING_STEP, 6))
    assert ended.code == -signal.SIGKILL, ended.said
    return folder


def write_distances(study: Path) -> None:
    """UniFrac of the study, as a matrix whose sample ids stand in a file of their own."""
    table = ["--table", study / "table.biom", "--tree", study / "tree.nwk", "--output", study / "distances.tsv"]
    assert main(["unifrac", *map(str, table), "--no-progress"]) == 0
    header, *rows = [line.split("\t") for line in (study / "distances.tsv").read_text().splitlines()]
    (study / "ids.txt").write_text("\n".join(header[1:]) + "\n")
    np.save(study / "distances.npy", np.array([row[1:] for row in rows], dtype=float))


@pytest.mark.parametrize("name", [*INPUTS, *LISTS, "encoder/model.safetensors"])
def test_inputs_that_are_changed_or_gone_are_refused(
    killed: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = killed / "study" / name
    content = path.read_bytes()
    gone = "no model found" if name.startswith("encoder") else f"error: {path.name}: is missing; the run"
    kept = {file: (killed / "run" / file).read_bytes() for file in ("config.yaml", "data.json")}
    try:
        for changed, told in ((content + b"\n", f"error: {path.name}: has changed since the run"), (None, gone)):
            path.unlink() if changed is None else path.write_bytes(changed)
            assert main(["train", "--resume-from", str(killed / "run")]) == 2
            assert told in capsys.readouterr().err
    finally:
        path.write_bytes(content)
    assert {file: (killed / "run" / file).read_bytes() for file in kept} == kept
