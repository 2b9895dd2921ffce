"""`aam simulate`: simulate a study with known truth."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from aam.cli.terminal import Terminal
from aam.config.commands.simulate import SimulateConfig, SimulateOptions
from aam.progress import Bar
from aam.simulation.output import METADATA, README, TABLE, TREE, TRUTH
from aam.simulation.study import Progress as Report
from aam.simulation.study import Simulation, simulate_study
from aam.text import format_bytes


def run(config: SimulateConfig) -> None:
    """Simulate a study, and say what it is and what to do with it."""
    options = config.simulate
    console = Terminal()
    console.print("\n".join(_plan(options)))
    with _progress(options.progress) as report:
        simulation = simulate_study(options, report)
    console.print("\n".join([*_outcome(simulation, options.output_dir), "", *_next_commands(options)]))


def _plan(options: SimulateOptions) -> Iterator[str]:
    yield f"Simulating a study (seed {options.seed})"
    yield (
        f"  samples  {options.samples:,} of {_num_subjects(options):,} subjects, "
        f"about {options.reads:,} reads and {options.richness:g} ASVs each"
    )
    yield f"  ASVs     {options.asvs:,} of {options.sequence_length} bases, on a birth-death tree"
    share = f"{options.informative:.0%} of the ASVs, in whole clades,"
    yield f"  signal   {share} follow a gradient (effect {options.effect:g})"
    yield f"  target   the gradient with noise ({options.noise:g}), and {options.classes} classes cut from it"
    if options.batches > 1:
        yield f"  batches  {options.batches} (effect {options.batch_effect:g})"


def _num_subjects(options: SimulateOptions) -> int:
    return -(-options.samples // options.subject_size)


@contextmanager
def _progress(shown: bool) -> Iterator[Report]:
    """Give a function that shows the stages of the simulation as bars, on the terminal's error stream."""
    with ExitStack() as stack:
        bars: dict[str, Bar] = {}

        def report(stage: str, done: int, total: int) -> None:
            if stage not in bars:
                stack.close()
                bars[stage] = stack.enter_context(Bar(stage, "done", total, wanted=shown))
            bars[stage].advance(done - bars[stage].done)

        yield report


def _outcome(simulation: Simulation, output_dir: Path) -> Iterator[str]:
    described = {
        TABLE: f"{simulation.samples:,} samples x {simulation.asvs:,} ASVs, on average "
        f"{simulation.asvs_per_sample:.1f} ASVs and {simulation.reads_per_sample:,.0f} reads per sample",
        TREE: f"{simulation.asvs:,} tips, named by sequence",
        METADATA: "gradient, gradient_true, group, subject, batch",
        TRUTH: f"the {simulation.informative_asvs:,} informative ASVs, their optima and clades",
        README: "how to reproduce it",
    }
    yield f"Wrote to {output_dir}"
    for name, words in described.items():
        size = (output_dir / name).stat().st_size
        yield f"  {name:<13} {format_bytes(size):>8}  {words}"
    for note in simulation.notes:
        yield f"note: {note}"


def _next_commands(options: SimulateOptions) -> Iterator[str]:
    folder = options.output_dir
    paths = {"table": folder / TABLE, "tree": folder / TREE, "metadata": folder / METADATA}
    inputs = " ".join(f"--{name} {shlex.quote(str(path))}" for name, path in paths.items())
    target = "--metadata-column gradient"
    target += " --group-column subject" if _num_subjects(options) > 1 else ""
    yield "Next, train a model on it:"
    yield f"  aam train {inputs} {target} --output-dir {shlex.quote(str(folder / 'run'))}"
