"""How much memory a run may use and how much it has used, on a GPU or a CPU."""

from __future__ import annotations

import threading

import torch

from aam.config import MemoryOptions
from aam.errors import AamError
from aam.training.hardware.host_memory import bounded, cpu_bytes, peak_bytes, reset_peak, resident_bytes

SECONDS_BETWEEN_LOOKS = 0.005


class PeakMeter:
    """Most memory in use since it was made: tensors on the GPU, or resident memory of this process on a CPU.

    Parameters
    ----------
    device
        Where the run computes.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.highest = 0
        self._done = threading.Event()
        self._watcher: threading.Thread | None = None
        if device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(device)
        elif not reset_peak():
            self._watcher = threading.Thread(target=self._watch, daemon=True)
            self._watcher.start()

    def stop(self) -> int:
        """The peak, in bytes."""
        if self.device.type == "cuda":
            return int(torch.cuda.max_memory_allocated(self.device))
        if self._watcher is None:
            return peak_bytes()
        self._done.set()
        self._watcher.join()
        return self.highest

    def _watch(self) -> None:
        while not self._done.wait(SECONDS_BETWEEN_LOOKS):
            self.highest = max(self.highest, resident_bytes())


def bytes_in_use(device: torch.device) -> int:
    """What is in use before a step: tensors on the GPU, or this process's memory."""
    return int(torch.cuda.memory_allocated(device)) if device.type == "cuda" else resident_bytes()


def memory_limit(device: torch.device, options: MemoryOptions) -> float:
    """Bytes that the run may use, all that it uses already included."""
    available = _gpu_bytes(device) if device.type == "cuda" else cpu_bytes()
    return bounded(available, options)


def cap_gpu(device: torch.device, options: MemoryOptions) -> None:
    """Hold torch to ``--max-memory-gb`` on a GPU."""
    if device.type == "cuda" and options.max_memory_gb is not None:
        total = torch.cuda.get_device_properties(device).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, options.max_memory_gb * 1e9 / total), device)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there was not enough memory; a CPU's is a plain ``RuntimeError``."""
    if isinstance(error, AamError):
        return False
    words = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or (
        isinstance(error, RuntimeError) and any(word in str(error) for word in words)
    )


def _gpu_bytes(device: torch.device) -> float:
    free, _ = torch.cuda.mem_get_info(device)
    return float(free + torch.cuda.memory_reserved(device))
