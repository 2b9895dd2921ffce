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


def number(cell):
    try:
        return float(cell)
    except (TypeError, ValueError):
        return np.nan


def rarefied(sample_id, counts, draw, n):
    """The reads that AAM draws, of the most abundant ASVs."""
    key = int.from_bytes(hashlib.blake2b(sample_id.encode(), digest_size=8).digest(), "little")
    words = (draw["epoch"] + n, key >> 32, key & 0xFFFFFFFF)
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(draw["seed"], spawn_key=words)))
    asvs = np.flatnonzero(counts)
    drawn = np.zeros_like(counts)
    is_deep = draw["depth"] is not None and counts.sum() > draw["depth"]
    drawn[asvs] = (
        rng.multivariate_hypergeometric(counts[asvs], draw["depth"], method="marginals") if is_deep else counts[asvs]
    )
    drawn[np.argsort(-drawn, kind="stable")[draw["most_asvs"] :]] = 0
    return drawn


def laid_out(samples):
    """Places of the ASVs of each sample, and their reads, padded to the richest sample."""
    order = np.argsort(samples == 0, axis=-1, kind="stable")[..., : (samples > 0).sum(axis=-1).max()]
    return order, np.take_along_axis(samples, order, axis=-1)


def given(model, table, sheet):
    """The arrays that the model takes, by name."""
    sample_ids, draw, alphabet, summed = table[0][1:], model["draw"], model["alphabet"], {}
    for sequence, *cells in table[1:]:
        sequence = sequence.upper()[: model["sequences"]["trim_length"]]
        summed[sequence] = summed.get(sequence, 0) + np.array(cells, float).astype(np.int64)
    sequences = sorted(summed)
    counts = np.array([summed[sequence] for sequence in sequences]).T
    tokens = np.zeros((len(sequences), max(map(len, sequences))), np.uint8)
    for row, sequence in zip(tokens, sequences, strict=True):
        row[: len(sequence)] = [alphabet.get(letter, alphabet["N"]) for letter in sequence]
    draws = [[rarefied(*one, draw, n) for one in zip(sample_ids, counts, strict=True)] for n in range(draw["number"])]
    rows = {row[0]: dict(zip(sheet[0], row, strict=False)) for row in sheet[1:]}
    known = [rows.get(one, {}) for one in sample_ids]
    codes = [{level: code for code, level in enumerate(one["levels"], 1)} for one in model["categorical"]]
    names = [one["name"] for one in model["categorical"]]
    category = [[own.get(row.get(name), 0) for name, own in zip(names, codes, strict=True)] for row in known]
    targets = model["targets"] or {"level_columns": [], "levels": [], "exposure_column": None}
    levels = {level: code for code, level in enumerate(targets["levels"], 1)}
    joint = [", ".join(f"{name}={row.get(name)}" for name in targets["level_columns"]) for row in known]
    (index, drawn), (all_index, all_counts) = laid_out(np.array(draws)), laid_out(counts)
    arrays = {
        "tokens": tokens,
        "index": index,
        "counts": drawn.astype(np.float32),
        "all_index": all_index,
        "all_counts": all_counts.astype(np.float64),
        "category": np.array(category, np.int64),
        "number": np.array([[number(row.get(name)) for name in model["numeric"]] for row in known]),
        "level": np.array([levels.get(level, 0) for level in joint]),
        "exposure": np.array([number(row.get(targets["exposure_column"])) for row in known]),
    }
    return sample_ids, {port["name"]: arrays[port["name"]] for port in model["inputs"]}


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
