"""A network within a blend is trained alone: options of the whole, and of other learners, are not its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from aam.cli.options import parse
from aam.learners.network import NetworkLearner
from aam.workflows.runs.blend.inputs import network_member
from tests.learners.blend_studies import AGE, task_of, tiny_study


@pytest.mark.parametrize(
    "words",
    [
        ["--jobs", "2"],
        ["--trees", "20"],
        ["--cv", "3", "--join"],
        ["--logger", "tensorboard"],
    ],
)
def test_options_of_the_whole_are_not_the_networks(tmp_path: Path, words: list[str]) -> None:
    files = ["--table", "t.biom", "--metadata", "m.tsv", "--metadata-column", "age", "--output-dir", str(tmp_path)]
    config = parse("train", [*files, "--fine-tune", *words]).config
    member = network_member(config, task_of(tiny_study()[0], AGE))
    assert isinstance(member, NetworkLearner)
    own = member.config
    assert own is not None
    assert (own.jobs.number, own.jobs.join, own.settings.trees, own.tracking.logger) == (1, False, None, ())
    assert own.learners.is_network_alone
