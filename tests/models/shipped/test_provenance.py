"""What is said of where the encoder of the package comes from is said of these very files."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import pytest

from aam.models.folder.paths import CARD, CONFIG, WEIGHTS
from aam.models.shipped import KNOWN, NAMES, folder_of
from benchmarks.encoder.provenance import COMMANDS, KEPT_OUT, LICENCES, PROVENANCE
from benchmarks.encoder.studies import POOL


@pytest.fixture(params=NAMES)
def said(request: pytest.FixtureRequest) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder_of(request.param) / PROVENANCE).read_text())
    assert content["name"] == request.param
    return content


def test_files_are_these(said: dict[str, Any]) -> None:
    folder = folder_of(said["name"])
    assert said["files"].keys() == {WEIGHTS, KNOWN}
    for name, file in said["files"].items():
        content = (folder / name).read_bytes()
        assert file == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def test_data_are_those_that_may_be_used(said: dict[str, Any]) -> None:
    names = [name for name in POOL if name not in KEPT_OUT]
    assert [source["study"] for source in said["data"]] == names
    for source in said["data"]:
        licence = POOL[source["study"]]
        assert source["licence"] == LICENCES.get(licence, licence)
        assert re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+", source["repository"])
        assert re.fullmatch(r"[0-9a-f]{7,40}", source["commit"])
        assert re.fullmatch(r"[0-9a-f]{64}", source["table_sha256"])


def test_the_card_says_the_same(said: dict[str, Any]) -> None:
    card = (folder_of(said["name"]) / CARD).read_text()
    for source in said["data"]:
        row = f"| {source['study']} | {source['samples']:,} | {source['asvs']:,} | {source['licence']} |"
        assert row in card.splitlines()
    assert f"{sum(source['samples'] for source in said['data']):,} samples" in card
    assert all(command in card for command in (*COMMANDS, *said["commands"]))
    widths = [line.count("|") for line in card.split("## Figures")[1].splitlines() if line.startswith("|")]
    assert len(set(widths)) == 1


def test_figures_and_options_are_the_models(said: dict[str, Any]) -> None:
    config = json.loads((folder_of(said["name"]) / CONFIG).read_text())
    assert said["figures"] == config["record"]
    assert (said["format"], said["aam"], said["seed"]) == (config["format"], config["aam"], config["record"]["seed"])
    sizes = config["members"][0]["model"]
    assert {name: said["options"][name] for name in sizes if name in said["options"]} == {
        name: sizes[name] for name in sizes if name in said["options"]
    }
    assert said["options"]["trim_length"] == config["data"]["trim_length"]
    assert said["options"]["rarefy_depth"] == config["data"]["rarefy_depth"]
