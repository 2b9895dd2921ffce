"""`aam tune` on real studies: trials a minute, and the choice beside the untuned default on samples that no trial saw.

``python -m benchmarks.tune --data DIR --results DIR`` searches where no finished search lies in the folder of the
results, and writes ``tune.md`` there.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import aam
from benchmarks.machine import conditions

HOSTS = {"group_column": "host_subject_id"}
STUDIES: Mapping[str, Mapping[str, Any]] = {
    "infant": {"study": "infant_ecam", "metadata_column": "month_of_life", "where": "mom_child == 'C'", **HOSTS},
    "fish": {"study": "fish_mackerel", "metadata_column": "water_temp_c", "group_column": "date_serial"},
    "decomp": {"study": "decomp_pmi", "metadata_column": "add_0c", "where": "sample_site == 'soil.hip'", **HOSTS},
}
"""Name of a search -> the folder of its study, and what is predicted of which samples."""
SEARCH = {"missing_tips": "drop", "folds": 3, "test_size": 0.3}
HEADER = ("study", "trials", "trials a minute", "held-out samples (groups)", "untuned", "tuned", "difference (95 % CI)")


def search(name: str, data: Path, folder: Path, options: Mapping[str, Any]) -> None:
    """Search, unless that was done."""
    if (folder / "tune.json").exists():
        return
    given = dict(STUDIES[name])
    study = data / given.pop("study")
    files = {"table": study / "table.biom", "metadata": study / "metadata.tsv", "tree": study / "tree.nwk"}
    aam.tune(**files, **given, **SEARCH, **options, output_dir=folder)


def lines(results: Path) -> Iterator[str]:
    """The table of all finished searches."""
    yield f"| {' | '.join(HEADER)} |"
    yield "|---" * len(HEADER) + "|"
    for path in sorted(results.glob("*/tune.json")):
        found = json.loads(path.read_text(encoding="utf-8"))
        for one in found["outer"]:
            untuned, tuned = (one[name][0] for name in ("untuned", "tuned"))
            value, low, high = one["difference"]
            cells = (
                f"{path.parent.name}: {one['target']} ({one['metric']})",
                f"{found['trials']}",
                f"{found['trials'] / found['minutes']:.1f}",
                f"{one['samples']} ({one['groups']})",
                f"{untuned:.4g}",
                f"{tuned:.4g}",
                f"{value:+.3g} ({low:+.3g} to {high:+.3g})",
            )
            yield f"| {' | '.join(cells)} |"


def main() -> None:
    """Search and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the studies")
    parser.add_argument("--results", type=Path, required=True, help="folder of the searches and of tune.md")
    parser.add_argument("--studies", nargs="+", choices=list(STUDIES), default=list(STUDIES))
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=None)
    parser.add_argument("--jobs", type=int, default=1)
    given = parser.parse_args()
    options = {"trials": given.trials, "minutes": given.minutes, "jobs": given.jobs}
    before = conditions()
    for name in given.studies:
        search(name, given.data, given.results / name, options)
    said = ", ".join(f"{name} {value}" for name, value in before.items())
    text = "\n".join(["# What a search brings", "", *lines(given.results), "", f"Measured: {said}.", ""])
    (given.results / "tune.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
