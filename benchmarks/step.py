"""Seconds and peak memory of one pre-training step, beside the plain way that encodes every (sample, ASV) pair.

Each variant runs in a process of its own, so that its peak memory is its own. The batch has 8 samples of 150 ASVs of
150 bases, about 880 of them distinct; width 128, 4 heads, 4 layers at each of the three levels, fp32, 15% of the bases
masked, the UniFrac, nucleotide and abundance losses, forward, backward and the optimiser.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch

from aam.config import ModelOptions
from aam.data.batch import Batch, Sample, make_batch
from aam.files.atomic import write_text
from aam.models.corruption import Corruption, hide_abundances, mask_bases
from aam.models.sequence_encoder import SelfSupervision, SequenceEncoder
from aam.training.optim import parameter_groups
from benchmarks.accuracy_table import conditions

SAMPLES, ASVS, DISTINCT, BASES = 8, 150, 877, 150
VARIANTS = (("plain", 1), ("plain", 5), ("distinct", 1), ("distinct", 5))
EARLIER = {"seconds": 80.0, "gigabytes": 15.0}


def make_step_batch(variant: str) -> Batch:
    """The batch: with each distinct ASV once, or (plain) once for every sample that has it."""
    rng = np.random.default_rng(0)
    tokens_AL = rng.integers(1, 5, (DISTINCT, BASES), dtype=np.uint8)
    samples = []
    for row in range(SAMPLES):
        asvs = np.sort(rng.choice(DISTINCT, ASVS, replace=False))
        counts = rng.integers(1, 100, ASVS)
        samples.append(Sample(row, asvs, counts, asvs, counts))
    if variant == "plain":
        tokens_AL = np.concatenate([tokens_AL[sample.asvs] for sample in samples])
        own = [np.arange(row * ASVS, (row + 1) * ASVS) for row in range(SAMPLES)]
        samples = [Sample(s.row, o, s.counts, o, s.all_counts) for s, o in zip(samples, own, strict=True)]
    batch = make_batch(samples, tokens_AL, np.full(len(tokens_AL), BASES))
    distances = torch.rand(SAMPLES, SAMPLES, generator=torch.Generator().manual_seed(0))
    batch.distances_BB = (distances + distances.T) / 2 * (1 - torch.eye(SAMPLES))
    return batch


def run_step(
    model: SequenceEncoder, optimizer: torch.optim.Optimizer, batch: Batch, generator: torch.Generator
) -> None:
    """One whole step."""
    masked = mask_bases(batch.tokens_UL, 0.15, "random", generator)
    hidden = hide_abundances(batch.mask_BS, 0.15, generator)
    encoded = model(batch, Corruption(masked, hidden))
    torch.stack([head.loss(head.compare(encoded, batch)) for head in model.task_heads()]).sum().backward()
    optimizer.step()
    optimizer.zero_grad()


def measure(variant: str, patch: int, repeats: int, device: str) -> dict[str, float]:
    """Median seconds of a step after a first one, and the process's peak memory."""
    torch.manual_seed(0)
    options = ModelOptions(attention_layers=4, nucleotide_patch=patch)
    supervision = SelfSupervision(encoder_type="unifrac", nucleotides=True, counts=True)
    model = SequenceEncoder(options, supervision).to(device)
    optimizer = torch.optim.AdamW(parameter_groups(model, 0.01, 0.1), fused=True)
    batch, generator = make_step_batch(variant).to(device), torch.Generator().manual_seed(0)
    seconds = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        run_step(model, optimizer, batch, generator)
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    peak = torch.cuda.max_memory_allocated() if device == "cuda" else _peak_bytes()
    return {"seconds": median(seconds[1:]), "gigabytes": peak / 1e9}


def _peak_bytes() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def table(results: dict[tuple[str, int], dict[str, float]], repeats: int, device: str) -> str:
    """The results as Markdown."""
    facts = ", ".join(f"{name} {value}" for name, value in conditions().items())
    lines = ["# One pre-training step", "", (__doc__ or "").strip(), ""]
    lines += [f"{facts}, device {device}; median of {repeats} steps after a first one. For comparison: the existing"]
    lines += [
        f"implementation took {EARLIER['seconds']:.0f} s and {EARLIER['gigabytes']:.1f} GB for its step of the same "
        "size (a base a token) on 2 idle cores.",
        "",
        "| variant | bases a token | seconds | peak memory, GB | times faster than plain | less memory than plain |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for (variant, patch), found in results.items():
        plain = results["plain", patch]
        ratios = [f"{plain[name] / found[name]:.1f}" for name in ("seconds", "gigabytes")]
        cells = [variant, str(patch), f"{found['seconds']:.2f}", f"{found['gigabytes']:.2f}", *ratios]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure every variant in a process of its own, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3, help="steps to take the median of")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/step.md"))
    parser.add_argument("--variant", nargs=2, metavar=("NAME", "PATCH"), help="measure one, and print it as JSON")
    options = parser.parse_args()
    if options.variant:
        name, patch = options.variant
        print(json.dumps(measure(name, int(patch), options.repeats, options.device)))
        return
    results = {}
    for name, patch in VARIANTS:
        words = ["--repeats", str(options.repeats), "--device", options.device, "--variant", name, str(patch)]
        command = [sys.executable, "-m", "benchmarks.step", *words]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        results[name, patch] = json.loads(run.stdout)
        print(name, patch, results[name, patch], flush=True)
    write_text(options.output, table(results, options.repeats, options.device))
    print(f"wrote {options.output}")


if __name__ == "__main__":
    main()
