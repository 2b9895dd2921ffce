"""Run directories of blends, small and with a known signal, for the tests of what reads them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import yaml

from aam.data.targets.targets import Targets
from aam.evaluation.blend_record import BlendRecord, LeftOut, MemberRecord
from tests.report.run_directories import read_json, write_classification, write_regression

LABELS = {
    "forest": "random forest on ASVs",
    "trees-dna": "extra trees on DNA clades",
    "clades-radial": "radial kernel ridge on DNA clades",
    "jaccard": "kernel ridge on Jaccard distances",
}
WEIGHTS = (0.1, 0.2, 0.45, 0.25)
LEFT_OUT = LeftOut(name="unifrac-phylogeny", reason="no tree was given")


def make_blend(columns: Sequence[str] = ("month_of_life",), main: str = "mae", number: int = 4) -> BlendRecord:
    """A blend whose last member weighs most in the second target; with one member it weighs 1."""
    members = []
    for place, (name, label) in enumerate(list(LABELS.items())[:number]):
        shares = {
            column: 1.0 if number == 1 else WEIGHTS[place] if column == columns[0] else WEIGHTS[(place + 3) % 4]
            for column in columns
        }
        scores = {column: {main: 3.0 - 0.25 * place, "r2": 0.5 + 0.05 * place} for column in columns}
        members.append(MemberRecord(name=name, label=label, seconds=4.2 + place, weights=shares, figures=scores))
    return BlendRecord(members=tuple(members), left_out=(LEFT_OUT,), num_folds=5, num_groups=42)


def write_blend(folder: Path, *, test: bool = True, groups: bool = True, number: int = 4) -> Path:
    """A run that blended learners to predict months of life."""
    write_regression(folder, test=test)
    _turn_into_blend(folder, make_blend(number=number), groups)
    return folder


def write_blend_of_classes(folder: Path, classes: Sequence[str]) -> Path:
    """A run that blended learners to predict classes, without a test part."""
    write_classification(folder, classes)
    _turn_into_blend(folder, make_blend(("sample_type",), "balanced_accuracy"), groups=True)
    return folder


def write_blend_of_two(folder: Path) -> Path:
    """A run that blended learners to predict two numbers, the second twice the first."""
    write_blend(folder, test=False)
    data = read_json(folder / "data.json")
    targets = Targets.from_dict(data["targets"])
    spec = targets.specs[0]
    two = Targets(specs=(spec, type(spec)(**{**vars(spec), "column": "mass"})))
    change_data(folder, targets=two.to_dict(), **make_blend(two.columns).to_dict())
    for name in ("out_of_fold_predictions.tsv", "forest_predictions.tsv"):
        header, *rows = [line.split("\t") for line in (folder / name).read_text().splitlines()]
        places = [header.index("observed"), header.index("predicted")]
        renamed = [f"{cell}_month_of_life" if cell in ("observed", "predicted") else cell for cell in header]
        lines = [[*renamed, "observed_mass", "predicted_mass"]]
        lines += [[*row, *(f"{2 * float(row[place]):g}" for place in places)] for row in rows]
        (folder / name).write_text("".join("\t".join(line) + "\n" for line in lines))
    return folder


def change_data(folder: Path, **changes: object) -> None:
    """Give parts of the record of a run another content."""
    (folder / "data.json").write_text(json.dumps({**read_json(folder / "data.json"), **changes}))


def _turn_into_blend(folder: Path, blend: BlendRecord, groups: bool) -> None:
    """Turn a run of a network into that of a blend: what were validation samples are predicted out of fold."""
    lines = (folder / "val_predictions.tsv").read_text().splitlines()
    if groups:
        lines = [f"{lines[0]}\tgroup", *(f"{line}\tbaby {row % 42}" for row, line in enumerate(lines[1:]))]
        config = yaml.safe_load((folder / "config.yaml").read_text())
        (folder / "config.yaml").write_text(yaml.safe_dump({**config, "group_column": "baby"}))
    (folder / "out_of_fold_predictions.tsv").write_text("\n".join(lines) + "\n")
    forest = folder / "forest_predictions.tsv"
    if forest.exists():
        forest.write_text(forest.read_text().replace("validation\t", "out_of_fold\t"))
    for name in ("val_predictions.tsv", "val_samples.txt", "metrics.csv", "sample_embeddings.tsv"):
        (folder / name).unlink()
    data = read_json(folder / "data.json")
    samples = data["samples"]
    assert isinstance(samples, dict)
    counts = {"train": samples["validation"], "test": samples.get("test", 0)}
    used = {part: count for part, count in counts.items() if count}
    model = {"parameters": 0, "best_metric": "mae"}
    change_data(folder, samples=used, model=model, rarefy_depth=None, **blend.to_dict())
