from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

TOOL = Path(__file__).resolve().parents[2] / "tools" / "kernel_tests.py"
OWN = torch.backends.cpu.get_cpu_capability()
LEVELS = ["AVX512", "AVX2", "DEFAULT"]

KERNELS = """
import numpy
import torch
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__


def test_kernels():
    left = [name for name in __cpu_dispatch__ if __cpu_features__[name]]
    print("\\nkernels:", torch.backends.cpu.get_cpu_capability(), torch.get_num_threads(), *left)
    assert torch.get_num_threads() == 1
"""


@pytest.mark.slow
def test_each_run_has_its_own_kernels_and_its_outcome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (tmp_path / "test_part.py").write_text(KERNELS)
    words = [sys.executable, TOOL, "-q", "-s", "-W", "error", "-p", "no:cacheprovider", tmp_path]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path)
    lines = done.stdout.splitlines()
    found = [line.split()[1:] for line in lines if line.startswith("kernels:")]
    offered = LEVELS[LEVELS.index(OWN) :] if OWN in LEVELS else [OWN]
    assert [capability for capability, *_ in found] == [*offered, OWN], done.stdout
    for capability, _, *numpy in found:
        assert not (capability == "DEFAULT" != OWN and numpy)
        assert not (capability == "AVX2" and [name for name in numpy if name.startswith(("AVX512", "X86_V4"))])
    outcomes = [line.split()[-3] for line in lines[-len(found) :]]
    assert outcomes == ["passed"] * len(offered) + ["failed"], "two threads, which the test refuses"
    assert done.returncode == 1
