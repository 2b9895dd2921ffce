from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import biom
import h5py
import numpy as np
import pytest
from scipy.stats import spearmanr
from skbio import TreeNode
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupKFold, cross_val_predict

from aam.config.commands.simulate import SimulateOptions
from aam.errors import ConfigError, InputError
from aam.simulation.study import Blocks, Simulation, expected_bytes, simulate_study


def small(folder: Path, **changes: int | float | bool) -> SimulateOptions:
    sizes = {"samples": 30, "asvs": 60, "sequence_length": 40, "asvs_per_sample": 15.0, "reads": 500}
    return SimulateOptions(output_dir=folder, **{**sizes, **changes})


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def column(path: Path, name: str) -> np.ndarray:
    return np.array([row[name] for row in rows(path)])


def clade_logs(simulation: Simulation) -> tuple[np.ndarray, list[str]]:
    """Log relative abundance of each clade in each sample, and the clades."""
    table = biom.load_table(str(simulation.table))
    counts = table.matrix_data.toarray().T
    clades, clade = np.unique(column(simulation.truth, "clade"), return_inverse=True)
    share = counts @ np.eye(len(clades))[clade] / counts.sum(axis=1, keepdims=True)
    return np.log(share + 1e-4), clades.tolist()


def contents(simulation: Simulation) -> dict[str, bytes]:
    """Text files as they are, and the arrays of the table."""
    found = {path.name: path.read_bytes() for path in (simulation.tree, simulation.metadata, simulation.truth)}

    def note(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = repr(item[:].tolist()).encode()

    with h5py.File(simulation.table) as file:
        file.visititems(note)
        attributes = {key: np.asarray(value).tolist() for key, value in file.attrs.items()}
    found["attributes"] = repr(attributes).encode()
    return found


@pytest.fixture(scope="module")
def default_study(tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    return simulate_study(SimulateOptions(output_dir=tmp_path_factory.mktemp("study") / "out"))


def test_the_files_belong_together(default_study: Simulation) -> None:
    table = biom.load_table(str(default_study.table))
    asvs = list(table.ids("observation"))
    assert len(set(asvs)) == len(asvs) == 500
    assert {tip.name for tip in TreeNode.read(str(default_study.tree)).tips()} == set(asvs)
    assert column(default_study.truth, "feature-id").tolist() == asvs
    assert column(default_study.metadata, "sample-id").tolist() == list(table.ids())
    assert table.shape == (500, 200)
    with h5py.File(default_study.table) as file:
        assert biom.Table.from_hdf5(file, axis="sample") == biom.Table.from_hdf5(file, axis="observation")
    counts = table.matrix_data
    assert (counts.data > 0).all()
    assert (counts.data % 1 == 0).all()
    assert default_study.asvs_per_sample == pytest.approx(counts.nnz / 200)
    assert default_study.reads_per_sample == pytest.approx(counts.sum() / 200)
    assert default_study.asvs_without_reads == (counts.sum(axis=1) == 0).sum()


def test_the_sample_sheet(default_study: Simulation) -> None:
    sheet = rows(default_study.metadata)
    assert list(sheet[0]) == ["sample-id", "gradient", "gradient_true", "group", "subject", "batch"]
    for row in sheet:
        expected = min(max(int(float(row["gradient"]) * 3), 0), 2) + 1
        assert row["group"] == f"group_{expected}"
    assert min(np.unique(column(default_study.metadata, "group"), return_counts=True)[1]) > 30
    assert set(np.unique(column(default_study.metadata, "subject"), return_counts=True)[1]) == {4}
    assert set(column(default_study.metadata, "batch")) == {"batch_1"}


def test_the_truth(default_study: Simulation) -> None:
    truth = rows(default_study.truth)
    informative = [row for row in truth if row["informative"] == "yes"]
    assert len(informative) == default_study.informative_asvs == pytest.approx(150, abs=5)
    assert all(0 < float(row["optimum"]) < 1 and float(row["width"]) > 0 for row in informative)
    assert all(row["optimum"] == row["width"] == "" for row in truth if row["informative"] == "no")
    clades = {row["clade"] for row in informative}
    assert not clades & {row["clade"] for row in truth if row["informative"] == "no"}
    assert sum(float(row["base_abundance"]) for row in truth) == pytest.approx(1, abs=1e-4)


def test_the_signal_is_there(default_study: Simulation) -> None:
    logs, clades = clade_logs(default_study)
    gradient = column(default_study.metadata, "gradient").astype(float)
    subject = column(default_study.metadata, "subject")
    informative = {row["clade"] for row in rows(default_study.truth) if row["informative"] == "yes"}
    followed = np.array([clade in informative for clade in clades]) & (np.ptp(logs, axis=0) > 0)
    rho = np.array([abs(spearmanr(values, gradient)[0]) if np.ptp(values) else 0.0 for values in logs.T])
    assert np.sort(rho[followed])[-3:].min() > 0.55
    assert rho[~followed].max() < 0.35
    for model in (RidgeCV(np.logspace(-1, 4, 10)), RandomForestRegressor(60, max_features=0.33, random_state=0)):
        predicted = cross_val_predict(model, logs, gradient, groups=subject, cv=GroupKFold(4))
        assert r2_score(gradient, predicted) > 0.5


def test_without_effect_there_is_no_signal(tmp_path: Path) -> None:
    simulation = simulate_study(SimulateOptions(output_dir=tmp_path, effect=0.0))
    logs, _ = clade_logs(simulation)
    gradient = column(simulation.metadata, "gradient").astype(float)
    subject = column(simulation.metadata, "subject")
    predicted = cross_val_predict(RidgeCV(np.logspace(-1, 4, 10)), logs, gradient, groups=subject, cv=GroupKFold(4))
    assert r2_score(gradient, predicted) < 0.1


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = (simulate_study(small(tmp_path / name, batches=2)) for name in "ab")
    assert first.table.read_bytes() == second.table.read_bytes()
    assert contents(first) == contents(second)
    other = simulate_study(small(tmp_path / "c", batches=2, seed=1))
    assert all(other_bytes != contents(first)[name] for name, other_bytes in contents(other).items() if ".t" in name)


@pytest.mark.parametrize("blocks", [Blocks(1, 1), Blocks(7, 50), Blocks(1_000)])
def test_blocks_do_not_change_the_study(tmp_path: Path, blocks: Blocks) -> None:
    whole = simulate_study(small(tmp_path / "whole"))
    assert contents(simulate_study(small(tmp_path / "blocks"), blocks=blocks)) == contents(whole)


def test_a_larger_study_begins_with_the_smaller_one(tmp_path: Path) -> None:
    few = simulate_study(small(tmp_path / "few", samples=10))
    many = simulate_study(small(tmp_path / "many", samples=25))
    assert rows(many.metadata)[:10] == rows(few.metadata)
    first = biom.load_table(str(many.table)).matrix_data.toarray()[:, :10]
    np.testing.assert_array_equal(first, biom.load_table(str(few.table)).matrix_data.toarray())


def test_progress_is_told_in_order(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    simulate_study(small(tmp_path), lambda *stage: told.append(stage), Blocks(samples=10))
    assert [stage for stage in told if stage[0] == "samples"] == [("samples", n, 30) for n in (10, 20, 30)]
    assert told[1] == ("tree and sequences", 1, 1)
    assert told[-1][1] == told[-1][2]


def test_the_readme_repeats_the_study(tmp_path: Path) -> None:
    simulate_study(small(tmp_path, seed=7, effect=1.5))
    text = (tmp_path / "README.txt").read_text()
    assert "--seed 7" in text
    assert "--effect 1.5" in text
    assert "--overwrite" not in text


def test_what_cannot_be_had_is_said(tmp_path: Path) -> None:
    simulation = simulate_study(small(tmp_path, asvs_per_sample=50.0, reads=20))
    assert any("ASVs on average and not 50" in note for note in simulation.notes)


def test_content_is_refused_and_replaced_on_demand(tmp_path: Path) -> None:
    simulate_study(small(tmp_path))
    with pytest.raises(InputError, match="not empty"):
        simulate_study(small(tmp_path))
    assert simulate_study(small(tmp_path, overwrite=True, samples=5)).samples == 5
    assert len(rows(tmp_path / "metadata.tsv")) == 5


def test_smallest_study(tmp_path: Path) -> None:
    smallest = {"samples": 2, "asvs": 8, "asvs_per_sample": 2.0, "reads": 10, "sequence_length": 20}
    assert simulate_study(small(tmp_path, samples_per_subject=1, **smallest)).informative_asvs >= 1


def test_more_asvs_in_a_sample_than_in_the_study_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--asvs-per-sample 61 is more than --asvs 60"):
        small(tmp_path, asvs_per_sample=61.0)


def test_expected_size_is_near_the_real_one(tmp_path: Path) -> None:
    options = small(tmp_path, samples=3_000, asvs=200, asvs_per_sample=50.0, reads=5_000)
    simulate_study(options)
    real = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert real < expected_bytes(options) < 4 * real


def test_memory_does_not_grow_with_the_samples(tmp_path: Path) -> None:
    code = """
import resource, sys
from pathlib import Path
from aam.config.commands.simulate import SimulateOptions
from aam.simulation.study import Blocks, simulate_study
options = SimulateOptions(output_dir=Path(sys.argv[1]), samples=int(sys.argv[2]), asvs=50, asvs_per_sample=20.0)
simulate_study(options, blocks=Blocks(samples=500, entries=10_000))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "torch" in sys.modules)
"""
    peak = {}
    for samples in (1_000, 12_000):
        command = [sys.executable, "-c", code, str(tmp_path / str(samples)), str(samples)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peak[samples], with_torch = done.stdout.split()
        assert with_torch == "False"
    assert float(peak[12_000]) < float(peak[1_000]) + 25
