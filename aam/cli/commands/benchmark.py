"""`aam benchmark`: compare learners, their blend and a random forest on a suite of studies."""

from __future__ import annotations

from aam.config import BenchmarkConfig
from aam.log import logging_to_terminal
from aam.workflows.benchmark.run import run_benchmark


def run(config: BenchmarkConfig) -> None:
    """Run the benchmark, and show how the blend compares with the forest."""
    with logging_to_terminal():
        run_benchmark(config)
