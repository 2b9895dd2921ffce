"""A study with known truth: tree, sequences, samples along a gradient, and which ASVs follow it.

The metadata's target is the place of a sample on a gradient from 0 to 1. Whole clades of ASVs follow the gradient,
each ASV around an optimum that its relatives nearly share; the others do not. Everything depends on the options and the
seed alone, and samples are written as they are made, so a study may have millions of them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from aam.config.commands.simulate import SimulateOptions
from aam.config.option import flag
from aam.simulation.community import Community, Niches, Sample, Stream, simulate_niches, stream
from aam.simulation.output import ENTRIES_PER_BLOCK, METADATA, README, TABLE, TREE, TRUTH, BiomWriter, staged_output
from aam.simulation.sequences import simulate_sequences
from aam.simulation.tree import newick, simulate_tree

METADATA_COLUMNS = ("sample-id", "gradient", "gradient_true", "group", "subject", "batch")
TRUTH_COLUMNS = ("feature-id", "informative", "optimum", "width", "clade", "base_abundance")
ENTRIES_IN_A_BLOCK = 200_000
BYTES_OF_AN_ENTRY = 8
BYTES_OF_A_SAMPLE = 120
NEARLY_ALL = 0.95
NOT_OF_THE_STUDY = ("output_dir", "overwrite", "progress")

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Simulation:
    """What was written: where, and the figures that describe the study.

    Attributes
    ----------
    table, tree, metadata, truth
        The BIOM table, the Newick tree of its ASVs, the metadata, and the truth about each ASV.
    asvs_without_reads
        ASVs of the tree that no sample has.
    asvs_per_sample, reads_per_sample
        Means over the samples.
    notes
        What the user should know.
    """

    table: Path
    tree: Path
    metadata: Path
    truth: Path
    samples: int
    asvs: int
    informative_asvs: int
    asvs_without_reads: int
    asvs_per_sample: float
    reads_per_sample: float
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Blocks:
    """How much is held in memory at once; changes nothing in the study.

    Attributes
    ----------
    samples
        Samples made before they are written; by default as many as have about 200,000 counts.
    entries
        Counts held while the table is turned around.
    """

    samples: int | None = None
    entries: int = ENTRIES_PER_BLOCK


def simulate_study(
    options: SimulateOptions,
    progress: Progress = lambda stage, done, total: None,
    blocks: Blocks = Blocks(),
) -> Simulation:
    """Simulate a study and write it to ``options.output_dir``: table, tree, metadata, truth and a README.

    Parameters
    ----------
    options
        Size and nature of the study.
    progress
        Called with the name of a stage, how much of it is done, and of how much.
    blocks
        How much is held in memory.

    Raises
    ------
    InputError
        If the folder has content and ``overwrite`` is off, or cannot be written.
    RunError
        If the disk has no room.
    """
    room = expected_bytes(options)
    with staged_output(options.output_dir, overwrite=options.overwrite, expected_bytes=room) as folder:
        progress("tree and sequences", 0, 1)
        tree = simulate_tree(options.asvs, options.divergence, stream(options.seed, Stream.TREE))
        sequences = simulate_sequences(tree, options.sequence_length, stream(options.seed, Stream.SEQUENCES))
        niches = simulate_niches(tree, options.informative, stream(options.seed, Stream.NICHES))
        community = Community(options, niches)
        with (folder / TREE).open("w") as file:
            file.writelines(newick(tree, sequences))
        _write_truth(folder / TRUTH, sequences, niches, community.base)
        (folder / README).write_text(_readme(options))
        progress("tree and sequences", 1, 1)
        totals = _write_samples(options, folder, sequences, community, progress, blocks)
    return _summary(options, niches, totals)


def expected_bytes(options: SimulateOptions) -> int:
    """Roughly the size of a study's files."""
    of_samples = options.samples * (BYTES_OF_AN_ENTRY * options.richness + BYTES_OF_A_SAMPLE)
    return int(of_samples + 3 * options.asvs * (options.sequence_length + 50))


@dataclass(frozen=True)
class _Totals:
    entries: int
    reads: int
    asvs_without_reads: int


def _write_samples(
    options: SimulateOptions,
    folder: Path,
    sequences: Sequence[str],
    community: Community,
    progress: Progress,
    blocks: Blocks,
) -> _Totals:
    step = blocks.samples or max(1, int(ENTRIES_IN_A_BLOCK / options.richness))
    reads = 0
    with ExitStack() as stack:
        sheet = stack.enter_context((folder / METADATA).open("w"))
        writer = stack.enter_context(BiomWriter(folder / TABLE, sequences, _most_entries(options)))
        sheet.write(_row(METADATA_COLUMNS))
        for start in range(0, options.samples, step):
            numbers = range(start, min(start + step, options.samples))
            samples = [community.sample(number) for number in numbers]
            names = [f"S{number + 1:08d}" for number in numbers]
            writer.append(names, _stack(samples, options.asvs))
            sheet.writelines(_sheet_row(name, sample, options) for name, sample in zip(names, samples, strict=True))
            reads += sum(int(sample.counts.sum()) for sample in samples)
            progress("samples", numbers.stop, options.samples)
        writer.finish(lambda done, total: progress("table by ASV", done, total), blocks.entries)
    return _Totals(writer.entries, reads, int(np.count_nonzero(writer.entries_of_asv == 0)))


def _most_entries(options: SimulateOptions) -> int:
    """Upper bound of the counts of a study: samples rarely have twice the mean number of ASVs."""
    likely = max(4 * options.samples * options.richness, 1_000_000)
    return int(min(likely, options.samples * options.asvs))


def _stack(samples: Sequence[Sample], num_asvs: int) -> csr_array:
    pointers = np.cumsum([0, *(len(sample.asvs) for sample in samples)])
    indices = np.concatenate([sample.asvs for sample in samples]).astype(np.int32)
    counts = np.concatenate([sample.counts for sample in samples])
    return csr_array((counts, indices, pointers), shape=(len(samples), num_asvs))


def _sheet_row(name: str, sample: Sample, options: SimulateOptions) -> str:
    group = min(max(int(sample.gradient * options.classes), 0), options.classes - 1) + 1
    places = (f"{sample.gradient:.6f}", f"{sample.gradient_true:.6f}")
    return _row((name, *places, f"group_{group}", f"subject_{sample.subject + 1}", f"batch_{sample.batch + 1}"))


def _write_truth(path: Path, sequences: Sequence[str], niches: Niches, base: np.ndarray) -> None:
    with path.open("w") as file:
        file.write(_row(TRUTH_COLUMNS))
        for asv, sequence in enumerate(sequences):
            informative = bool(niches.informative[asv])
            niche = (f"{niches.optimum[asv]:.6f}", f"{niches.width[asv]:.6f}") if informative else ("", "")
            clade, abundance = f"clade_{niches.clade[asv] + 1}", f"{base[asv]:.6g}"
            file.write(_row((sequence, "yes" if informative else "no", *niche, clade, abundance)))


def _row(cells: Iterable[str]) -> str:
    return "\t".join(cells) + "\n"


def _summary(options: SimulateOptions, niches: Niches, totals: _Totals) -> Simulation:
    mean = totals.entries / options.samples
    notes = []
    if mean < NEARLY_ALL * options.richness:
        notes.append(
            f"samples have {mean:.1f} ASVs on average and not {options.richness:g}: "
            "the rest get no reads; a lower --overdispersion or more --reads would give more"
        )
    if totals.asvs_without_reads:
        notes.append(f"ASVs of the tree that no sample has: {totals.asvs_without_reads:,}")
    return Simulation(
        table=options.output_dir / TABLE,
        tree=options.output_dir / TREE,
        metadata=options.output_dir / METADATA,
        truth=options.output_dir / TRUTH,
        samples=options.samples,
        asvs=options.asvs,
        informative_asvs=int(niches.informative.sum()),
        asvs_without_reads=totals.asvs_without_reads,
        asvs_per_sample=mean,
        reads_per_sample=totals.reads / options.samples,
        notes=tuple(notes),
    )


def _readme(options: SimulateOptions) -> str:
    values = {**dataclasses.asdict(options), "asvs_per_sample": options.richness}
    values["samples_per_subject"] = options.subject_size
    flags = " ".join(f"{flag(name)} {value}" for name, value in values.items() if name not in NOT_OF_THE_STUDY)
    return f"""A simulated study. The same command gives the same files:

aam simulate --output-dir FOLDER {flags}

{TABLE}    counts of {options.asvs:,} ASVs in {options.samples:,} samples (BIOM 2.1); the ids are the sequences
{TREE}      their phylogeny (Newick), in substitutions per site
{METADATA}  the samples: gradient (the target, with noise), gradient_true (without), group (the gradient cut into
              {options.classes} classes), subject (keep its samples on one side of a split) and batch
{TRUTH}     the ASVs: whether one follows the gradient, its optimum and niche width on it, its clade, and its mean
              relative abundance before any effect
"""
