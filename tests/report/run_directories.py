"""Run directories as a run writes them, small and with a known signal, for the tests of what reads them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import yaml

from aam.data.targets.kinds import CLASSES, NUMBERS, TargetSpec
from aam.data.targets.targets import Targets

HOSTILE = "\"><script>alert('x')</script>"
NUM_EPOCHS = 30
DEPTH = 4000
Results = dict[str, tuple[list[str], np.ndarray]]


def write_regression(
    folder: Path, *, test: bool = True, forest: bool = True, hostile: str = "", size: int = 60
) -> Path:
    """A run that predicted months of life from 0 to 24; the forest is a little better."""
    rng = np.random.default_rng(1)
    target = TargetSpec(column="month_of_life", kind=NUMBERS, transform="zscore", mean=9.4, median=8.5)
    counts = {"train": 3 * size, "validation": size, "test": size if test else 0}
    results: Results = {}
    for part, count in counts.items():
        ids = [f"10249.{part[0].upper()}{i:03d}.{i % 24}SS" for i in range(count)]
        results[part] = (ids, rng.gamma(2, 4, count).clip(0, 24).round(1))
    if hostile:
        results["validation"][0][0] = hostile
    for part, (ids, observed) in results.items():
        rows = zip(ids, observed, _guess(observed, 2.6, rng), strict=True)
        _write_predictions(folder, part, [[i, f"{o:g}", f"{p:.6g}"] for i, o, p in rows])
    if forest:
        rows = [
            [part, i, f"{o:g}", f"{p:.6g}"]
            for part, (ids, observed) in results.items()
            for i, o, p in zip(ids, observed, _guess(observed, 2.3, rng), strict=True)
            if part != "train"
        ]
        write_table(folder / "forest_predictions.tsv", ["part", "sample-id", "observed", "predicted"], rows)
    _write_embeddings(folder, results, lambda observed: np.sin(np.outer(observed, [0.2, 0.1, 0.05])), rng)
    history = {"target": 0.5, "nucleotide": 0.2, "distance": 0.05}
    metrics = {"mae": (5.2, 2.7), "r2": (0.02, 0.7), "rmse": (6.4, 3.3), "spearman": (0.1, 0.85)}
    _write_rest(folder, target, results, _history(history, metrics, rng), best=("mae", 2.71))
    return folder


def write_classification(
    folder: Path, classes: Sequence[str], *, test: bool = False, forest: bool = True, size: int = 80
) -> Path:
    """A run that predicted classes of unequal sizes."""
    rng = np.random.default_rng(2)
    target = TargetSpec(column="sample_type", kind=CLASSES, classes=tuple(classes), majority=classes[0])
    frequencies = np.arange(len(classes), 0, -1) / sum(range(len(classes) + 1))
    counts = {"train": 3 * size, "validation": size, "test": size if test else 0}
    codes = {part: rng.choice(len(classes), count, p=frequencies) for part, count in counts.items()}
    results: Results = {
        part: ([f"{part}.{i}" for i in range(len(code))], np.array(classes, dtype=object)[code])
        for part, code in codes.items()
    }
    names = [f"probability_{name}" for name in classes]
    for part, (ids, _) in results.items():
        _write_predictions(folder, part, _class_rows(ids, codes[part], classes, 2.0, rng), names)
    if forest:
        rows = [
            [part, *row]
            for part, (ids, _) in results.items()
            for row in _class_rows(ids, codes[part], classes, 1.2, rng)
            if part != "train"
        ]
        write_table(folder / "forest_predictions.tsv", ["part", "sample-id", "observed", "predicted", *names], rows)
    order = {name: float(code) for code, name in enumerate(classes)}
    _write_embeddings(folder, results, lambda o: np.cos(np.outer([order[x] for x in o], [1.0, 2.0, 3.0])), rng)
    metrics = {"balanced_accuracy": (0.3, 0.8), "accuracy": (0.4, 0.85), "f1": (0.2, 0.8), "auroc": (0.5, 0.95)}
    _write_rest(folder, target, results, _history({"target": 0.4}, metrics, rng), best=("balanced_accuracy", 0.8))
    return folder


def write_pretraining(folder: Path, *, size: int = 150) -> Path:
    """A run without a target."""
    rng = np.random.default_rng(3)
    counts = {"train": 3 * size, "validation": size}
    results: Results = {part: ([f"{part}{i}" for i in range(n)], np.full(n, "")) for part, n in counts.items()}
    _write_embeddings(folder, results, lambda o: rng.normal(size=(len(o), 1)) * [3.0, 1.0, 0.5], rng)
    metrics = {"distance_correlation": (0.2, 0.93), "nucleotide_accuracy": (0.3, 0.94)}
    history = _history({"distance": 0.02, "nucleotide": 0.25, "count": 0.4}, metrics, rng)
    _write_rest(folder, None, results, history, best=("val_loss", 0.9))
    return folder


def write_table(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    path.write_text("".join("\t".join(row) + "\n" for row in [header, *rows]))


def read_json(path: Path) -> dict[str, object]:
    content = json.loads(path.read_text())
    assert isinstance(content, dict)
    return content


def _guess(observed: np.ndarray, noise: float, rng: np.random.Generator) -> np.ndarray:
    """Shrunken towards the mean, with noise."""
    return 9.4 + 0.8 * (observed - 9.4) + rng.normal(0, noise, len(observed))


def _write_predictions(folder: Path, part: str, rows: list[list[str]], names: Sequence[str] = ()) -> None:
    files = {"validation": "val_predictions.tsv", "test": "test_predictions.tsv"}
    if part in files and rows:
        write_table(folder / files[part], ["sample-id", "observed", "predicted", *names], rows)


def _class_rows(
    ids: list[str], codes: np.ndarray, classes: Sequence[str], strength: float, rng: np.random.Generator
) -> list[list[str]]:
    scores = rng.normal(size=(len(ids), len(classes))) + strength * np.eye(len(classes))[codes]
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    said = [classes[code] for code in shares.argmax(axis=1)]
    rows = zip(ids, codes, said, shares, strict=True)
    return [[i, classes[code], guess, *(f"{p:.6g}" for p in share)] for i, code, guess, share in rows]


def _history(
    losses: dict[str, float], metrics: dict[str, tuple[float, float]], rng: np.random.Generator
) -> dict[str, list[float]]:
    epochs = np.arange(NUM_EPOCHS)
    fade = np.exp(-epochs / 6)
    columns = {"epoch": epochs, "step": 20 * (epochs + 1), "lr": 1e-3 * fade, "seconds": np.full(NUM_EPOCHS, 7.5)}
    for part, floor in (("train", 0.9), ("val", 1.0)):
        own = {n: low * floor + fade * rng.uniform(0.9, 1.1, NUM_EPOCHS) for n, low in losses.items()}
        columns |= {f"{part}_{name}_loss": values for name, values in own.items()}
        columns[f"{part}_loss"] = np.sum(list(own.values()), axis=0)
    for name, (first, last) in metrics.items():
        columns[f"val_{name}"] = last + (first - last) * fade + rng.normal(0, abs(first - last) * 0.02, NUM_EPOCHS)
    return {name: values.tolist() for name, values in columns.items()}


def _write_embeddings(
    folder: Path, results: Results, vectors: Callable[[np.ndarray], np.ndarray], rng: np.random.Generator
) -> None:
    rows = []
    basis = np.linalg.qr(rng.normal(size=(8, 3)))[0].T
    for part, (ids, observed) in results.items():
        points = vectors(observed) @ basis + rng.normal(0, 0.12, (len(ids), 8))
        for sample_id, value, point in zip(ids, observed, points, strict=True):
            rows.append([sample_id, part, str(value), *(f"{x:.5g}" for x in point)])
    write_table(folder / "sample_embeddings.tsv", ["sample-id", "part", "observed", *map(str, range(8))], rows)


def _write_rest(
    folder: Path, target: TargetSpec | None, results: Results, history: dict[str, list[float]], best: tuple[str, float]
) -> None:
    names = list(history)
    lines = [",".join(names), *(",".join(f"{history[n][row]:g}" for n in names) for row in range(NUM_EPOCHS))]
    (folder / "metrics.csv").write_text("\n".join(lines) + "\n")
    command = "pretrain" if target is None else "train"
    config = {
        "command": command,
        "table": ["table.biom"],
        "tree": "tree.nwk",
        "group_column": None,
        "lr": 0.001,
        "stratify": True,
    }
    config |= {
        "batch_size": 16,
        "embedding_dim": 128,
        "where": "mom_child == 'C'",
        "rarefy_depth": "auto",
        "warmup_steps": 45,
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    for part, name in (("train", "train"), ("validation", "val"), ("test", "test")):
        if part in results and results[part][0]:
            (folder / f"{name}_samples.txt").write_text("".join(f"{i}\n" for i in results[part][0]))
    data = _data(target, {part: len(ids) for part, (ids, _) in results.items()}, best)
    (folder / "data.json").write_text(json.dumps(data))


def _data(target: TargetSpec | None, samples: dict[str, int], best: tuple[str, float]) -> dict[str, object]:
    rng = np.random.default_rng(4)
    used = sum(samples.values())
    reads = np.sort(rng.lognormal(9.4, 0.6, used).astype(int) + DEPTH)
    flow = [
        ("Table", used + 210, 0, "", []),
        ("Metadata", used + 190, 20, "not in metadata.tsv", ["blank.1", "blank.2", "blank.3"]),
        (
            "Condition",
            used + 40,
            150,
            "mom_child == 'C' does not hold",
            ["10249.M001.01R", "10249.M001.02R", "10249.M002.01R"],
        ),
        ("Target", used + 25, 15, "'month_of_life' is missing", ["10249.C004.00SS", "10249.C009.00SS"]),
        ("Rarefaction", used, 25, f"fewer than {DEPTH:,} reads", ["10249.C001.07SS"]),
    ]
    return {
        "inputs": [
            {"path": "data/table.biom", "sha256": "0f" * 32, "bytes": 4_812_344},
            {"path": "data/tree.nwk", "sha256": "a1" * 32, "bytes": 220},
        ],
        "flow": [dict(zip(("step", "kept", "dropped", "reason", "examples"), step, strict=True)) for step in flow],
        "notes": ["12 ASVs occurred twice and were summed."],
        "samples": samples,
        "num_asvs": 3104,
        "rarefy_depth": DEPTH,
        "reads_per_sample": reads.tolist(),
        "asvs_per_sample": np.sort(rng.poisson(90, used) + 1).tolist(),
        "sequence_lengths": {"min": 150, "median": 150, "max": 150},
        "targets": None if target is None else Targets(specs=(target,)).to_dict(),
        "command": "aam train --table data/table.biom --metadata data/metadata.tsv --metadata-column month_of_life",
        "environment": {"aam": "0.1.0", "python": "3.11.7", "torch": "2.13.0"},
        "model": {"parameters": 1_204_113, "best_epoch": 21, "best_metric": best[0], "best_value": best[1]},
    }
