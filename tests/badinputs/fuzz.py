"""Reads many damaged copies of a sound file; run as its own process, so that a crash of a library is seen from outside.

Usage: ``fuzz.py READER FILE TRIALS SEED``. Prints what was no InputError, and exits with 1 if there was any.
"""

from __future__ import annotations

import random
import resource
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from aam.config import TableOptions
from aam.data.distances import read_distances
from aam.data.metadata import read_metadata
from aam.data.sequences import read_sequences
from aam.data.table import read_table
from aam.data.taxonomy import read_taxonomy
from aam.errors import InputError
from aam.phylogeny.tree import read_tree

READERS: dict[str, Callable[[Path], object]] = {
    "table": lambda path: read_table(TableOptions(table=(path,))),
    "metadata": read_metadata,
    "sequences": lambda path: read_sequences([path]),
    "distances": read_distances,
    "taxonomy": read_taxonomy,
    "tree": read_tree,
    "midpoint": lambda path: read_tree(path, "midpoint"),
}
MOST_SECONDS = 5
MOST_BYTES = 4 << 30
INTERESTING = (
    b"\0",
    b"\xff",
    b"\xff\xff\xff\xff",
    b"\0\0\0\0",
    b"\x7f\xff\xff\xff",
    b"\t",
    b"\n",
    b'"',
    b"-1",
    b"1e999",
)


def mutate(content: bytes, rng: random.Random) -> bytes:
    """Flip, cut, splice or overwrite at a few random places."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        place = rng.randrange(len(changed) + 1)
        match rng.randrange(5):
            case 0 if place < len(changed):
                changed[place] ^= 1 << rng.randrange(8)
            case 1 if place < len(changed):
                changed[place] = rng.randrange(256)
            case 2:
                value = rng.choice(INTERESTING)
                changed[place : place + len(value)] = value
            case 3:
                del changed[place : place + rng.choice((1, 4, 64, len(changed)))]
            case _:
                start = rng.randrange(len(changed) + 1)
                changed[place:place] = changed[start : start + rng.choice((1, 8, 64))]
    return bytes(changed)


def main() -> int:
    reader, source, trials, seed = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    content, wrong = source.read_bytes(), 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / source.name
        for trial in range(trials):
            path.write_bytes(mutate(content, random.Random(f"{seed} {trial}")))
            print(f"trial {trial}", flush=True, file=sys.stderr)
            start = time.monotonic()
            try:
                READERS[reader](path)
            except InputError as error:
                if not all(problem.isprintable() and len(problem) < 250 for problem in error.problems):
                    wrong += 1
                    print(f"trial {trial}: {error.problems}")
            except Exception:  # noqa: BLE001 - whatever it is, it is what this looks for
                wrong += 1
                print(f"trial {trial}:\n{traceback.format_exc()}")
            if time.monotonic() - start > MOST_SECONDS:
                wrong += 1
                print(f"trial {trial}: {time.monotonic() - start:.1f} s")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
