"""All distances between the samples of a table, as a file."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aam.config.commands.unifrac import DistanceOptions, UnifracConfig
from aam.config.option import input_paths
from aam.errors import ConfigError, InputError, RunError
from aam.log import say
from aam.progress import Bar
from aam.runs.outputs import check_outputs
from aam.text import format_bytes, plural

if TYPE_CHECKING:
    from aam.data.distances.blocks import Block
    from aam.data.study.study import Study

MIN_SAMPLES = 2


@dataclass(frozen=True, kw_only=True, eq=False)
class MatrixResult:
    """A matrix of distances that was written: its file, the samples in its order, and what was measured.

    ``has_dna`` says whether the DNA of the ASVs is known, without which no encoder can learn the distances.
    """

    output: Path
    sample_ids: tuple[str, ...]
    metric: str
    has_dna: bool = True


def compute_distances(config: UnifracConfig) -> MatrixResult:
    """Compute the distances of every pair of samples, and write them while they are computed.

    Raises
    ------
    ConfigError, InputError
        If the options, the inputs or the output file cannot be used.
    RunError
        If the disk has no room for the matrix.
    """
    from aam.data.distances.blocks import distance_blocks, draw_once
    from aam.data.distances.files import check_ids, write_distances
    from aam.data.distances.measure import Measure, Parameters
    from aam.data.study.study import load_study
    from aam.data.study.summary import describe

    options, output = config.distance, config.matrix.output
    _check(config)
    study = load_study(config.table, options.study, options.sampling, None, needs_dna=False)
    study = _drawn(study, config)
    if len(study) < MIN_SAMPLES:
        raise InputError(config.table.table[0], "has a single sample left", "distances need two or more")
    sample_ids = [str(name) for name in study.sample_ids]
    check_ids(output, sample_ids)
    say(*describe(study), *_plan(config, study))
    parameters = Parameters(options.unifrac_normalized, options.unifrac_alpha)
    measure = Measure(options.metric, study.phylogeny, parameters)
    n_jobs = len(os.sched_getaffinity(0)) if config.matrix.n_jobs < 0 else config.matrix.n_jobs
    started = time.monotonic()
    blocks = distance_blocks(measure, draw_once(study, options.seed), n_jobs)
    write_distances(output, sample_ids, _shown(blocks, len(study), config.matrix.progress))
    took = time.monotonic() - started
    say(f"wrote {plural(_num_pairs(len(study)), 'distance')} in {took:.1f} s: {output}")
    return MatrixResult(output=output, sample_ids=tuple(sample_ids), metric=options.metric, has_dna=study.has_dna)


def _drawn(study: Study, config: UnifracConfig) -> Study:
    """The samples that distances are asked of; of a large table only their counts are read."""
    most = config.matrix.max_samples
    if most is None or most >= len(study):
        return study
    rows = np.random.default_rng(config.distance.seed).choice(len(study), most, replace=False)
    say(f"{most:,} of {plural(len(study), 'sample')} are drawn at random (--max-samples)")
    return study.take(np.sort(rows))


def _check(config: UnifracConfig) -> None:
    """Refuse what cannot work before anything is read."""
    from aam.data.distances.files import check_format, ids_path
    from aam.data.distances.measure import DISTANCES, WITHOUT_A_TREE

    options, output = config.distance, config.matrix.output
    if DISTANCES[options.metric].needs_tree and options.tree is None:
        raise ConfigError(f"--metric {options.metric} needs --tree; without one try {WITHOUT_A_TREE}")
    check_format(output)
    outputs = [path for path in (output, ids_path(output)) if path is not None]
    check_outputs(outputs, input_paths(config), overwrite=config.matrix.overwrite)


def _plan(config: UnifracConfig, study: Study) -> Iterator[str]:
    """What will be done; refuses a matrix that the disk has no room for."""
    from aam.data.distances.files import num_bytes

    tips = "" if study.tree is None else f" on a tree of {plural(len(study.tree.names), 'tip')}"
    yield f"metric: {_metric_words(config.distance)}{tips}"
    output = config.matrix.output
    size, free = num_bytes(output, len(study)), shutil.disk_usage(output.absolute().parent).free
    yield f"output: {output}, about {format_bytes(size)} for {plural(_num_pairs(len(study)), 'pair')}"
    if size > free:
        smaller = " or write .npy, a fifth of the size" if output.suffix == ".tsv" else ""
        problem = f"needs {format_bytes(size)}, but only {format_bytes(free)} are free"
        raise RunError(f"{output}: {problem}; choose another disk{smaller}")


def _metric_words(options: DistanceOptions) -> str:
    from aam.data.distances.measure import DISTANCES

    used, words = DISTANCES[options.metric].options, [options.metric]
    if "unifrac_normalized" in used:
        words.append("normalised" if options.unifrac_normalized else "not normalised")
    if "unifrac_alpha" in used:
        words.append(f"alpha {options.unifrac_alpha:g}")
    return ", ".join(words)


def _num_pairs(num_samples: int) -> int:
    return num_samples * (num_samples - 1) // 2


def _shown(blocks: Iterable[Block], num_samples: int, shown: bool) -> Iterator[Block]:
    """The blocks, with a progress bar on the terminal's error stream."""
    with Bar("distances", "pairs", _num_pairs(num_samples), wanted=shown) as bar:
        for block in blocks:
            yield block
            height, width = block.values.shape
            bar.advance(height * width if block.rows != block.columns else _num_pairs(height))
