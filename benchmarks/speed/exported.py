"""A network in ONNX beside the same network in torch.

Seconds of the processor, by one thread, so that a busy machine changes little: from sequences and reads to the
prediction, ASVs encoded anew in each call. Each reading of onnxruntime stands right after one of torch; the middle of
the ratios counts. The network has random weights and the default layers, five bases a token; samples are of random DNA
of 150 bases, of 1 to 120 ASVs out of 240.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import torch

from aam.config import CovariateOptions, HeadOptions, LossOptions, ModelOptions
from aam.data.targets.kinds import NUMBERS, TargetSpec
from aam.data.targets.targets import Targets
from aam.models.export.trace import trace
from aam.models.folder.description import ModelDescription
from aam.models.sequence_encoder import SelfSupervision, SequenceEncoder
from aam.models.sequence_predictor import PredictorPlan, SequencePredictor, num_parameters
from aam.workflows.export.check import compare
from aam.workflows.export.parts import Exportable
from aam.workflows.export.samples import RICHEST, Given, of_pool, random_samples, simulated_samples
from benchmarks.speed.common import conditions, markdown_table, number, parser, write_results

SAMPLES = (1, 8, 64)
BASES = 150
DATA = {"trim_length": None, "max_bp": BASES, "rarefy_depth": None, "token_limit": 1024, "asv_sampling": "abundance"}


def network_of(width: int) -> Exportable:
    """A predictor of one number with random weights."""
    torch.manual_seed(0)
    options = ModelOptions(embedding_dim=width)
    targets = Targets(specs=(TargetSpec(column="x", kind=NUMBERS, transform="zscore"),))
    plan = PredictorPlan(targets=targets, head=HeadOptions(), loss=LossOptions(), covariates=CovariateOptions())
    supervision = SelfSupervision()
    network = SequencePredictor(SequenceEncoder(options, supervision), plan).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape))
    described = ModelDescription(options=options, supervision=supervision, predictor=plan, data=DATA, record={})
    return Exportable(networks=(network,), manifest=described.manifest, targets=targets)


def samples_of(parts: Exportable, size: int) -> Given:
    """Samples of random DNA."""
    rng = np.random.default_rng(size)
    pool = rng.integers(1, 5, (2 * RICHEST, BASES)).astype(np.uint8)
    return of_pool(parts, pool, size, rng)


def processor_seconds(action: Callable[[], Any]) -> float:
    """Seconds of the processor that an action takes."""
    started = time.process_time()
    action()
    return time.process_time() - started


def session_of(content: bytes) -> Any:
    """The graph, to be computed by one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def measure(width: int, repeats: int) -> dict[str, Any]:
    """All figures of a network of one width."""
    parts = network_of(width)
    whole, started = parts.whole(), time.process_time()
    content = trace(whole, {})
    record: dict[str, Any] = {"export_seconds": time.process_time() - started, "bytes": len(content)}
    session, (network,) = session_of(content), parts.networks
    record["weights"] = num_parameters(network)
    record["checks"] = {
        words: compare(parts, session, samples, words).largest
        for words, samples in (
            ("random", random_samples(parts, seed=1)),
            ("simulated", simulated_samples(parts, None, seed=1)),
        )
    }
    record["seconds"] = {}
    for size in SAMPLES:
        some = samples_of(parts, size)

        def by_torch(some: Given = some) -> None:
            with torch.no_grad():
                network.outputs(network(some.batch))

        def by_onnx(some: Given = some) -> None:
            session.run(None, some.arrays)

        pairs = [(processor_seconds(by_torch), processor_seconds(by_onnx)) for _ in range(repeats + 1)][1:]
        record["seconds"][str(size)] = {
            "torch": median(one for one, _ in pairs),
            "onnx": median(other for _, other in pairs),
            "ratio": median(one / other for one, other in pairs),
        }
    return record


def rows_of(records: dict[str, dict[str, Any]]) -> list[list[str]]:
    """A line for each network and number of samples."""
    return [
        [width, size, number(own["torch"], 4), number(own["onnx"], 4), number(own["ratio"])]
        for width, record in records.items()
        for size, own in record["seconds"].items()
    ]


def files_of(records: dict[str, dict[str, Any]]) -> list[list[str]]:
    """A line for each network."""
    return [
        [
            width,
            f"{record['weights']:,}",
            number(record["bytes"] / 1e6, 1),
            number(record["export_seconds"], 0),
            *(f"{largest:.0e}" for largest in record["checks"].values()),
        ]
        for width, record in records.items()
    ]


def main() -> None:
    """Measure and write the tables."""
    made: argparse.ArgumentParser = parser(__doc__, "exported")
    made.add_argument("--widths", type=int, nargs="+", default=[64, 128])
    made.add_argument("--repeats", type=int, default=9)
    options = made.parse_args()
    options.threads = 1
    torch.set_num_threads(1)
    facts = conditions(options)
    records = {str(width): measure(width, options.repeats) for width in options.widths}
    header = ["width", "samples", "torch, s", "onnxruntime, s", "torch / onnxruntime"]
    of_files = ["width", "weights", "file, MB", "export, s", "random", "simulated"]
    words = [
        (__doc__ or "").split("\n\n", 1)[1].strip(),
        markdown_table(header, rows_of(records)),
        "The file, the seconds that its export takes, and the largest difference over 64 samples, in spreads of the "
        "target:",
        markdown_table(of_files, files_of(records)),
    ]
    write_results(options.output, "A network in ONNX", words, facts, {"networks": records})


if __name__ == "__main__":
    main()
