"""Predict one sample, a line of DNA and reads for each ASV: python onnx_one_sample.py NETWORK.onnx SAMPLE.tsv."""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession(sys.argv[1])
model = json.loads(session.get_modelmeta().custom_metadata_map["aam"])
rows = [line.split() for line in Path(sys.argv[2]).read_text(encoding="utf-8").splitlines()]

tokens = np.zeros((len(rows), max(len(sequence) for sequence, _ in rows)), np.uint8)
for place, (sequence, _) in enumerate(rows):
    tokens[place, : len(sequence)] = [model["alphabet"].get(base, model["alphabet"]["N"]) for base in sequence]

reads, rng = np.array([int(number) for _, number in rows]), np.random.default_rng(0)
depth = min(model["draw"]["depth"] or reads.sum(), reads.sum())
draws = [rng.multivariate_hypergeometric(reads, depth) for _ in range(model["draw"]["number"])]
counts = np.array(draws, np.float32)[:, None]  # draw, sample, ASV
index = np.broadcast_to(np.arange(len(rows)), counts.shape)

predicted = session.run(None, {"tokens": tokens, "index": index, "counts": counts})[0]
for name, value in zip(model["targets"]["outputs"], predicted[0], strict=True):
    print(name, value, sep="\t")
