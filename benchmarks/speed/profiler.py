"""The operators that take most time, as a table."""

from __future__ import annotations

from typing import Any

from torch.profiler import ProfilerActivity, profile

from benchmarks.speed.common import markdown_table, number

TOP = 20


def activities(device: str) -> list[ProfilerActivity]:
    """What to profile on a device."""
    return [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device == "cuda" else [])]


def top_operators(profiler: profile, device: str, runs: int) -> list[dict[str, Any]]:
    """The operators that took most time of their own: calls and milliseconds a run, and their share."""
    name = "self_device_time_total" if device == "cuda" else "self_cpu_time_total"
    events = sorted(profiler.key_averages(), key=lambda event: -getattr(event, name))
    total = sum(getattr(event, name) for event in events) or 1
    return [
        {
            "operator": event.key[:80],
            "calls": event.count / runs,
            "milliseconds": getattr(event, name) / 1e3 / runs,
            "share": getattr(event, name) / total,
        }
        for event in events[:TOP]
    ]


def operator_table(operators: list[dict[str, Any]]) -> str:
    """The operators as Markdown."""
    rows = [
        [f"`{o['operator']}`", number(o["calls"], 1), number(o["milliseconds"], 1), f"{o['share']:.1%}"]
        for o in operators
    ]
    return markdown_table(("operator", "calls", "own time, ms", "share"), rows)
