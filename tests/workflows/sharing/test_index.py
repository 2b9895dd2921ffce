"""The index of models: what goes in, what a name stands for, and what stays whole."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import aam
from aam.cli.main import main
from aam.errors import CheckpointError, InputError
from aam.estimators import AAMClassifier, AAMEncoder, AAMRegressor
from aam.files.model_index import index_folder, new_entry
from aam.runs.sample_lists import run_of
from tests.program import run_command
from tests.workflows.sharing.server import names


def test_a_name_stands_for_the_folder(regressor: Path, frame: pd.DataFrame, tmp_path: Path) -> None:
    aam.add_model(regressor, "age")
    frame.T.to_csv(tmp_path / "t.tsv", sep="\t", index_label="#OTU ID")
    by_name = aam.predict(model="age", table=tmp_path / "t.tsv")["y"].predicted
    by_path = aam.predict(model=regressor, table=tmp_path / "t.tsv")["y"].predicted
    np.testing.assert_array_equal(by_name, by_path)
    loaded = AAMRegressor.from_pretrained("age").predict(frame)
    np.testing.assert_allclose(loaded, by_path, rtol=1e-6)
    np.testing.assert_array_equal(aam.load_model("age").manifest.targets.columns, ["y"])  # type: ignore[union-attr]


def test_a_path_goes_before_a_name(regressor: Path, classifier: Path, tmp_path: Path, frame: pd.DataFrame) -> None:
    aam.add_model(classifier, "both")
    shutil.copytree(regressor, tmp_path / "both")
    assert len(AAMRegressor.from_pretrained("both").predict(frame)) == len(frame)
    shutil.rmtree(tmp_path / "both")
    assert set(AAMClassifier.from_pretrained("both").predict(frame)) <= {"f", "m"}


def test_a_model_of_another_kind_is_refused_by_name(classifier: Path) -> None:
    aam.add_model(classifier, "sex")
    with pytest.raises(
        CheckpointError, match=r"^sex: a model of classification; AAMRegressor .*AAMClassifier loads it"
    ):
        AAMRegressor.from_pretrained("sex")
    with pytest.raises(CheckpointError, match=r"^sex: holds other learners than a network"):
        AAMEncoder.from_pretrained("sex")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("age2", "or a name that `aam models` lists"),
        ("lab/age", "if it is on a model hub: aam pull lab/age"),
        ("/nowhere/age", r"a folder with model.safetensors is needed\)"),
    ],
)
def test_what_leads_nowhere(name: str, message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        AAMRegressor.from_pretrained(name)


def test_the_list_has_what_the_cards_say(regressor: Path, classifier: Path, index: Path, tmp_path: Path) -> None:
    aam.add_model(regressor, "age", licence="CC-BY-4.0")
    aam.add_model(classifier)
    table = aam.list_models().to_frame()
    assert list(table["name"]) == ["age", "sex"]
    assert list(table["target"]) == ["y", "y"]
    assert list(table["kind"]) == ["regression", "classification"]
    assert list(table["licence"]) == ["CC-BY-4.0", ""]
    assert table["bytes"][0] == sum(path.stat().st_size for path in (index / "age" / "model").iterdir())
    assert table["source"][0] == str(regressor)
    assert main(["models", "--output", str(tmp_path / "m.tsv")]) == 0
    assert (tmp_path / "m.tsv").read_text().splitlines()[1].startswith("age\ty\tregression")


def test_a_run_tells_its_figures(study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {"table": study / "table.biom", "metadata": study / "metadata.tsv", "output_dir": tmp_path / "run"}
    words = ("--learners", "clr-radial", "--no-report", "--no-forest-baseline")
    assert run_command("train", *words, small=False, metadata_column="gradient", **files) == 0
    assert main(["models", "trained", "--add", str(tmp_path / "run"), "--region", "V4"]) == 0
    row = aam.list_models().to_frame().iloc[0]
    card = (tmp_path / "index" / "trained" / "model" / "README.md").read_text()
    assert row["samples"] == 60
    assert row["metric"] == "mae"
    assert f"{row['value']:.3f}" in card.split("## Results")[1]
    assert row["low"] < row["value"] < row["high"]
    capsys.readouterr()
    assert main(["models", "trained"]) == 0
    said = capsys.readouterr().out
    assert "as they were added" in said
    assert "- Region of 16S and primers: V4" in said
    assert "- Licence: not stated" in said
    assert main(["models"]) == 0
    assert "Mean absolute error" in capsys.readouterr().out
    _a_name_leads_to_its_run(study, tmp_path, capsys)


def _a_name_leads_to_its_run(study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Samples that the model learned from are not judged as new ones, as long as the run is where it was."""
    entry = index_folder() / "trained" / "model"
    assert run_of(entry) == tmp_path / "run"
    files = ["--table", str(study / "table.biom"), "--metadata", str(study / "metadata.tsv")]
    assert main(["evaluate", "trained", *files, "--no-robustness"]) == 2
    assert "the model learned from all 60 samples" in capsys.readouterr().err
    assert main(["predict", "--model", "trained", *files[:2], "--output", str(tmp_path / "p.tsv")]) == 0
    assert capsys.readouterr().out.endswith("  aam models trained\n")
    weights = tmp_path / "run" / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes() + b" ")
    assert run_of(entry) is None
    shutil.rmtree(tmp_path / "run")
    assert run_of(entry) is None


def test_only_the_files_of_a_model_are_copied(regressor: Path, index: Path, tmp_path: Path) -> None:
    shutil.copytree(regressor, tmp_path / "mine")
    (tmp_path / "mine" / "data.pkl").write_bytes(b"\x80\x04.")
    aam.add_model("mine")
    assert names(index / "mine" / "model") == ["README.md", "config.json", "model.safetensors"]


@pytest.mark.parametrize("damage", ["weights", "copy", "card", "link"])
def test_a_damaged_model_does_not_enter(damage: str, regressor: Path, index: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    shutil.copytree(regressor, mine)
    if damage == "weights":
        content = bytearray((mine / "model.safetensors").read_bytes())
        content[-1] ^= 1
        (mine / "model.safetensors").write_bytes(content)
    elif damage == "copy":
        description = json.loads((mine / "config.json").read_text())
        (mine / "config.json").write_text(json.dumps({**description, "record": {"r2": "0.99"}}))
    elif damage == "card":
        (mine / "README.md").write_text("---\na: &x [1]\nb: *x\n---\n# Model\n")
    else:
        (mine / "README.md").unlink()
        (mine / "README.md").symlink_to("/etc/hostname")
    with pytest.raises((CheckpointError, InputError), match=r"damaged|anchors|is a link"):
        aam.add_model(mine)
    assert not index.exists() or names(index) == []


def test_a_taken_name_needs_overwrite(regressor: Path, classifier: Path) -> None:
    aam.add_model(regressor, "mine")
    with pytest.raises(InputError, match="overwrite"):
        aam.add_model(classifier, "mine")
    assert aam.list_models()["kind"][0] == "regression"
    aam.add_model(classifier, "mine", overwrite=True)
    assert aam.list_models()["kind"][0] == "classification"
    aam.remove_model("mine")
    assert len(aam.list_models()["name"]) == 0
    with pytest.raises(InputError, match="no model of the index has this name"):
        aam.remove_model("mine")


@pytest.mark.parametrize("name", ["../up", "a/b", ".hidden", "small", "", "a b", "x" * 97])
def test_names_that_no_model_can_have(name: str, regressor: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no name of a model"):
        aam.add_model(regressor, name)
    assert not (tmp_path / "up").exists()


def stop_within(name: str) -> None:
    with new_entry(name, overwrite=True) as place:
        (place / "model").mkdir()
        raise KeyboardInterrupt


def test_what_is_interrupted_leaves_nothing(regressor: Path, classifier: Path, index: Path) -> None:
    aam.add_model(regressor, "mine")
    with pytest.raises(KeyboardInterrupt):
        stop_within("mine")
    assert names(index) == ["mine"]
    assert aam.list_models()["kind"][0] == "regression"
    (index / ".other.tmp-999999999").mkdir()  # of a process that was killed
    aam.add_model(classifier, "other")
    assert names(index) == ["mine", "other"]


def test_a_damaged_line_is_listed_with_its_problem(regressor: Path, index: Path) -> None:
    aam.add_model(regressor, "mine")
    (index / "mine" / "entry.json").write_text('{"source": 3}')
    table = aam.list_models()
    assert "entry.json: damaged" in table["problem"][0]
    assert main(["models"]) == 0


def test_changed_files_are_noticed(regressor: Path, index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    aam.add_model(regressor, "mine")
    with (index / "mine" / "model" / "README.md").open("a") as card:
        card.write("more\n")
    assert main(["models", "mine"]) == 0
    assert "changed since: README.md" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"AAM_MODELS": "/a/b", "XDG_DATA_HOME": "/c"}, "/a/b"),
        ({"AAM_MODELS": "", "XDG_DATA_HOME": "/c"}, "/c/aam/models"),
        ({"AAM_MODELS": "", "XDG_DATA_HOME": "relative", "HOME": "/h"}, "/h/.local/share/aam/models"),
    ],
)
def test_the_place_of_the_index(variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert index_folder() == Path(expected)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--remove"], "--remove needs the name"),
        (["a", "--output", "t.tsv"], "--output lists all models"),
        (["--overwrite"], "--overwrite needs --add or --output"),
        (["a", "--licence", "MIT"], "--licence is written into the card"),
        (["--add", "x", "--region", "a\nb"], "--region must be one line"),
    ],
)
def test_options_that_do_not_go_together(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", *words]) == 2
    assert message in capsys.readouterr().err
