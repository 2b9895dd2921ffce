"""Each file of ``configs/`` runs as its first line says, on a study that has the columns it names."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest

from aam.data.readers.table import read_raw_table
from aam.evaluation.prediction_table import read_columns
from tests.docs.test_documented_commands import ROOT, exit_code
from tests.factories import write_biom, write_qza, write_table_qza
from tests.program import SMALL

CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))
# A test needs to see that the job runs, not that its model is good; and it has no GPU and no launcher.
NETWORK = [word for pair in {**SMALL, "--epochs": "1"}.items() for word in pair]
ONE_CPU = ["--device", "cpu", "--mixed-precision", "none"]
CHANGES = {
    "network-gpu": [*ONE_CPU, "--cv", "2", "--epochs", "1", "--rarefy-depth", "200"],
    "pretrain-cluster": [*ONE_CPU, *NETWORK, "--no-distributed"],
    "several-studies": ["--learners", "jaccard", "--trim-length", "30"],
}
BLEND = ["--learners", "jaccard", "--cv", "2", "--cv-repeats", "1"]


def command_of(path: Path) -> list[str]:
    """The words after ``aam`` in the first line of a file."""
    first = path.read_text(encoding="utf-8").splitlines()[0]
    words = shlex.split(first.removeprefix("#"))
    return words[words.index("aam") + 1 :]


@pytest.fixture(scope="module")
def toy(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated study with the files and columns of the configurations."""
    folder = tmp_path_factory.mktemp("toy")
    shutil.copytree(ROOT / "configs", folder / "configs")
    for name in ("table.biom", "tree.nwk"):
        shutil.copy(study / name, folder / name)
    table = read_raw_table(study / "table.biom")
    counts, asvs = table.counts.toarray().astype(int), list(table.asv_ids)
    hashed = [f"asv{number}" for number in range(len(asvs))]
    write_table_qza(folder / "table.qza", counts, table.sample_ids, hashed)
    fasta = "".join(f">{name}\n{asv}\n" for name, asv in zip(hashed, asvs, strict=True))
    write_qza(folder / "rep-seqs.qza", "FeatureData[Sequence]", fasta.encode())
    for part in range(3):
        rows = np.arange(part, len(counts), 3)
        ids = [table.sample_ids[row] for row in rows]
        write_biom(folder / f"study-{part + 1}.biom", counts[rows], ids, asvs)
    columns = read_columns(study / "metadata.tsv")
    gradient = columns["gradient"].astype(float)
    for name in ("age", "ph", "hours_since_death"):
        columns[name] = np.array([f"{1 + 10 * value:.3f}" for value in gradient])
    for name in ("host_subject_id", "site", "body"):
        columns[name] = columns["subject"]
    columns["body_site"] = columns["group"]
    columns["diagnosis"] = np.where(gradient > np.median(gradient), "case", "control")
    columns["sex"] = np.where(np.arange(len(gradient)) % 2, "female", "male")
    study_of = {name: f"study-{row % 3 + 1}" for row, name in enumerate(table.sample_ids)}
    first = next(iter(columns.values()))
    columns["study"] = np.array([study_of[name] for name in first])
    lines = ["\t".join(row) for row in zip(*columns.values(), strict=True)]
    (folder / "metadata.tsv").write_text("\n".join(["\t".join(columns), *lines]) + "\n")
    return folder


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_ready_configuration_runs(
    path: Path, toy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(toy)
    words = [*command_of(path), *CHANGES.get(path.stem, BLEND), "--no-report"]
    code = exit_code(words)
    assert code == 0, capsys.readouterr().err
    output = re.search(r"^output_dir: (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert output is not None
    assert (toy / output[1] / "finished.json").exists()


def test_page_lists_every_configuration() -> None:
    page = (ROOT / "configs" / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\(([^/)]+\.yaml)\)", page)) == {path.name for path in CONFIGS}
