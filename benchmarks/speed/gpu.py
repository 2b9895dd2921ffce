"""How well the model uses a GPU: seconds, memory, and the share of the card's own matrix rate in the ASV encoder.

The card's rate is measured first, with a large matrix product of the same numbers. The share ("utilisation") is the
operations that the ASV encoder's layers need, forward and backward, by that rate and the time they take; padding and
repeated work are not counted. A step is a whole pre-training step with its optimiser. It needs torch and NumPy alone.

    python -m benchmarks.speed.gpu
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import torch
from torch.profiler import profile

from aam.models.attention import compile_layers
from aam.models.sequence_encoder import SequenceEncoder
from benchmarks.speed import common
from benchmarks.speed.common import Measured, number
from benchmarks.speed.flops import asv_encoder_flops, matrix_rate
from benchmarks.speed.grid import BASES, Case
from benchmarks.speed.profiler import activities, operator_table, top_operators
from benchmarks.speed.step import SUPERVISION, Step

TITLE = "Use of a GPU"
HEADER = (
    "width",
    "compiled",
    "ASV encoder, ms",
    "utilisation",
    "ASV encoder, TFLOP/s",
    "step, ms",
    "samples a second",
    "peak memory, GB",
)
FEWEST_HEADS, HEAD_WIDTH = 4, 64
PROFILED_STEPS = 3
NO_GPU = "torch finds no GPU here: `--device cpu --width 32` tries the program without one"


def measure_rate(device: str, precision: str, size: int, repeats: int) -> Measured:
    """The device's matrix rate."""
    return {"flops_a_second": matrix_rate(device, precision, size, repeats, common.median_seconds)}


def measure_encoder(
    case: dict[str, Any], device: str, precision: str, compiled: bool, asvs: int, repeats: int
) -> Measured:
    """Seconds of the ASV encoder, forward and backward, over ASVs of one length."""
    options = Case(**case).model_options()
    torch.manual_seed(0)
    model = SequenceEncoder(options, SUPERVISION).to(device)
    if compiled:
        compile_layers(model)
    tokens_UL = torch.randint(1, 5, (asvs, BASES), dtype=torch.uint8).to(device)

    def run() -> None:
        with common.arithmetic(precision, device):
            encoded = model.asv_encoder(tokens_UL, [BASES] * asvs)
        encoded.asv_UD.float().square().sum().backward()
        model.zero_grad()

    found = common.median_seconds(run, repeats, device=device, warm_up=3)
    return {**found, "flops": asv_encoder_flops(options, asvs, BASES)}


def measure_step(
    case: dict[str, Any], device: str, precision: str, compiled: bool, repeats: int, profiled: bool
) -> Measured:
    """Seconds of a whole step, and the operators that take most time of it."""
    step = Step(Case(**case), device, precision, compiled)
    found = common.median_seconds(step, repeats, device=device, warm_up=3)
    found["gigabytes"] = common.peak_bytes(device) / 1e9
    if profiled:
        with profile(activities=activities(device)) as profiler:
            for _ in range(PROFILED_STEPS):
                step()
            common.wait_for(device)
        found["operators"] = top_operators(profiler, device, PROFILED_STEPS)
    return found


def measure_width(options: argparse.Namespace, width: int, compiled: bool) -> Measured:
    """Encoder and step at a width, each in a process of its own."""
    case = {"variant": "distinct", "patch": options.patch, "samples": options.samples, "limit": options.token_limit}
    case |= {"shared": "many", "width": width, "heads": max(FEWEST_HEADS, width // HEAD_WIDTH)}
    common_ = {"case": case, "device": options.device, "precision": options.precision, "compiled": compiled}
    repeats = {"repeats": options.repeats}
    encoder = common.in_child(measure_encoder, {**common_, **repeats, "asvs": options.asvs}, options.threads)
    step = common.in_child(measure_step, {**common_, **repeats, "profiled": not compiled}, options.threads)
    return {"width": width, "compiled": compiled, "encoder": encoder, "step": step}


def table(rows: list[Measured], rate: float | None, samples: int) -> str:
    """The rows as Markdown."""
    lines = []
    for row in rows:
        encoder, step = row["encoder"], row["step"]
        line = [str(row["width"]), "yes" if row["compiled"] else "no"]
        if "failed" in encoder:
            line += [encoder["failed"], "", ""]
        else:
            achieved = encoder["flops"] / encoder["seconds"]
            share = "" if rate is None else f"{achieved / rate:.0%}"
            line += [number(1e3 * encoder["seconds"], 1), share, number(achieved / 1e12, 2)]
        if "failed" in step:
            line += [step["failed"], "", ""]
        else:
            seconds = step["seconds"]
            line += [number(1e3 * seconds, 1), number(samples / seconds, 1), number(step["gigabytes"])]
        lines.append(line)
    return common.markdown_table(HEADER, lines)


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """The program's options."""
    made = common.parser(__doc__, "gpu", precision="bf16")
    made.set_defaults(device="cuda")
    made.add_argument("--width", type=int, nargs="+", default=[128, 512, 1024], help="default 128 512 1024")
    made.add_argument("--patch", type=int, default=5, help="bases of a token (default 5)")
    made.add_argument("--samples", type=int, default=32, help="samples of a step (default 32)")
    made.add_argument("--token-limit", type=int, default=1024, help="ASVs of the richest sample (default 1024)")
    made.add_argument("--asvs", type=int, default=4096, help="ASVs that the encoder is timed on (default 4096)")
    made.add_argument("--matrix", type=int, default=8192, help="size of the matrix product (default 8192)")
    made.add_argument("--repeats", type=int, default=20, help="runs to take the median of (default 20)")
    made.add_argument("--no-compile", action="store_true", help="leave the compiled rows out")
    return made.parse_args(given)


def main(given: list[str] | None = None) -> int:
    """Measure, and write the tables; 2 where there is no GPU."""
    options = arguments(given)
    if options.device == "cuda" and not torch.cuda.is_available():
        print(NO_GPU, file=sys.stderr)
        return 2
    facts = common.conditions(options)
    asked = {"device": options.device, "precision": options.precision}
    asked |= {"size": options.matrix, "repeats": options.repeats}
    rate = common.in_child(measure_rate, asked, options.threads).get("flops_a_second")
    kinds = [False] if options.no_compile else [False, True]
    rows = [measure_width(options, width, compiled) for width in options.width for compiled in kinds]
    shown = "could not be measured" if rate is None else f"is {rate / 1e12:.2f} TFLOP/s"
    said = (
        f"A matrix product of {options.matrix:,} x {options.matrix:,} {shown}. The ASV encoder has {options.asvs:,} "
        f"ASVs of {BASES} bases, {options.patch} bases a token, 4 layers, heads at most {HEAD_WIDTH} wide; a step has "
        f"{options.samples} samples of up to {options.token_limit:,} ASVs. Median of {options.repeats} after 3."
    )
    sections = [(__doc__ or "").strip(), said, table(rows, rate, options.samples)]
    for row in rows:
        if row["step"].get("operators"):
            sections += [f"## A step at width {row['width']}", operator_table(row["step"]["operators"])]
    common.write_results(options.output, TITLE, sections, facts, {"flops_a_second": rate, "rows": rows})
    return 0


if __name__ == "__main__":
    sys.exit(main())
