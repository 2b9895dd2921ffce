"""Seconds and peak memory of one pre-training step, beside the plain way that encodes every (sample, ASV) pair.

`plain`: every pair is encoded on its own, samples are padded to the token limit. `distinct`: the product, which encodes
each distinct ASV of the batch once. A test holds both to the same losses and gradients. Each row is a process of its
own. ASVs have 150 bases; 4 heads, 4 layers at each of the three levels, dropout 0.1, 15% of the bases masked, the
UniFrac, nucleotide and count losses, forward, backward and the optimiser. Richness is log-normal with a median of 0.4
of the token limit. ASVs shared: `many`, all samples draw from twice the token limit; `few`, from four times as many as
the batch has pairs. `reference`: 8 samples of 150 ASVs each, 877 of them distinct; the existing implementation took
80 s and 15.0 GB for its step of this size (a base a token) on 2 idle cores.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Iterable
from typing import Any

import torch

from aam.data.batches.corruption import Corruption, hide_abundances, mask_bases
from aam.models.attention import compile_layers
from aam.models.sequence_encoder import SelfSupervision, SequenceEncoder
from aam.training.step.optim import parameter_groups
from benchmarks.speed import common
from benchmarks.speed.common import Measured, number
from benchmarks.speed.grid import BASES, Case, cases, estimate, make_step_batch
from benchmarks.speed.plain import Plain, losses, spread

TITLE = "One pre-training step"
HEADER = (
    "bases a token",
    "samples",
    "token limit",
    "ASVs shared",
    "pairs",
    "distinct ASVs",
    "variant",
    "seconds",
    "runs",
    "peak memory, GB",
    "times faster than plain",
    "times less memory than plain",
)
SUPERVISION = SelfSupervision(encoder_type="unifrac", nucleotides=True, counts=True)
ENOUGH = 60.0
NOT_RUN = "not run"
Row = tuple[Case, Measured]


class Step:
    """A pre-training step that can be taken again and again: mask, forward, losses, backward, optimiser.

    Parameters
    ----------
    case
        The sizes, and the variant.
    device, precision
        Where and how to compute.
    compiled
        Whether to compile the layers of the product; the plain way is never compiled.
    """

    def __init__(self, case: Case, device: str, precision: str, compiled: bool) -> None:
        torch.manual_seed(0)
        self.case, self.device, self.precision = case, device, precision
        self.batch = make_step_batch(case).to(device)
        self.model = SequenceEncoder(case.model_options(), SUPERVISION).to(device)
        self.plain = Plain(self.model)
        self.optimizer = torch.optim.AdamW(parameter_groups(self.model, 0.01, 0.1), fused=True)
        self.generator = torch.Generator().manual_seed(0)
        if compiled:
            compile_layers(self.model)

    def __call__(self) -> None:
        """Take the step."""
        masked = mask_bases(self.batch.tokens_UL, 0.15, "random", self.generator)
        corruption = Corruption(masked, hide_abundances(self.batch.mask_BS, 0.15, self.generator))
        with common.arithmetic(self.precision, self.device):
            total = torch.stack(list(self._losses(corruption).values())).sum()
        total.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()

    def _losses(self, corruption: Corruption) -> dict[str, torch.Tensor]:
        if self.case.variant == "distinct":
            return losses(self.model, self.batch, corruption)
        return self.plain.losses(spread(self.batch, corruption, self.case.limit, BASES))


def measure(case: dict[str, Any], device: str, precision: str, compiled: bool, repeats: int) -> Measured:
    """Median seconds of a step, and the batch's numbers of pairs and distinct ASVs."""
    step = Step(Case(**case), device, precision, compiled)
    found = common.median_seconds(step, repeats, device=device, warm_up=2 if compiled else 1, enough=ENOUGH)
    peak = common.peak_bytes(device) / 1e9
    return {**found, "gigabytes": peak, **_sizes(step.case)}


def _sizes(case: Case) -> Measured:
    batch = make_step_batch(case)
    return {"pairs": int(batch.mask_BS.sum()), "distinct": len(batch.asvs_U)}


class Expectation:
    """What the cases that are still to come will take, by the reference case of the same variant and patch.

    Parameters
    ----------
    most_seconds, most_gigabytes
        What a case may take.
    """

    def __init__(self, most_seconds: float, most_gigabytes: float) -> None:
        self.most_seconds = most_seconds
        self.most_gigabytes = most_gigabytes
        self.seconds_of_flop: dict[tuple[str, int], float] = {}
        self.share_of_memory: dict[tuple[str, int], float] = {}

    def learn(self, case: Case, found: Measured) -> None:
        """Take a measured case as the standard of its variant and patch."""
        expected = estimate(case, make_step_batch(case))
        self.seconds_of_flop[case.variant, case.patch] = found["seconds"] / expected.flops
        self.share_of_memory[case.variant, case.patch] = found["gigabytes"] / expected.gigabytes

    def too_much(self, case: Case) -> str:
        """Why a case is skipped: what it would take; empty if it may run."""
        key, expected = (case.variant, case.patch), estimate(case, make_step_batch(case))
        if key not in self.seconds_of_flop:
            return ""
        seconds = expected.flops * self.seconds_of_flop[key]
        gigabytes = expected.gigabytes * self.share_of_memory[key]
        if seconds <= self.most_seconds and gigabytes <= self.most_gigabytes:
            return ""
        return f"{NOT_RUN}: about {seconds:,.0f} s, {gigabytes:,.0f} GB"


def measure_all(options: argparse.Namespace, chosen: Iterable[Case]) -> list[Row]:
    """Measure the cases that the limits allow, one after the other."""
    expectation = Expectation(options.most_seconds, options.most_gigabytes)
    started, rows = time.monotonic(), []
    for case in chosen:
        reason = "" if options.all else expectation.too_much(case)
        if not options.all and time.monotonic() - started > 60 * options.most_minutes:
            reason = reason or f"{NOT_RUN}: the time was up"
        if reason:
            found: Measured = {"failed": reason, **_sizes(case)}
        else:
            found = _measure_apart(case, options)
            print(case, found, flush=True)
        if case.shared == "reference" and "failed" not in found:
            expectation.learn(case, found)
        rows.append((case, found))
    return rows


def _measure_apart(case: Case, options: argparse.Namespace) -> Measured:
    arguments = {"device": options.device, "precision": options.precision, "compiled": options.compile}
    everything = {"case": dataclasses.asdict(case), **arguments, "repeats": options.repeats}
    return {**_sizes(case), **common.in_child(measure, everything, options.threads)}


def table(rows: list[Row]) -> str:
    """The rows as Markdown; ratios are of the plain row of the same case."""
    plain = {case: found for case, found in rows if case.variant == "plain"}
    lines = []
    for case, found in rows:
        sizes = [str(n) for n in (case.patch, case.samples, case.limit)]
        sizes += [case.shared, number(found["pairs"], 0), number(found["distinct"], 0), case.variant]
        if "failed" in found:
            lines.append([*sizes, found["failed"], "", "", "", ""])
            continue
        beside = plain[case.plain]
        ratios = [number(beside[key] / found[key], 1) if key in beside else "" for key in ("seconds", "gigabytes")]
        values = [number(found["seconds"]), str(found["runs"]), number(found["gigabytes"])]
        lines.append([*sizes, *values, *ratios])
    return common.markdown_table(HEADER, lines)


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """The program's options."""
    made = common.parser(__doc__, "step", precision="none")
    made.add_argument("--width", type=int, default=128, help="width of the vectors (default 128)")
    made.add_argument("--repeats", type=int, default=3, help="most steps to take the median of, after a first one")
    made.add_argument("--all", action="store_true", help="skip nothing: hours, and hundreds of GB")
    made.add_argument("--reference", action="store_true", help="the reference case alone")
    made.add_argument("--most-seconds", type=float, default=6, help="skip longer steps (default 6)")
    made.add_argument("--most-gigabytes", type=float, default=12, help="skip larger steps (default 12)")
    made.add_argument("--most-minutes", type=float, default=14, help="begin no case after this (default 14)")
    return made.parse_args(words)


def main(words: list[str] | None = None) -> None:
    """Measure, and write the table."""
    options = arguments(words)
    facts = common.conditions(options)
    chosen = [case for case in cases(options.width) if case.shared == "reference" or not options.reference]
    rows = measure_all(options, chosen)
    skipped = sum(found.get("failed", "").startswith(NOT_RUN) for _, found in rows)
    note = (
        f"Width {options.width}; median of at most {options.repeats} steps after a first one, fewer once they took "
        f"{ENOUGH:.0f} s. {skipped} of {len(rows)} cases were not run, since they would take more than "
        f"{options.most_seconds:g} s a step or {options.most_gigabytes:g} GB by the estimate in `grid.py` (operations "
        "and values kept by the layers, scaled by the reference case of the same variant and patch), or the time was "
        "up; `--all` runs them. The reference case is always run."
    )
    records = [{**dataclasses.asdict(case), **found} for case, found in rows]
    common.write_results(options.output, TITLE, [(__doc__ or "").strip(), note, table(rows)], facts, {"rows": records})


if __name__ == "__main__":
    main()
