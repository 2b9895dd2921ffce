"""An index of models and a hub of their own, and a small model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aam.estimators import AAMClassifier, AAMRegressor
from tests.factories import random_sequences
from tests.workflows.sharing.server import TOKEN, FakeHub, serving


@pytest.fixture(autouse=True)
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "index"
    monkeypatch.setenv("AAM_MODELS", str(folder))
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture(scope="session")
def frame() -> pd.DataFrame:
    """40 samples of 12 ASVs; the first grows with the sample."""
    rng = np.random.default_rng(5)
    counts = rng.poisson(20, (40, 12))
    counts[:, 0] = np.arange(40) * 4
    names = random_sequences(12, 60)
    return pd.DataFrame(counts, index=[f"s{place}" for place in range(40)], columns=names)


@pytest.fixture(scope="session")
def regressor(frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "age"
    AAMRegressor(learners=["clr-radial"], seed=1).fit(frame, np.arange(40.0)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def classifier(frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "sex"
    AAMClassifier(learners=["clr-radial"], seed=1).fit(frame, np.repeat(["f", "m"], 20)).save_pretrained(folder)
    return folder


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A hub on this machine, with the token of a user who may do all."""
    constants = pytest.importorskip("huggingface_hub.constants", reason="the extra hub is not installed")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    for name in ("HF_HUB_DISABLE_TELEMETRY", "HF_HUB_DISABLE_PROGRESS_BARS"):
        monkeypatch.setenv(name, "1")
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with serving() as served:
        monkeypatch.setenv("HF_ENDPOINT", served.address)
        yield served
