"""Run tests once for each set of arithmetic kernels that this processor offers.

NumPy, torch, MKL and OpenBLAS pick their kernels by the processor, and each rounds in its own way. Older processors are
imitated by keeping the newer kernels from all four. Run as ``python tools/kernel_tests.py [PYTEST ARGUMENTS]``; exits
with 1 where a run failed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence

import torch

# NumPy has no public list of the kernels that it chooses from.
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

# Each older processor, with what keeps torch, MKL and OpenBLAS to its kernels.
OLDER = {
    "AVX2": {"ATEN_CPU_CAPABILITY": "avx2", "MKL_CBWR": "AVX2", "OPENBLAS_CORETYPE": "Haswell"},
    "no AVX": {"ATEN_CPU_CAPABILITY": "default", "MKL_CBWR": "COMPATIBLE", "OPENBLAS_CORETYPE": "Prescott"},
}
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def settings() -> dict[str, dict[str, str]]:
    """The environment variables of each run, by the run's name."""
    runs: dict[str, dict[str, str]] = {"as it is": {}}
    own = torch.backends.cpu.get_cpu_capability()
    if own == "AVX512":
        runs["AVX2"] = {**OLDER["AVX2"], **_numpy_without(("AVX512", "X86_V4"))}
    if own in ("AVX512", "AVX2"):
        runs["no AVX"] = {**OLDER["no AVX"], **_numpy_without(("",))}
    return {**runs, "two threads": dict.fromkeys(THREADS, "2")}


def main(arguments: Sequence[str]) -> int:
    """Run pytest with each setting in turn and print a table of how the runs ended."""
    table = []
    for name, variables in settings().items():
        print(f"\n{name}: {' '.join(f'{key}={value!r}' for key, value in variables.items())}", flush=True)
        started = time.monotonic()
        command = [sys.executable, "-m", "pytest", *arguments]
        code = subprocess.run(command, env={**os.environ, **variables}, check=False).returncode
        table.append((name, "failed" if code else "passed", f"{time.monotonic() - started:.0f} s"))
    print("", *(f"{name:12}{outcome:8}{seconds:>7}" for name, outcome, seconds in table), sep="\n")
    return int(any(outcome == "failed" for _, outcome, _ in table))


def _numpy_without(prefixes: tuple[str, ...]) -> dict[str, str]:
    """Keep NumPy from its kernels with these names; those that this processor lacks may not be named."""
    names = [name for name in __cpu_dispatch__ if __cpu_features__[name] and name.startswith(prefixes)]
    return {"NPY_DISABLE_CPU_FEATURES": " ".join(names)} if names else {}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
