from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from biom import load_table
from sklearn.metrics import r2_score, roc_auc_score

from aam.cli.main import main
from aam.config import BenchmarkConfig
from aam.config.commands.benchmark import BenchmarkOptions
from aam.errors import ConfigError, InputError
from aam.learners import members
from aam.learners.trees.forest import ForestSettings
from aam.workflows.benchmark import run
from aam.workflows.benchmark.run import run_benchmark

MEMBERS = ("forest", "jaccard", "clr-linear")
REPEATS, FOLDS = 2, 3
SUITE = f"""
folds: {FOLDS}
repeats: {REPEATS}
tasks:
  number:
    table: table.biom
    metadata: metadata.tsv
    metadata_column: gradient
    group_column: subject
    categorical_columns: batch
  shuffled:
    table: table.biom
    metadata: metadata.tsv
    metadata_column: group
    classifier: true
    group_column: subject
    shuffle: 3
"""
Row = dict[str, str]


@pytest.fixture(autouse=True, scope="module")
def _few_trees() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(members, "ForestSettings", partial(ForestSettings, n_estimators=20, n_jobs=1))
        yield


@pytest.fixture(scope="module")
def suite(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The suite, in a folder with its study, whose batches alternate."""
    folder = tmp_path_factory.mktemp("suite")
    shutil.copy(study / "table.biom", folder)
    header, *rows = [line.split("\t") for line in (study / "metadata.tsv").read_text().splitlines()]
    place = header.index("batch")
    for number, row in enumerate(rows):
        row[place] = f"b{number % 2}"
    (folder / "metadata.tsv").write_text("".join("\t".join(row) + "\n" for row in [header, *rows]))
    (folder / "suite.yaml").write_text(SUITE)
    return folder / "suite.yaml"


@pytest.fixture(scope="module")
def finished(suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of a finished benchmark."""
    folder = tmp_path_factory.mktemp("benchmark") / "out"
    run_benchmark(config(suite, folder))
    return folder


@pytest.fixture
def again(finished: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(finished, tmp_path / "out"))


def config(suite: Path, folder: Path, **options: object) -> BenchmarkConfig:
    return BenchmarkConfig(
        benchmark=BenchmarkOptions(**{"suite": suite, "output_dir": folder, "learners": MEMBERS, **options})
    )


def rows_of(folder: Path, task: str) -> dict[tuple[str, str], Row]:
    """Competitor and metric -> the row of the results."""
    with (folder / "results.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return {(row["competitor"], row["metric"]): row for row in rows if row["task"] == task}


def records_of(folder: Path, task: str) -> dict[int, list[dict[str, object]]]:
    """Repeat -> its folds."""
    found = [json.loads(path.read_text()) for path in sorted((folder / "folds" / task).iterdir())]
    return {repeat: [one for one in found if one["repeat"] == repeat] for repeat in range(1, REPEATS + 1)}


def together(folds: list[dict[str, object]], who: str) -> tuple[np.ndarray, np.ndarray]:
    """Truths and predictions of the folds of a repeat."""
    observed = np.concatenate([np.array(fold["observed"]) for fold in folds])
    return observed, np.concatenate([np.array(fold["learned"][who]) for fold in folds])


def forbid(*_: object) -> None:
    raise AssertionError("computed")


def test_all_competitors_are_judged(finished: Path) -> None:
    rows = rows_of(finished, "number")
    judged = {who for who, metric in rows if metric == "r2"}
    assert judged == {"guess", "blend", "metadata", *MEMBERS, *(f"blend without {name}" for name in MEMBERS)}
    assert sum(float(rows[name, "weight"]["value"]) for name in MEMBERS) == pytest.approx(1, abs=1e-4)
    assert float(rows["forest", "r2"]["value"]) > 0.2 > float(rows["guess", "r2"]["value"])
    assert float(rows["metadata", "r2"]["value"]) < 0.1
    assert float(rows["blend", "r2"]["low"]) < float(rows["blend", "r2"]["value"]) < float(rows["blend", "r2"]["high"])
    assert 0.5 < float(rows["blend", "coverage_90"]["value"]) <= 1
    assert float(rows["blend", "width_90"]["value"]) > 0
    assert float(rows["blend", "r2"]["seconds"]) > float(rows["forest", "r2"]["seconds"]) > 0
    assert float(rows["blend", "peak_bytes"]["value"]) > 1e7


def test_new_reads_are_those_of_new_asvs(suite: Path, finished: Path) -> None:
    """Counted in the table itself."""
    table = load_table(suite.parent / "table.biom")
    counts = dict(zip(table.ids(), table.matrix_data.toarray().T, strict=True))
    shares = []
    for folds in records_of(finished, "number").values():
        for fold in folds:
            rest = [values for name, values in counts.items() if name not in fold["sample_ids"]]
            is_new = np.sum(rest, axis=0) == 0
            shares += [counts[name][is_new].sum() / counts[name].sum() for name in fold["sample_ids"]]
    assert np.mean(shares) > 0
    assert float(rows_of(finished, "number")["blend", "new_reads"]["value"]) == pytest.approx(np.mean(shares), abs=1e-6)


def test_every_sample_is_tested_once_a_repeat(finished: Path) -> None:
    for folds in records_of(finished, "number").values():
        ids = [name for fold in folds for name in fold["sample_ids"]]
        assert len(ids) == len(set(ids)) == 60
        groups = [set(fold["groups"]) for fold in folds]
        assert sum(map(len, groups)) == len(set().union(*groups))


@pytest.mark.parametrize("who", ["forest", "blend", "blend without jaccard"])
def test_r2_is_the_mean_over_repeats(finished: Path, who: str) -> None:
    repeats = records_of(finished, "number").values()
    wanted = np.mean([r2_score(*together(folds, who)) for folds in repeats])
    forest = np.mean([r2_score(*together(folds, "forest")) for folds in repeats])
    row = rows_of(finished, "number")[who, "r2"]
    assert float(row["value"]) == pytest.approx(wanted, abs=1e-5)
    if who != "forest":
        assert float(row["difference"]) == pytest.approx(wanted - forest, abs=1e-5)
        assert float(row["difference_low"]) <= float(row["difference"]) <= float(row["difference_high"])


def test_auroc_is_the_mean_over_repeats(finished: Path) -> None:
    values = []
    for folds in records_of(finished, "shuffled").values():
        observed, shares = together(folds, "blend")
        values.append(roc_auc_score(observed, shares, multi_class="ovr"))
    row = rows_of(finished, "shuffled")["blend", "auroc"]
    assert float(row["value"]) == pytest.approx(np.mean(values), abs=1e-5)


def test_the_blend_weighs_its_members(finished: Path) -> None:
    for fold in records_of(finished, "number")[1]:
        found = sum(weight * np.array(fold["learned"][name]) for name, weight in fold["weights"].items())
        np.testing.assert_allclose(found, fold["learned"]["blend"])


def test_nothing_is_found_in_a_control(finished: Path) -> None:
    assert float(rows_of(finished, "shuffled")["blend", "auroc"]["low"]) < 0.5
    text = (finished / "results.md").read_text()
    assert "control: nothing found" in text
    assert "Controls (1): nothing was found, as it should be." in text
    assert "ahead of the forest on" in text


def test_results_can_be_read_and_seen(finished: Path) -> None:
    text = (finished / "results.md").read_text()
    assert "| linear ridge on log-ratios of ASVs |" in text
    assert "`gradient` of 60 samples in 15 groups (`subject`); 2 repeats of 3 folds." in text
    assert (finished / "results.png").read_bytes().startswith(b"\x89PNG")
    assert "of which 12 are to be computed" in (finished / "log.txt").read_text()


def test_a_stopped_benchmark_goes_on(
    suite: Path, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed, real = [], run.compute_fold

    def compute(task: object, fold: object, *rest: object) -> object:
        if len(computed) == 2:
            raise KeyboardInterrupt
        computed.append(fold)
        return real(task, fold, *rest)

    monkeypatch.setattr(run, "compute_fold", compute)
    options = config(suite, tmp_path / "out", tasks=("number",))
    with pytest.raises(KeyboardInterrupt):
        run_benchmark(options)
    computed.clear()
    monkeypatch.setattr(run, "compute_fold", lambda *given: computed.append(given[1]) or real(*given))
    run_benchmark(options)
    assert len(computed) == REPEATS * FOLDS - 2
    numbers = [rows_of(folder, "number")["blend", "r2"]["value"] for folder in (finished, tmp_path / "out")]
    assert numbers[0] == numbers[1]


def test_a_finished_one_computes_nothing(suite: Path, again: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (again / "results.tsv").read_bytes()
    monkeypatch.setattr(run, "compute_fold", forbid)
    monkeypatch.setattr(run, "open_task", forbid)
    run_benchmark(config(suite, again))
    assert (again / "results.tsv").read_bytes() == before
    assert len(run_benchmark(config(suite, again, repeats=1))) == 2


@pytest.mark.parametrize(
    ("options", "what"),
    [({"seed": 43}, "seed"), ({"folds": 2}, "folds"), ({"learners": ("forest", "jaccard")}, "learners")],
)
def test_other_settings_are_refused(suite: Path, again: Path, options: dict[str, object], what: str) -> None:
    with pytest.raises(ConfigError, match=rf"number/repeat1-fold1\.json was made with other {what}: choose another"):
        run_benchmark(config(suite, again, **options))


def test_other_inputs_are_refused(suite: Path, again: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(suite.parent, tmp_path / "other"))
    text = (other / "metadata.tsv").read_text()
    (other / "metadata.tsv").write_text(text.replace("\tb0", "\tb9"))
    with pytest.raises(ConfigError, match="made with other metadata"):
        run_benchmark(config(other / "suite.yaml", again))


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda fold: fold.pop("weights"), "'weights'"),
        (lambda fold: fold["learned"]["blend"].pop(), "predictions do not fit"),
        (lambda fold: fold["learned"]["blend"].__setitem__(0, [float("nan")]), "a prediction is not finite"),
        (lambda fold: fold.__setitem__("target", 3), "TargetSpec is not a JSON object"),
    ],
    ids=["lacking", "shorter", "nan", "target"],
)
def test_damaged_files_are_refused(suite: Path, again: Path, damage: object, problem: str) -> None:
    path = again / "folds/number/repeat1-fold1.json"
    fold = json.loads(path.read_text())
    damage(fold)
    path.write_text(json.dumps(fold))
    with pytest.raises(InputError, match=rf"repeat1-fold1\.json: is damaged \({problem}"):
        run_benchmark(config(suite, again))


@pytest.mark.parametrize(
    ("name", "problem"), [("kernels", "add forest"), ("network", "add forest"), ("auto,network", "leave")]
)
def test_learners_that_cannot_compete(suite: Path, tmp_path: Path, name: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        run_benchmark(config(suite, tmp_path / "out", learners=tuple(name.split(","))))
    assert not (tmp_path / "out").exists()


def test_unknown_learners_are_refused(suite: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--learners: unknown 'jacard'; choose from auto, "):
        config(suite, tmp_path, learners=("forest", "jacard"))


def test_the_command_ends_with_a_summary(suite: Path, again: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["benchmark", "--suite", str(suite), "--output-dir", str(again), "--tasks", "number"]
    assert not main([*words, "--learners", ",".join(MEMBERS)])
    said = capsys.readouterr().out
    assert "1 task, 6 folds, of which 0 are to be computed" in said
    assert "ahead of the forest on" in said


def test_a_file_is_no_output(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["benchmark", "--suite", str(suite), "--output-dir", str(suite)]) == 2
    assert "suite.yaml: is no folder" in capsys.readouterr().err


def test_levels_and_counts_are_judged_by_their_metrics(suite: Path, tmp_path: Path) -> None:
    rng, folder = np.random.default_rng(0), tmp_path / "kinds"
    shutil.copytree(suite.parent, folder)
    header, *rows = [line.split("\t") for line in (folder / "metadata.tsv").read_text().splitlines()]
    place = header.index("gradient")
    counted = [[*row, str(rng.poisson(20 * float(row[place])))] for row in rows]
    text = "".join("\t".join(row) + "\n" for row in [[*header, "episodes"], *counted])
    (folder / "metadata.tsv").write_text(text)
    of_study = "    table: table.biom\n    metadata: metadata.tsv\n    group_column: subject\n"
    level = f"  level:\n{of_study}    metadata_column: group\n    ordered: [group_1, group_2, group_3]\n"
    count = f"  count:\n{of_study}    metadata_column: episodes\n    count_target: true\n"
    (folder / "kinds.yaml").write_text(f"folds: 2\nrepeats: 1\ntasks:\n{level}{count}")
    options = BenchmarkOptions(suite=folder / "kinds.yaml", output_dir=tmp_path / "out", learners=("forest", "jaccard"))
    run_benchmark(BenchmarkConfig(benchmark=options))
    with (tmp_path / "out" / "results.tsv").open() as file:
        found = {(row["task"], row["metric"]): row for row in csv.DictReader(file, delimiter="\t")}
    assert {("level", "qwk"), ("level", "rank_mae"), ("count", "d2"), ("count", "poisson_deviance")} <= set(found)
    page = (tmp_path / "out" / "results.md").read_text()
    assert "| level | Quadratic weighted kappa |" in page
    assert "| count | D\u00b2 |" in page
