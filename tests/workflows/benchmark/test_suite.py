from __future__ import annotations

from pathlib import Path

import pytest

from aam.config.commands.benchmark import BenchmarkOptions
from aam.errors import AamError
from aam.workflows.benchmark.suite import Suite, read_suite

TASK = "    table: t.biom\n    metadata: m.tsv\n    metadata_column: age\n"


def read(folder: Path, text: str, **options: object) -> Suite:
    """The suite of this text, whose study is in a folder of its own."""
    data = folder / "studies"
    data.mkdir(exist_ok=True)
    for name in ("t.biom", "m.tsv"):
        (data / name).touch()
    (folder / "suite.yaml").write_text(text)
    given = {"suite": folder / "suite.yaml", "output_dir": folder / "out", "data": data, **options}
    return read_suite(BenchmarkOptions(**given))


def test_tasks_are_typed(tmp_path: Path) -> None:
    text = f"repeats: 2\ntasks:\n  old:\n{TASK}    classifier: yes\n    numeric_columns: ['a, b', c]\n  b.2:\n{TASK}"
    suite = read(tmp_path, text)
    assert (suite.repeats, suite.folds, list(suite.tasks)) == (2, 5, ["old", "b.2"])
    task = suite.tasks["old"]
    assert (task.table, task.tree, task.classifier) == (tmp_path / "studies/t.biom", None, True)
    assert task.numeric_columns == ("a, b", "c")
    assert not task.is_control


def test_options_change_the_suite(tmp_path: Path) -> None:
    suite = read(tmp_path, f"folds: 3\ntasks:\n  a:\n{TASK}  b:\n{TASK}    shuffle: 1\n", tasks=("b",), folds=7)
    assert (suite.folds, suite.repeats, list(suite.tasks)) == (7, 3, ["b"])
    assert suite.tasks["b"].is_control


def test_paths_start_at_the_suite(tmp_path: Path) -> None:
    text = f"tasks:\n  a:\n{TASK}".replace("t.biom", "studies/t.biom").replace("m.tsv", "studies/m.tsv")
    assert read(tmp_path, text, data=None).tasks["a"].table == tmp_path / "studies/t.biom"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("folds: 5\n", "suite.yaml: has no tasks; a suite holds `tasks:`"),
        ("- a\n", "suite.yaml: holds no options; a suite holds"),
        ("tasks: [a]\n", "suite.yaml: has no tasks"),
        ("tasks:\n  a: b\n", "suite.yaml: task 'a': expected `name: value` lines"),
        ("tasks:\n  a/b:\n" + TASK, "suite.yaml: task 'a/b': a name has letters"),
        ("tasks:\n  a:\n" + TASK + "    wher: x\n", "suite.yaml: task 'a': unknown key wher; did you mean where?"),
        ("tasks:\n  a:\n    table: t.biom\n", "suite.yaml: task 'a': metadata, metadata_column are required"),
        ("tasks:\n  a:\n" + TASK + "    shuffle: -1\n", "suite.yaml: task 'a': shuffle must be at least 0, got -1"),
        ("tasks:\n  a:\n" + TASK + "    shuffle: x\n", "suite.yaml: task 'a': shuffle must be a whole number"),
        ("tasks:\n  a:\n" + TASK + "    tree: no.nwk\n", "suite.yaml: task 'a': tree: no such file"),
        (f"tasks:\n  a:\n{TASK}    shuffle: 1\n    control: false\n", "task 'a': a shuffled target is a control"),
        (f"tasks:\n  a:\n{TASK}  a:\n{TASK}", "suite.yaml: line 6: key 'a' repeated"),
        (f"fold: 5\ntasks:\n  a:\n{TASK}", "suite.yaml: unknown key fold; did you mean folds?"),
        (f"tasks:\n  a:\n{TASK}    earlier-samples: 2\n", "earlier-samples is an option of aam train, not of a"),
        (f"tasks:\n  a:\n{TASK}    study_effect: centre\n", "study_effect is an option of aam train, not of a"),
        (f"tasks:\n  a:\n{TASK}    exposure_column: days\n", "exposure_column is an option of aam train, not of a"),
        (f"tasks:\n  a:\n{TASK}    ordered: [a]\n", "task 'a': --ordered needs two levels or more"),
        (f"folds: 1\ntasks:\n  a:\n{TASK}", "suite.yaml: folds must be at least 2, got 1"),
        (f"tasks:\n  a:\n{TASK}    where: {{a: [b]}}\n", "suite.yaml: line 6: values are nested too deeply"),
    ],
)
def test_wrong_suites_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(AamError) as caught:
        read(tmp_path, text)
    assert message in str(caught.value)


def test_every_problem_is_told(tmp_path: Path) -> None:
    with pytest.raises(AamError) as caught:
        read(tmp_path, f"tasks:\n  a:\n{TASK}    x: 1\n  b:\n{TASK}    y: 1\n")
    assert [problem.split(";")[0] for problem in caught.value.problems] == [
        "suite.yaml: task 'a': unknown key x",
        "suite.yaml: task 'b': unknown key y",
    ]


def test_unknown_tasks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AamError, match="the suite has no task 'old2'; did you mean old1"):
        read(tmp_path, f"tasks:\n  old1:\n{TASK}", tasks=("old2",))
