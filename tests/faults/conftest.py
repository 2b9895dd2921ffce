"""A study to be quick with, and a way to start runs that are killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.kill_harness import Children
from tests.faults.toy import make_toy


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the toy study."""
    return make_toy(tmp_path_factory.mktemp("toy"))


@pytest.fixture
def children(tmp_path: Path) -> Children:
    """Starts runs in children of this test."""
    folder = tmp_path / "children"
    folder.mkdir()
    return Children(folder)
