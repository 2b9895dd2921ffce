"""`aam predict` and `aam check --model` of tables that are not what a model was made for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import aam
from aam.cli.main import main
from aam.data.readers.strand import reverse_complement
from aam.errors import InputError
from aam.estimators import AAMRegressor
from aam.evaluation.prediction_table import read_columns
from aam.learners.novelty.judgement import NOT_SAID
from aam.models.folder.container import read_model_folder, write_model_folder
from aam.workflows.trained.loading import load_model
from tests.data.study_files import write_table
from tests.program import SMALL

SAMPLES, LENGTH = 40, 120
IDS = [f"s{number:02d}" for number in range(SAMPLES)]


def relatives(number: int, seed: int, changed: int) -> list[str]:
    """Sequences that differ from one of four ancestors at some bases, but not at their start."""
    ancestors, rng = np.random.default_rng(0).choice(list("ACGT"), (4, LENGTH)), np.random.default_rng(seed)
    found: dict[str, None] = {}
    while len(found) < number:
        bases = ancestors[rng.integers(4)].copy()
        bases[rng.integers(30, LENGTH, size=changed)] = rng.choice(list("ACGT"), changed)
        found["".join(bases)] = None
    return list(found)


ASVS = relatives(30, seed=1, changed=6)
COUNTS = np.random.default_rng(2).integers(20, 60, (SAMPLES, len(ASVS)))
RANDOM = ["".join(row) for row in np.random.default_rng(3).choice(list("ACGT"), (len(ASVS), LENGTH))]
OTHERS = relatives(30, seed=4, changed=30)


def table(folder: Path, sequences: Sequence[str] = ASVS, counts: np.ndarray = COUNTS) -> Path:
    write_table(folder / "t.tsv", counts, IDS[: len(counts)], list(sequences))
    return folder / "t.tsv"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A blend, a network, and the forest beside it."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "m.tsv").write_text("sample-id\tage\n" + "".join(f"{name}\t{row}\n" for row, name in enumerate(IDS)))
    words = ["train", "--table", str(table(folder)), "--metadata", str(folder / "m.tsv"), "--metadata-column", "age"]
    words += ["--no-report"]
    assert main([*words, "--output-dir", str(folder / "blend"), "--learners", "jaccard,clades-linear"]) == 0
    network = [word for pair in {**SMALL, "--epochs": "1"}.items() for word in pair]
    network += ["--learners", "network", "--output-dir", str(folder / "network")]
    assert main([*words, *network]) == 0
    return folder


def predict(model: Path, path: Path, *words: str) -> int:
    output = str(path.parent / "p.tsv")
    return main(["predict", "--model", str(model), "--table", str(path), "--output", output, "--overwrite", *words])


MODELS = ["blend", "network", "network/baseline"]


@pytest.mark.parametrize("model", MODELS)
def test_samples_of_training_are_familiar(
    runs: Path, tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = table(tmp_path)
    assert predict(runs / model, path) == 0
    said = capsys.readouterr().out
    assert "note:" not in said
    found = read_columns(tmp_path / "p.tsv")
    assert set(found["familiar_reads"]) == {"1"}
    new = found["novelty"].astype(float) > 1
    assert new.sum() <= 2
    assert (found["warning"][~new] == "").all()
    expected = f"unlike the training samples: {new.sum()} of 40 samples ("
    assert expected in said
    assert main(["check", "--model", str(runs / model), "--table", str(path)]) == 0
    said = capsys.readouterr().out
    assert expected in said
    assert "No problem found." in said


FOREIGN = {
    "other strand": ([reverse_complement(one) for one in ASVS], "lie on the other strand", "complement auto"),
    "other habitat's strand": (
        [reverse_complement(one) for one in OTHERS],
        "other strand",
        "--reverse-complement auto",
    ),
    "longer": ([one + "ACGTTGCA" for one in ASVS], "have 128 bases, those of training 120", "--trim-length 120"),
    "shorter": ([one[:100] for one in ASVS], "have 100 bases, those of training 120", "--trim-length 100"),
    "later": ([one[7:] for one in ASVS], "begin 7 bases after those of training", "cut primers"),
    "earlier": (["TTGCACA" + one for one in ASVS], "begin 7 bases before those of training", "cut primers"),
    "random": (RANDOM, "resemble none of training", "take a model of the same region"),
}


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("model", MODELS)
def test_foreign_sequences_are_refused(
    runs: Path, tmp_path: Path, model: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sequences, problem, remedy = FOREIGN[name]
    path = table(tmp_path, sequences)
    assert predict(runs / model, path) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: t.tsv: its sequences ")
    assert problem in line
    assert "(0.0% of its reads are known)" in line
    assert remedy in line
    assert "--allow-unfamiliar" in line
    assert not (tmp_path / "p.tsv").exists()
    assert main(["check", "--model", str(runs / model), "--table", str(path)]) == 2
    assert capsys.readouterr().err.splitlines() == [line]


@pytest.mark.parametrize(
    ("name", "warning"),
    [("other strand", "other strand"), ("longer", "other length"), ("random", "unknown sequences")],
)
def test_foreign_sequences_are_predicted_all_the_same(
    runs: Path, tmp_path: Path, name: str, warning: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict(runs / "blend", table(tmp_path, FOREIGN[name][0]), "--allow-unfamiliar") == 0
    said = capsys.readouterr().out
    assert "note: its sequences " in said
    assert (
        f"note: unlike the training samples: 40 of 40 samples (100%; 5% expected of samples like them): 40 {warning};"
        in said
    )
    found = read_columns(tmp_path / "p.tsv")
    assert set(found["warning"]) == {warning}
    assert set(found["familiar_reads"]) == {"0"}
    assert (found["novelty"].astype(float) > 2).all()


@pytest.mark.parametrize("model", MODELS)
def test_another_habitat_is_warned_of(
    runs: Path, tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same region, and ASVs that nobody has seen; then known ASVs as no training sample has them."""
    assert predict(runs / model, table(tmp_path, OTHERS)) == 0
    assert "note: unlike the training samples: 40 of 40 samples" in capsys.readouterr().out
    assert set(read_columns(tmp_path / "p.tsv")["warning"]) == {"unknown sequences"}
    counts = np.ones_like(COUNTS)
    counts[:, 3] = 1_000
    assert predict(runs / model, table(tmp_path, counts=counts)) == 0
    assert "40 unlike training samples" in capsys.readouterr().out
    found = read_columns(tmp_path / "p.tsv")
    assert set(found["warning"]) == {"unlike training samples"}
    assert set(found["familiar_reads"]) == {"1"}


def test_one_strange_sample_of_many(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    counts = np.concatenate([COUNTS, np.zeros((SAMPLES, 1), dtype=int)], axis=1)
    counts[5, :-1], counts[5, -1] = 0, 900
    counts[6] //= 20
    assert predict(runs / "blend", table(tmp_path, [*ASVS, RANDOM[0]], counts)) == 0
    said = capsys.readouterr().out
    assert "1 unknown sequences; neither" in said
    assert "shallow: less than half of" in said
    assert "in 1 sample (first: s06)" in said
    warnings = read_columns(tmp_path / "p.tsv")["warning"]
    assert list(warnings[[5, 6]]) == ["unknown sequences", "shallow"]
    assert main(["check", "--model", str(runs / "blend"), "--table", str(tmp_path / "t.tsv")]) == 0
    said = capsys.readouterr().out
    assert "No problem found" not in said
    assert [line.split()[0] for line in said.splitlines() if "unknown sequences" in line] == ["s05", "note:"]


@pytest.mark.parametrize("model", MODELS)
def test_a_model_that_does_not_say(runs: Path, tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As models of formats before 6 are read."""
    folder = runs / model if model.endswith("baseline") else runs / model / "model"
    _, manifest, states, shared = read_model_folder(folder)
    shared = {name: tensor for name, tensor in shared.items() if not name.startswith("familiarity.")}
    write_model_folder(tmp_path / "old", replace(manifest, familiarity=None), list(states), shared)
    assert predict(tmp_path / "old", table(tmp_path)) == 0
    assert f"note: {NOT_SAID}" in capsys.readouterr().out
    found = read_columns(tmp_path / "p.tsv")
    assert set(found["warning"]) == {"novelty unknown"}
    assert set(found["novelty"]) == {""}
    assert set(found["familiar_reads"]) == {"1" if model == "blend" else ""}
    with_reads = model == "blend"
    assert predict(tmp_path / "old", table(tmp_path, FOREIGN["other strand"][0])) == (2 if with_reads else 0)


def test_python_warns_in_the_same_words(runs: Path, tmp_path: Path) -> None:
    study = aam.load_study(table=table(tmp_path, OTHERS))
    for model in (runs / "blend", runs / "network"):
        with pytest.warns(UserWarning, match="unlike the training samples: 40 of 40 samples"):
            assert len(load_model(model).predict(study)["age"]) == SAMPLES
    estimator = AAMRegressor.load(runs / "blend")
    with pytest.warns(UserWarning, match="unlike the training samples: 40 of 40 samples"):
        assert estimator.predict(study).shape == (SAMPLES,)
    turned = aam.load_study(table=table(tmp_path, FOREIGN["other strand"][0]))
    with (
        pytest.warns(UserWarning, match="lie on the other strand .*; add reverse_complement auto$"),
        pytest.warns(UserWarning, match="unlike the training samples"),
    ):
        estimator.predict(turned)
    with pytest.raises(InputError, match="or allow_unfamiliar to predict all the same"):
        aam.predict(model=runs / "blend", table=table(tmp_path, FOREIGN["other strand"][0]))
    novelty = load_model(runs / "blend").novelty(turned)
    assert set(novelty.warning_N) == {"other strand"}


def test_what_is_known_survives_saving(runs: Path, tmp_path: Path) -> None:
    for name in ("blend", "network"):
        model = load_model(runs / name)
        model.save(tmp_path / name)
        before, after = model.familiarity, load_model(tmp_path / name).familiarity
        assert before is not None
        assert after is not None
        assert after.limits == before.limits
        assert (after.roots == before.roots).all()


def test_a_check_of_a_model_takes_no_training_options(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["check", "--model", str(runs / "blend"), "--table", str(runs / "t.tsv"), "--metadata-column", "age"]
    assert main(words) == 2
    assert "--metadata-column is for training: --model checks a table to be predicted" in capsys.readouterr().err
