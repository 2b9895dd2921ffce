from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from aam.errors import RunError
from aam.training.hardware import device_memory as limits
from aam.training.hardware import host_memory as host
from aam.training.hardware.device_memory import PeakMeter, bytes_in_use, is_out_of_memory
from aam.training.hardware.host_memory import cpu_bytes, resident_bytes

CPU = torch.device("cpu")
HUNDRED_MB = 25_000_000


@pytest.mark.parametrize("kernel_helps", [True, False])
def test_the_peak_is_what_was_taken_meanwhile(kernel_helps: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not kernel_helps:
        monkeypatch.setattr(limits, "reset_peak", lambda: False)
    before = torch.ones(4 * HUNDRED_MB)
    del before
    meter, start = PeakMeter(CPU), bytes_in_use(CPU)
    values = torch.ones(2 * HUNDRED_MB)
    values.mul_(2)
    del values
    assert meter.stop() - start == pytest.approx(8 * HUNDRED_MB, rel=0.2)


def test_a_process_can_have_what_is_free_and_what_it_has() -> None:
    lines = Path("/proc/meminfo").read_text().splitlines()
    meminfo = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.endswith("kB")}
    assert resident_bytes() < cpu_bytes() <= meminfo["MemTotal"] + resident_bytes()


def test_ulimit_bounds_what_a_process_can_have() -> None:
    code = (
        "import resource, json\nfrom aam.training.hardware.host_memory import cpu_bytes\n"
        "resource.setrlimit(resource.RLIMIT_AS, (3 * 10**9, resource.RLIM_INFINITY))\nprint(json.dumps(cpu_bytes()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 1e9 < json.loads(done.stdout) <= 3e9


def test_every_control_group_above_the_process_bounds_it(tmp_path: Path) -> None:
    files = {
        "sys/memory/memory.limit_in_bytes": "9000000",
        "sys/memory/memory.usage_in_bytes": "1000000",
        "sys/memory/job/memory.limit_in_bytes": "5000000",
        "sys/memory/job/memory.usage_in_bytes": "3000000",
        "sys/memory/job/memory.stat": "total_inactive_file 500000\n",
        "sys/user/memory.max": "max",
        "sys/memory.max": "7000000",
        "sys/memory.current": "1000",
        "cgroup": "4:memory:/job/step\n3:cpu:/job\n0::/user\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    left = list(host._group_bytes(tmp_path / "cgroup", tmp_path / "sys"))
    assert sorted(bound for bound in left if bound < 1e9) == [2_500_000, 6_999_000, 8_000_000]


def test_what_counts_as_out_of_memory() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(10**15)
    assert is_out_of_memory(caught.value)
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert not is_out_of_memory(RuntimeError("shapes differ"))
    assert not is_out_of_memory(RunError("out of memory at batch 3"))
