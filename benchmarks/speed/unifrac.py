"""Seconds of whole distance matrices beside scikit-bio, and of the batches that training needs.

Seconds of the processor, by one thread, so that a busy machine changes little. Each reading of ours stands beside one
of the reference, taken right after it; the middle of the ratios counts. scikit-bio computes a part of the samples, and
its time is scaled by the number of pairs; it has no generalised UniFrac, so there the formula in NumPy, pair after
pair, stands in for it.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from types import ModuleType

import numpy as np
from scipy.sparse import csr_array
from skbio import TreeNode
from skbio.diversity import beta_diversity
from threadpoolctl import threadpool_limits

from aam.data.distances.blocks import distance_blocks
from aam.data.distances.measure import Measure, Parameters
from aam.files.atomic import write_text
from aam.phylogeny.tree import Tree
from aam.phylogeny.unifrac import Phylogeny
from aam.simulation.tree import newick, simulate_tree
from benchmarks.machine import conditions
from benchmarks.speed.common import RESULTS, markdown_table, number

Timed = tuple[float, np.ndarray]
BatchAction = Callable[[Phylogeny, csr_array], np.ndarray]
ALPHA = 0.5
POOL = 10_000  # tips that the samples of a batch have


def simulate(num_tips: int, num_samples: int, num_asvs: int) -> tuple[Tree, str, csr_array]:
    """A birth-death tree, the same as Newick, and samples with this many random ASVs of log-normal abundance."""
    rng = np.random.default_rng(0)
    simulated = simulate_tree(num_tips, 0.5, rng)
    names = tuple(f"t{i}" for i in range(num_tips))
    pool = rng.choice(num_tips, min(POOL, num_tips), replace=False)
    columns = np.concatenate([np.sort(rng.choice(pool, num_asvs, replace=False)) for _ in range(num_samples)])
    reads = np.ceil(rng.lognormal(2.0, 1.5, len(columns))).astype(np.int64)
    counts = csr_array((reads, columns, np.arange(num_samples + 1) * num_asvs), shape=(num_samples, num_tips))
    return Tree("simulated", simulated.parent, simulated.length, names), "".join(newick(simulated, names)), counts


def timed(action: Callable[[], np.ndarray]) -> Timed:
    """Seconds of an action, and what it returns."""
    started = time.process_time()
    result = action()
    return time.process_time() - started, result


def whole_matrix(measure: Measure, counts: csr_array) -> np.ndarray:
    """All distances, as `aam unifrac` computes them."""
    matrix = np.zeros((counts.shape[0], counts.shape[0]))
    for block in distance_blocks(measure, counts, 1):
        matrix[block.rows, block.columns] = block.values
        matrix[block.columns, block.rows] = block.values.T
    return matrix


def one_by_one(tree: Tree, counts: csr_array) -> np.ndarray:
    """Generalised UniFrac by its formula on every branch, pair after pair."""
    below = np.zeros((len(tree.parent), counts.shape[0]))
    below[tree.tips] = (counts / counts.sum(axis=1)[:, None]).toarray().T
    for node in range(len(tree.parent) - 1):
        below[tree.parent[node]] += below[node]
    shares, matrix = np.ascontiguousarray(below.T), np.zeros((counts.shape[0], counts.shape[0]))
    for i, p in enumerate(shares):
        for j, q in enumerate(shares[:i]):
            both = p + q
            weight = tree.length * both**ALPHA
            part = np.divide(np.abs(p - q), both, out=np.zeros_like(both), where=both > 0) @ weight
            matrix[i, j] = matrix[j, i] = part / weight.sum()
    return matrix


def compare(options: argparse.Namespace) -> list[list[str]]:
    """Whole matrices beside the reference: a row for each metric."""
    tree, text, counts = simulate(options.tips, options.samples, options.asvs)
    node, phylogeny = TreeNode.read(io.StringIO(text)), Phylogeny(tree, tree.names)
    part = counts[: options.reference_samples]
    table, names = part.toarray(), list(tree.names)

    def by_scikit_bio(kind: str, **extra: bool) -> np.ndarray:
        return np.asarray(beta_diversity(kind, table, taxa=names, tree=node, validate=False, **extra).data)

    references: dict[str, tuple[Measure, Callable[[], np.ndarray]]] = {
        "unweighted": (Measure("unifrac", phylogeny), lambda: by_scikit_bio("unweighted_unifrac")),
        "weighted, normalised": (
            Measure("weighted_unifrac", phylogeny),
            lambda: by_scikit_bio("weighted_unifrac", normalized=True),
        ),
        "weighted, not normalised": (
            Measure("weighted_unifrac", phylogeny, Parameters(normalized=False)),
            lambda: by_scikit_bio("weighted_unifrac", normalized=False),
        ),
        "generalised, alpha 0.5": (
            Measure("generalized_unifrac", phylogeny, Parameters(alpha=ALPHA)),
            lambda: one_by_one(tree, part),
        ),
    }
    return [[label, *beside(*both, counts, part.shape[0], options.repeats)] for label, both in references.items()]


def beside(
    measure: Measure, reference: Callable[[], np.ndarray], counts: csr_array, size: int, repeats: int
) -> list[str]:
    """Our seconds, those of the reference scaled to all pairs, the ratio, and the largest difference."""
    scale = counts.shape[0] * (counts.shape[0] - 1) / (size * (size - 1))
    ours, theirs = [], []
    for _ in range(repeats):
        seconds, found = timed(lambda: whole_matrix(measure, counts))
        ours.append(seconds)
        seconds, expected = timed(reference)
        theirs.append(scale * seconds)
    ratio = median(slow / fast for fast, slow in zip(ours, theirs, strict=True))
    difference = float(np.abs(found[:size, :size] - expected).max())
    cells = [number(median(ours)), number(median(theirs), 1), number(ratio, 0), f"{difference:.0e}"]
    print(measure.metric, *cells, flush=True)
    return cells


def earlier_phylogeny(commit: str) -> type[Phylogeny]:
    """The class as it was in a commit, in a module of its own."""
    command = ["git", "show", f"{commit}:aam/phylogeny/unifrac.py"]
    text = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True).stdout
    module = ModuleType("earlier")
    exec(compile(text, "earlier", "exec"), module.__dict__)
    found: type[Phylogeny] = module.__dict__["Phylogeny"]
    return found


def compare_batches(options: argparse.Namespace) -> list[list[str]]:
    """Batches beside the code of an earlier commit: a row for each tree and metric."""
    actions: dict[str, BatchAction] = {
        "unweighted": lambda phylogeny, counts: phylogeny.unweighted_unifrac(counts),
        "weighted": lambda phylogeny, counts: phylogeny.weighted_unifrac(counts),
        "generalised": lambda phylogeny, counts: phylogeny.generalized_unifrac(counts, ALPHA),
    }
    earlier = earlier_phylogeny(options.earlier)
    rows = []
    for num_tips in options.batch_tips:
        tree, _, counts = simulate(num_tips, options.batch, options.batch_asvs)
        now, before = Phylogeny(tree, tree.names), earlier(tree, tree.names)
        for label, action in actions.items():
            cells = before_and_now(action, before, now, counts, options.repeats)
            rows.append([f"{num_tips:,}", label, *cells])
            print(*rows[-1], flush=True)
    return rows


def before_and_now(
    action: BatchAction, before: Phylogeny, now: Phylogeny, counts: csr_array, repeats: int
) -> list[str]:
    """Seconds of the earlier code, of today's, and the ratio."""
    readings = [
        (timed(lambda: action(before, counts))[0], timed(lambda: action(now, counts))[0]) for _ in range(repeats)
    ]
    slow, fast = (median(reading[side] for reading in readings) for side in (0, 1))
    return [number(slow, 3), number(fast, 3), number(median(one / other for one, other in readings), 2)]


def page(options: argparse.Namespace, facts: dict[str, object], rows: list[list[str]], batches: list[list[str]]) -> str:
    """The results as Markdown."""
    header = ["metric", "aam, s", "reference, s", "times faster", "largest difference"]
    said = ", ".join(f"{name} {value}" for name, value in facts.items())
    paragraphs = [
        "# UniFrac",
        (__doc__ or "").strip(),
        f"Conditions: {said}; median of {options.repeats} readings.",
        f"{options.samples:,} samples of {options.asvs} ASVs, a tree of {options.tips:,} tips; the reference computes "
        f"{options.reference_samples} of the samples:",
        markdown_table(header, rows),
        f"A batch of {options.batch} samples of {options.batch_asvs} ASVs, which come from {POOL:,} tips of the tree, "
        f"now and in commit {options.earlier}:",
        markdown_table(["tips", "metric", "before, s", "now, s", "times faster"], batches),
    ]
    return "\n\n".join(paragraphs) + "\n"


def main() -> None:
    """Measure, print and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--tips", type=int, default=5000, help="of the tree of the whole matrix")
    parser.add_argument("--asvs", type=int, default=300, help="of a sample")
    parser.add_argument("--reference-samples", type=int, default=200, help="samples that the reference computes")
    parser.add_argument("--batch", type=int, default=256, help="samples of a batch")
    parser.add_argument("--batch-asvs", type=int, default=500, help="ASVs of a sample of a batch")
    parser.add_argument("--batch-tips", type=int, nargs="+", default=[10_000, 300_000], help="of a batch's trees")
    parser.add_argument("--earlier", default="5acdc08", help="commit whose code computes the batches as well")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--output", type=Path, default=RESULTS / "unifrac.md")
    options = parser.parse_args()
    facts = conditions()
    with threadpool_limits(1):
        text = page(options, facts, compare(options), compare_batches(options))
    options.output.parent.mkdir(parents=True, exist_ok=True)
    write_text(options.output, text)
    print(f"{text}wrote {options.output}")


if __name__ == "__main__":
    main()
