"""Inputs that are sound, each for itself, but not together: whole commands (rows of B, T, D, L and O)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.badinputs.cases import Words, bad_command, bad_command_rows
from tests.badinputs.models import saved
from tests.data.study_files import NUM_SAMPLES, write_sheet, write_study

IDS = [f"s{i:02d}" for i in range(NUM_SAMPLES)]


def train(folder: Path, *words: str, column: str = "age") -> Words:
    """A training on the study of :func:`~tests.data.study_files.write_study`: 12 samples, ages, three sites."""
    if not (folder / "table.tsv").exists():
        write_study(folder)
    given = ["--table", "table.tsv", "--metadata", "metadata.tsv", "--metadata-column", column]
    return ["train", *given, "--learners", "network", "--output-dir", "run", "--no-progress", *words]


def with_column(folder: Path, name: str, cells: list[str], *words: str, ids: list[str] = IDS) -> Words:
    """A training on metadata with one column."""
    command = train(folder, *words, column=name)
    write_sheet(folder / "metadata.tsv", ["sample-id", name], [list(row) for row in zip(ids, cells, strict=True)])
    return command


@bad_command("B24 a sample in two tables", "t2.tsv: 12 samples also in table.tsv (first: s00); <any>")
def _(folder: Path) -> Words:
    words = train(folder, "--table", "t2.tsv")
    (folder / "t2.tsv").write_bytes((folder / "table.tsv").read_bytes())
    return words


@bad_command(
    "T9 leading zeros",
    "metadata.tsv: no sample of table.tsv is in it (table: '00012', metadata: '12'); did a program drop leading zeros? "
    "--match-ids loose takes them for the same",
)
def _(folder: Path) -> Words:
    words = with_column(folder, "age", [str(i) for i in range(12)], ids=[str(i + 12) for i in range(12)])
    rename(folder, [f"{i + 12:05d}" for i in range(12)])
    return words


def rename(folder: Path, ids: list[str]) -> None:
    """Give the table other sample ids."""
    lines = (folder / "table.tsv").read_text().splitlines()
    (folder / "table.tsv").write_text("\n".join(["\t".join(["#OTU ID", *ids]), *lines[1:]]) + "\n")


@bad_command(
    "T18 a class that nothing teaches",
    "metadata.tsv: column 'site': unknown level 'c' outside of the training samples (trained on: a, b); choose another "
    "split, or leave its samples out with --where",
)
def _(folder: Path) -> Words:
    words = train(folder, "--classifier", "--train-samples", "a.txt", "--val-samples", "b.txt", column="site")
    is_taught = [i % 3 != 2 for i in range(12)]
    (folder / "a.txt").write_text("\n".join(name for name, taught in zip(IDS, is_taught, strict=True) if taught))
    (folder / "b.txt").write_text("\n".join(name for name, taught in zip(IDS, is_taught, strict=True) if not taught))
    return words


def with_weights(folder: Path, column: str) -> Words:
    write_study(folder)
    sheet = (folder / "metadata.tsv").read_text().replace("sample-id\tage", "sample-id\tage\tph").splitlines()
    rows = [line.split("\t") for line in sheet[1:]]
    lines = ["\t".join([row[0], row[1], str(i % 5), *row[2:]]) for i, row in enumerate(rows)]
    (folder / "metadata.tsv").write_text("\n".join([sheet[0], *lines]) + "\n")
    return train(folder, "--sample-weight-column", column, column="ph")


def distances(folder: Path, ids: list[str], values: np.ndarray, *words: str) -> Words:
    lines = ["\t".join(["", *ids]), *("\t".join([i, *map(str, row)]) for i, row in zip(ids, values, strict=True))]
    command = train(folder, "--distances", "u.tsv", "--encoder-type", "unifrac", *words)
    (folder / "u.tsv").write_text("\n".join(lines) + "\n")
    return command


def points(size: int = NUM_SAMPLES, seed: int = 1) -> np.ndarray:
    """Distances of random points on a line, in 0..1."""
    place = np.random.default_rng(seed).random(size)
    return np.abs(place[:, None] - place)


def lists(folder: Path, training: list[str], validation: list[str]) -> Words:
    words = train(folder, "--train-samples", "a.txt", "--val-samples", "b.txt")
    (folder / "a.txt").write_text("\n".join(training))
    (folder / "b.txt").write_text("\n".join(validation))
    return words


@bad_command("C7 pre-training", "model: a pre-trained encoder has no target; fine-tune it with aam train")
def _(folder: Path) -> Words:
    saved(folder, is_encoder=True)
    write_study(folder)
    return ["predict", "--model", "model", "--table", "table.tsv", "--output", "p.tsv"]


NO_MODEL = "no model found (a folder with model.safetensors is needed, or a name that `aam models` lists)"


@bad_command("C8 no model", f"nothing: {NO_MODEL}")
def _(folder: Path) -> Words:
    write_study(folder)
    return ["predict", "--model", "nothing", "--table", "table.tsv", "--output", "p.tsv"]


@bad_command("O1 no folder", "p.tsv: folder nowhere does not exist; create it first")
def _(folder: Path) -> Words:
    saved(folder)
    write_study(folder)
    return ["predict", "--model", "model", "--table", "table.tsv", "--output", "nowhere/p.tsv"]


@bad_command("O2 an output that is there", "p.tsv: <any>")
def _(folder: Path) -> Words:
    saved(folder)
    write_study(folder)
    (folder / "p.tsv").write_text("mine")
    return ["predict", "--model", "model", "--table", "table.tsv", "--output", "p.tsv"]


@bad_command(
    "O3 a folder of something else",
    "run: the folder is not empty and does not contain a run; choose another --output-dir",
)
def _(folder: Path) -> Words:
    words = train(folder)
    (folder / "run").mkdir()
    (folder / "run" / "thesis.txt").write_text("mine")
    return words


# fmt: off
bad_command_rows(
    ("B22 rarefaction",
     "rarefaction: no sample has 100,000 reads (largest: s<any>, <any>); lower --rarefy-depth, or none for all reads",
     train, "--rarefy-depth", "100000"),
    ("T9 case",
     "metadata.tsv: no sample of table.tsv is in it (table: 's00', metadata: 'S00'); does the case of the letters "
     "differ? --match-ids loose takes them for the same",
     lambda folder: with_column(folder, "age", [str(i) for i in range(12)], ids=[name.upper() for name in IDS])),
    ("T9 others", "metadata.tsv: no sample of table.tsv is in it (table: 's00', metadata: 'x0')",
     lambda folder: with_column(folder, "age", [str(i) for i in range(12)], ids=[f"x{i}" for i in range(12)])),
    ("T10 one sample left", "metadata.tsv: only 1 of 12 samples of table.tsv is in it; at least 2 are needed",
     lambda folder: with_column(folder, "age", ["1"], ids=IDS[:1])),
    ("T10 no value left", "metadata.tsv: no sample of table.tsv is left: 12 of 12: 'age' is missing (first: s00)",
     with_column, "age", ["not collected"] * 12),
    ("T12 no column", "metadata.tsv: no column 'Age'; did you mean 'age'? columns: age, site, subject, weight",
     lambda folder: train(folder, column="Age")),
    ("T12 covariates",
     "metadata.tsv: no column 'seson'; columns: age, site, subject, weight (and 1 more: `aam check` lists them)",
     train, "--categorical-columns", "seson", "--numeric-columns", "dpth"),
    ("T13 a column of words",
     "metadata.tsv: column 'site' is not numeric: 12 of 12 values (3 different: 'a', 'b', 'c'; first: s00); "
     "--classifier takes words", lambda folder: train(folder, column="site")),
    ("T13 several columns",
     "metadata.tsv: column 'site' is not numeric: 12 of 12 values (3 different: 'a', 'b', 'c'; first: s00); "
     "--classifier takes words (and 1 more: `aam check` lists them)",
     lambda folder: train(folder, "--metadata-column", "subject", column="site")),
    ("T13 covariate",
     "metadata.tsv: column 'site' is not numeric: 12 of 12 values (3 different: 'a', 'b', 'c'; first: s00); empty "
     "these cells, or name it in --categorical-columns", train, "--numeric-columns", "site"),
    ("T15 constant", "metadata.tsv: column 'weight' has one value (1.5) in the training samples: nothing to learn",
     lambda folder: train(folder, column="weight")),
    ("T15 constant covariate",
     "metadata.tsv: column 'weight' has one value (1.5) in the training samples: it carries no information; leave it "
     "out of --numeric-columns", train, "--numeric-columns", "weight"),
    ("T17 one sample of a class",
     "metadata.tsv: column 'kind': class 'b' has 1 sample; at least 2 are needed; leave them out with --where",
     with_column, "kind", [*"a" * 6, "b", *"c" * 5], "--classifier"),
    ("T17 a class for each sample",
     "metadata.tsv: column 'kind': 12 classes have 1 sample (first: 'k00'); at least 2 are needed; leave them out with "
     "--where, or leave out --classifier", with_column, "kind", [f"k{i:02d}" for i in range(12)], "--classifier"),
    ("T21 weights",
     "metadata.tsv: column 'age': 1 of 12 samples have a weight that is not above 0 (first: s00); give every sample a "
     "positive weight", with_weights, "age"),
    ("T26 a target that is too large",
     "metadata.tsv: column 'big': values from 0 to 1.797e+308 have no computable standard deviation; --missing leaves "
     "such cells out, or give it in other units",
     with_column, "big", ["1.797e308", *map(str, range(11))]),
    ("T26 a target beyond single precision",
     "metadata.tsv: column 'big': 1 value cannot be computed with (largest 1e+40); --target-transform zscore, or give "
     "it in other units", with_column, "big", ["1e40", *map(str, range(11))], "--target-transform", "none"),
    ("T21 weights too large",
     "metadata.tsv: --categorical-loss-weights: weights from 1 to 1e+308 cannot be computed with; <any>",
     train, "--categorical-loss-weight-column", "site", "--categorical-loss-weights", '{"a": 1e308}'),
    ("T21 weights of classes",
     "metadata.tsv: --class-weights: weights from 1 to 1e+308 cannot be computed with; give weights around 1",
     lambda folder: train(folder, "--classifier", "--class-weights", "1,1e308,1", column="site")),
    ("T22 groups", "metadata.tsv: column 'weight' has 1 group; at least 2 are needed; a part cannot be empty",
     train, "--group-column", "weight"),
    ("T23 words of a split",
     "metadata.tsv: column 'site' contains a, b, c in 12 samples; train, validation or test is needed",
     train, "--split-column", "site"),
    ("T24 below what the head reaches",
     "metadata.tsv: column 'shift': 6 values below 0 (smallest -6); --output-activation relu cannot reach them: leave "
     "it out", with_column, "shift", [str(i - 6) for i in range(12)], "--output-activation", "relu"),
    ("D5 subset", "u.tsv: 2 of 12 samples of the table are missing (first: s10); was it made from this table?",
     distances, IDS[:10], points(10)),
    ("D6 not UniFrac",
     "u.tsv: values up to <any>: UniFrac lies in 0..1; --encoder-type weighted_unifrac --no-unifrac-normalized takes "
     "any distances", distances, IDS, 7 * points()),
    ("D8 of another table",
     "u.tsv: disagrees with the tree (s<any>,s<any>: 0.<any> vs 0.<any>); was it made from another table? Leave out "
     "--tree if it is right", distances, IDS, points(), "--tree", "tree.nwk"),
    ("L1 a sample in two lists", "b.txt: 1 sample also in a.txt (first: s05); each may be in one part",
     lists, IDS[:6], IDS[5:]),
    ("L2 not in the table", "b.txt: 1 of 7 samples not in the table (first: nobody); take them out of the list",
     lists, IDS[:6], [*IDS[6:], "nobody"]),
    ("L3 twice", "a.txt: duplicate id 's00' (2 times); each may occur only once", lists, [*IDS[:6], "s00"], IDS[6:]),
    ("L4 empty", "b.txt: the file is empty", lists, IDS, []),
    ("C9 encoder", f"encoder: {NO_MODEL}",
     train, "--pretrained-encoder", "encoder"),
)
# fmt: on
