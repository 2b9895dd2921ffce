"""An encoder of many studies: train it, and see what it adds to ASVs and clades in studies that it never saw.

`compare` pre-trains an encoder by each recipe on the pool without the studies that it is judged on, and writes a table;
`ship` pre-trains the encoder that lies in the package on the whole pool; `provenance` writes where it comes from, once
it is committed. What is finished is not computed again.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks.encoder.compare import compare
from benchmarks.encoder.provenance import provenance
from benchmarks.encoder.recipes import EPOCHS, RECIPES
from benchmarks.encoder.ship import ship
from benchmarks.encoder.studies import EVALUATIONS


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.encoder", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    comparison = commands.add_parser("compare", help="recipes on studies that were left out")
    comparison.add_argument("--recipes", nargs="+", default=list(RECIPES))
    comparison.add_argument("--studies", nargs="+", choices=EVALUATIONS, default=list(EVALUATIONS))
    comparison.add_argument("--epochs", type=int, default=EPOCHS)
    comparison.add_argument("--dealings", type=int, default=2, help="ways of dealing the groups into folds")
    shipping = commands.add_parser("ship", help="the encoder of the package")
    origins = commands.add_parser("provenance", help="where the encoder of the package comes from")
    for command in (comparison, shipping, origins):
        command.add_argument("--data", type=Path, required=True, help="folder with a folder for each study")
        command.add_argument("--output", type=Path, default=Path("benchmarks/results"), help="where the table lies")
        command.add_argument("--work", type=Path, default=Path("runs/encoder"), help="where runs are kept")
    return parser.parse_args(words)


if __name__ == "__main__":
    chosen = arguments()
    {"compare": compare, "ship": ship, "provenance": provenance}[chosen.command](chosen)
