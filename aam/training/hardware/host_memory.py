"""The memory of this process on its host: what it has, what it can get, and keeping it low where it is short."""

from __future__ import annotations

import ctypes
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

from aam.config import MemoryOptions

PROC = Path("/proc")
RESET_PEAK = "5"  # what the kernel takes for it in clear_refs
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # names of mallopt(3)
LARGE_BLOCK = 1 << 20


def resident_bytes() -> int:
    """Memory of this process; its peak where the system does not report the current value."""
    if (PROC / "self/status").exists():
        return _status("VmRSS")
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def cpu_bytes() -> float:
    """Most memory that this process can have: what is free, within its control group and ``ulimit -v``."""
    own = resident_bytes()
    return own + min([_free_bytes(), *_group_bytes(PROC / "self/cgroup", Path("/sys/fs/cgroup"))])


def bounded(available: float, options: MemoryOptions) -> float:
    """What the options leave of the bytes that can be had."""
    share = available * options.max_memory_fraction
    return share if options.max_memory_gb is None else min(share, options.max_memory_gb * 1e9)


def reset_peak() -> bool:
    """Reset :func:`peak_bytes`; False where the system does not allow it."""
    try:
        (PROC / "self/clear_refs").write_text(RESET_PEAK)
    except OSError:
        return False
    return True


def peak_bytes() -> int:
    """Most memory of this process since :func:`reset_peak`."""
    return _status("VmHWM")


def give_back_freed_memory() -> None:
    """Let the C library return large blocks as they are freed, for the rest of the process.

    By default glibc keeps blocks of up to 32 MB for later. That saves a third of the time of a step, and with gradient
    checkpointing it holds several times what is in use.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK)
        library.mallopt(M_TRIM_THRESHOLD, 2 * LARGE_BLOCK)
    trim()


def trim() -> None:
    """Return what is free at this moment."""
    library = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)


def _free_bytes() -> float:
    free = _lines(PROC / "meminfo").get("MemAvailable", float("inf"))
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return free if soft == resource.RLIM_INFINITY else min(free, soft - _status("VmSize"))


def _group_bytes(membership: Path, root: Path) -> Iterator[float]:
    """What each control group above this process has left: version 2, or the memory controller of version 1."""
    files = {"memory.max": "memory.current", "memory.limit_in_bytes": "memory.usage_in_bytes"}
    for line in membership.read_text().splitlines() if membership.exists() else ():
        _, controllers, path = line.split(":", 2)
        if controllers not in ("", "memory"):
            continue
        top = root / controllers
        folder = top / path.lstrip("/")
        for group in (folder, *(p for p in folder.parents if p.is_relative_to(top))):
            for limit, used in files.items():
                most = _number(group / limit)
                yield most - (_number(group / used) - _file_cache(group) if most < float("inf") else 0)


def _file_cache(group: Path) -> float:
    """Pages of files that the group can do without."""
    rows = [line.split() for line in _text(group / "memory.stat").splitlines()]
    values = {row[0]: float(row[1]) for row in rows if len(row) == 2}
    return values.get("total_inactive_file", values.get("inactive_file", 0.0))


def _number(path: Path) -> float:
    text = _text(path).strip()
    return float(text) if text.isdigit() else float("inf")


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _status(name: str) -> int:
    return int(_lines(PROC / "self/status")[name])


def _lines(path: Path) -> dict[str, float]:
    """Bytes by name, of a file with lines such as ``VmRSS:  12 kB``."""
    found = (line.split() for line in _text(path).splitlines() if line.endswith(" kB"))
    return {row[0].rstrip(":"): float(row[1]) * 1024 for row in found if len(row) == 3}
