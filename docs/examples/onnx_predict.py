"""Predict samples with a file of `aam export`, by onnxruntime and NumPy alone: no AAM, no torch.

python onnx_predict.py MODEL.onnx TABLE.tsv [METADATA.tsv] > predictions.tsv

The table has a row for each ASV (its DNA first) and a column for each sample; the metadata a row for each sample.
"""

import csv
import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime


def read(path):
    rows = list(csv.reader(Path(path).read_text(encoding="utf-8").splitlines(), delimiter="\t"))
    return [row for row in rows if row and not row[0].startswith(("# ", "#q2:"))]


def drawn(sample_id, counts, draw, number):
    """Rarefied reads, as AAM draws them, of the most abundant ASVs (those of the longest list that a network takes)."""
    key = int.from_bytes(hashlib.blake2b(sample_id.encode(), digest_size=8).digest(), "little")
    words = (draw["epoch"] + number, key >> 32, key & 0xFFFFFFFF)
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(draw["seed"], spawn_key=words)))
    asvs = np.flatnonzero(counts)
    reads = counts[asvs]
    if draw["depth"] is not None and reads.sum() > draw["depth"]:
        reads = rng.multivariate_hypergeometric(reads, draw["depth"], method="marginals")
    kept = np.sort(np.argsort(-reads, kind="stable")[: draw["most_asvs"]])
    return asvs[kept], reads[kept]


def given(model, table, sheet):
    """The arrays that the model takes: see docs/export.md."""
    trim, draw, alphabet = model["sequences"]["trim_length"], model["draw"], model["alphabet"]
    sample_ids, summed = table[0][1:], {}
    for sequence, *cells in table[1:]:
        own = summed.setdefault(sequence.upper()[:trim], np.zeros(len(sample_ids), np.int64))
        own += np.array(cells, float).astype(np.int64)
    sequences = sorted(summed)
    counts = np.array([summed[sequence] for sequence in sequences])
    tokens = np.zeros((len(sequences), max(map(len, sequences))), np.uint8)
    for row, sequence in zip(tokens, sequences, strict=True):
        row[: len(sequence)] = [alphabet.get(letter, alphabet["N"]) for letter in sequence]
    parts = [[drawn(one, counts[:, at], draw, n) for at, one in enumerate(sample_ids)] for n in range(draw["number"])]
    shape = (draw["number"], len(sample_ids), max(len(asvs) for own in parts for asvs, _ in own))
    arrays = {"tokens": tokens, "index": np.zeros(shape, np.int64), "counts": np.zeros(shape, np.float32)}
    for n, own in enumerate(parts):
        for at, (asvs, reads) in enumerate(own):
            arrays["index"][n, at, : len(asvs)], arrays["counts"][n, at, : len(asvs)] = asvs, reads
    cells = {row[0]: dict(zip(sheet[0], row, strict=False)) for row in sheet[1:]}
    known = [cells.get(one, {}) for one in sample_ids]
    columns = model["categorical"]
    place = [
        [
            (["", *one["levels"]]).index(row[one["name"]]) if row.get(one["name"]) in one["levels"] else 0
            for one in columns
        ]
        for row in known
    ]
    arrays["category"] = np.array(place, np.int64).reshape(len(known), len(columns))
    arrays["number"] = np.array([[number(row.get(name)) for name in model["numeric"]] for row in known])
    targets = model["targets"] or {"level_columns": [], "levels": [], "exposure_column": None}
    joint = [", ".join(f"{name}={row.get(name, '')}" for name in targets["level_columns"]) for row in known]
    arrays["level"] = np.array([targets["levels"].index(one) + 1 if one in targets["levels"] else 0 for one in joint])
    arrays["exposure"] = np.array([number(row.get(targets["exposure_column"])) for row in known])
    return sample_ids, {port["name"]: arrays[port["name"]] for port in model["inputs"]}


def number(cell):
    try:
        return float(cell)
    except (TypeError, ValueError):
        return np.nan


def main(path, table, sheet=None):
    session = onnxruntime.InferenceSession(path)
    model = json.loads(session.get_modelmeta().custom_metadata_map["aam"])
    sample_ids, arrays = given(model, read(table), read(sheet) if sheet else [[]])
    found = session.run(None, arrays)[0]
    names = model["targets"]["outputs"] if model["targets"] else [f"v{place + 1}" for place in range(found.shape[1])]
    print("sample-id", *names, sep="\t")
    for sample_id, values in zip(sample_ids, found, strict=True):
        print(sample_id, *(f"{value:.10g}" for value in values), sep="\t")


if __name__ == "__main__":
    main(*sys.argv[1:])
