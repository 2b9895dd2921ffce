"""`aam unifrac`: compute all distances between the samples of a table, and say what to do with them."""

from __future__ import annotations

import shlex
from pathlib import Path

from aam.config.commands.unifrac import UnifracConfig
from aam.log import logging_to_terminal, say
from aam.workflows.distance_matrix import compute_distances


def run(config: UnifracConfig) -> None:
    """Compute the distances of every pair of samples, and write them."""
    with logging_to_terminal():
        made = compute_distances(config)
        if made.has_dna:
            say("Next, learn them:", f"  {shlex.join(_next_command(config))}")
        else:
            say("aam pretrain could learn them from the sequences of the ASVs (--sequences)")


def _next_command(config: UnifracConfig) -> list[str]:
    """The words of a pre-training that keeps the same samples and learns these distances."""
    from aam.data.distances.files import ids_path

    table, options, output = config.table, config.distance, config.matrix.output
    beside = ids_path(output)
    given: list[tuple[str, object]] = [
        *(("--table", path) for path in table.table),
        ("--table-layer", table.table_layer),
        *(("--sequences", path) for path in table.sequences),
        ("--trim-length", table.trim_length),
        ("--reverse-complement", table.reverse_complement),
        ("--max-bp", table.max_bp),
        ("--distances", output),
        ("--distance-ids", beside),
        ("--encoder-type", options.metric),
        ("--rarefy-depth", None if options.rarefy_depth == "none" else options.rarefy_depth),
    ]
    plain = [] if options.unifrac_normalized else ["--no-unifrac-normalized"]
    if options.missing_tips == "drop":
        given += [("--tree", options.tree), ("--root", options.root), ("--missing-tips", "drop")]
        plain += ["--clip-negative-branches"] if options.clip_negative_branches else []
    words = [str(word) for pair in given if pair[1] is not None for word in pair]
    return ["aam", "pretrain", *words, *plain, "--output-dir", str(Path("runs") / "encoder")]
