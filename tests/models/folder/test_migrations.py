"""Folders of older formats: what becomes of their descriptions and of their tensors' names."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file
from safetensors.torch import load, save

from aam.errors import CheckpointError
from aam.learners.predictor import load_predictor
from aam.models.folder.container import checksum
from aam.models.folder.description import ModelDescription
from aam.models.folder.manifest import Manifest
from aam.models.folder.migrations import FORMAT, MIGRATIONS, OLDEST, is_newer, to_present
from aam.models.folder.paths import CONFIG, WEIGHTS
from aam.models.folder.weights import load_models
from aam.version import __version__

STORED = Path(__file__).parents[2] / "reference" / "format3"
FOLDERS = ("encoder", "regressor", "quantiles", "classifier", "ensemble")


def content_of(name: str) -> dict[str, Any]:
    content = json.loads((STORED / name / CONFIG).read_text())
    del content["sha256"]
    return content


def test_there_is_a_way_from_every_format() -> None:
    assert list(MIGRATIONS) == list(range(OLDEST, FORMAT))


@pytest.mark.parametrize("name", FOLDERS)
def test_a_stored_folder_comes_to_the_present(name: str) -> None:
    old = content_of(name)
    before = copy.deepcopy(old)
    content, rename = to_present(old)
    assert old == before
    assert content["format"] == FORMAT
    assert [member["kind"] for member in content["members"]] == ["network"] * old["members"]
    description = ModelDescription.from_dict(content)
    plan = old["predictor"]
    if plan is None:
        assert description.targets is None
    else:
        assert description.predictor is not None
        assert description.predictor.targets.to_dict() == plan["targets"]
        assert description.predictor.loss.loss_type == plan["loss"]["loss_type"]
        assert description.manifest.quantiles == description.predictor.loss.all_quantiles
        assert description.needed_columns == tuple(
            dict.fromkeys([*description.predictor.covariates.columns, *plan["targets"]["normalize_by"]])
        )
    assert (description.data, description.record) == (old["data"], old["record"])
    names = map(rename, load_file(STORED / name / WEIGHTS))
    assert {tensor.partition(".")[0] for tensor in names} == {str(member) for member in range(old["members"])}


@pytest.mark.parametrize("name", FOLDERS)
def test_a_stored_folder_is_read(name: str) -> None:
    models, description = load_models(STORED / name)
    assert len(models) == description.members == content_of(name)["members"]


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("members", 0),
        ("members", 10**9),
        ("members", True),
        ("members", "1"),
        ("predictor", []),
        ("predictor", {}),
        ("predictor.head", None),
        ("predictor.loss", "mse"),
        ("model", ...),
        ("record", ...),
        ("intervals", ...),
    ],
)
def test_what_is_no_description_is_refused(part: str, value: Any) -> None:
    """Whatever else is wrong with it is found when the present format is read."""
    content = content_of("regressor")
    *parents, last = part.split(".")
    inner = content[parents[0]] if parents else content
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    with pytest.raises(ValueError, match=r"lacking|is no|out of range"):
        to_present(content)


STORED_4 = STORED.with_name("format4")


@pytest.mark.parametrize("name", ["regressor", "forest", "weighted"])
def test_a_weight_becomes_one_for_all_targets(name: str) -> None:
    old = json.loads((STORED_4 / name / CONFIG).read_text())
    before = copy.deepcopy(old)
    content, rename = to_present(old)
    assert old == before
    assert (content["format"], content["reference"]) == (FORMAT, None)
    assert content["weights"] == ([[0.25], [0.75]] if name == "weighted" else [])
    assert content["members"] == old["members"]
    names = list(load_file(STORED_4 / name / WEIGHTS))
    assert list(map(rename, names)) == names
    assert Manifest.from_dict(content).weights == (((0.25,), (0.75,)) if name == "weighted" else ())


@pytest.mark.parametrize("weights", [None, {}, "1", ...])
def test_weights_that_are_no_list_are_refused(weights: Any) -> None:
    old = json.loads((STORED_4 / "weighted" / CONFIG).read_text())
    if weights is ...:
        del old["weights"]
    else:
        old["weights"] = weights
    with pytest.raises(ValueError, match="'weights' is no list"):
        to_present(old)


@pytest.mark.parametrize(
    ("version", "is_later"),
    [("99.0.0", True), (__version__, False), ("0.1.0", False), ("99.0.0rc1", True), ("", False), ("new", False)],
)
def test_a_later_version_is_known_by_its_numbers(version: str, is_later: bool) -> None:
    assert is_newer(version) == is_later


@pytest.mark.parametrize(
    ("version", "remedy"),
    [("99.1.0", f"made by aam 99.1.0, this is aam {__version__}: update it"), ("0.1.0", "use another copy")],
)
def test_a_kind_of_later_versions_is_refused_by_name(version: str, remedy: str, tmp_path: Path) -> None:
    """The checksum is right: nothing is damaged."""
    stored = STORED.with_name("format6") / "first"
    content = json.loads((stored / CONFIG).read_text()) | {"aam": version}
    del content["sha256"]
    content["members"][0]["kind"] = "quantum"
    tensors = load((stored / WEIGHTS).read_bytes())
    header = {"aam": json.dumps({"sha256": checksum(tensors, content), **content})}
    (tmp_path / WEIGHTS).write_bytes(save(tensors, metadata=header))
    with pytest.raises(CheckpointError) as caught:
        load_predictor(tmp_path)
    assert "unknown learner 'quantum'" in str(caught.value)
    assert str(caught.value).endswith(f"; {remedy}")


def test_of_older_models_nothing_is_known() -> None:
    old = json.loads((STORED.with_name("format5") / "blend" / CONFIG).read_text())
    before = copy.deepcopy(old)
    content, rename = to_present(old)
    assert old == before
    assert content == {**old, "format": FORMAT, "familiarity": None}
    assert rename("reference.tokens") == "reference.tokens"
