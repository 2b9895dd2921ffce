from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from aam.config import RunOptions
from aam.errors import ConfigError
from aam.training.hardware.device import choose_device, machine_of, prepare_device


def run_options(**values: Any) -> RunOptions:
    return RunOptions(output_dir=Path("run"), device="cpu", **values)


def test_a_cpu_computes_in_full_precision_with_all_its_cores() -> None:
    machine = machine_of(torch.device("cpu"))
    assert machine.num_workers == 0
    assert machine.mixed_precision == "none"


@pytest.mark.parametrize("values", [{"mixed_precision": "fp16"}, {"tf32": True}])
def test_what_a_cpu_does_not_have_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"needs an? "):
        prepare_device(run_options(**values))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigError, match="finds no GPU"):
        choose_device("cuda")


def test_imitated_arithmetic_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    said = []
    monkeypatch.setattr("aam.training.hardware.device.warn", said.append)
    for capability in ("AVX2", "AVX512"):
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda capability=capability: capability)
        prepare_device(run_options(mixed_precision="bf16"))
    assert len(said) == 1


@pytest.mark.gpu
def test_a_gpu_has_workers_and_its_own_precision() -> None:
    machine = machine_of(torch.device("cuda"))
    assert 1 <= machine.num_workers <= 4
    assert machine.mixed_precision in ("bf16", "none")
    prepare_device(RunOptions(output_dir=Path("run"), tf32=True))
    assert torch.get_float32_matmul_precision() == "high"
    prepare_device(RunOptions(output_dir=Path("run")))
    assert torch.get_float32_matmul_precision() == "highest"
