from __future__ import annotations

import io
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.spatial.distance import pdist, squareform
from skbio import DistanceMatrix, TreeNode
from skbio.diversity import beta_diversity
from skbio.stats.composition import clr

from aam.cli.main import main
from aam.cli.options import parse
from aam.data.distances import blocks as distance_blocks
from aam.data.distances.measure import Measure
from aam.data.readers.distance_matrix import read_distances
from aam.phylogeny.tree import read_tree
from aam.workflows import distance_matrix
from tests.factories import random_counts, random_sequences, write_biom
from tests.phylogeny.random_trees import random_newick
from tests.phylogeny.test_unifrac import generalized

SAMPLES, ASVS = 30, 40
IDS = [f"s{i:02d}" for i in range(SAMPLES)]
TREE_METRICS = ("unifrac", "weighted_unifrac", "generalized_unifrac")
OTHER_METRICS = ("bray_curtis", "jaccard", "aitchison")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table and a random tree, in the current folder."""
    monkeypatch.chdir(tmp_path)
    sequences = sorted(random_sequences(ASVS))
    write_biom(tmp_path / "table.biom", random_counts(SAMPLES, ASVS), IDS, sequences)
    text = re.sub(r"t(\d+)", lambda found: sequences[int(found[1])], random_newick(ASVS, 3))
    (tmp_path / "tree.nwk").write_text(text)
    return tmp_path


def unifrac(output: str, *words: str, metric: str = "unifrac") -> int:
    """The exit code of the command, with the tree where the metric needs it."""
    tree = ["--tree", "tree.nwk"] if metric in TREE_METRICS else []
    given = ["--table", "table.biom", "--no-cache", *tree, "--metric", metric, "--output", output, *words]
    return main(["unifrac", *given])


def matrix(output: str, *words: str, metric: str = "unifrac") -> np.ndarray:
    """The matrix that the command writes, as AAM reads it."""
    assert unifrac(output, *words, metric=metric) == 0
    ids = Path(output).with_suffix(".ids.txt") if output.endswith(".npy") else None
    return read_distances(Path(output), ids).values


def exact(output: Path) -> np.ndarray:
    """Every digit of a matrix of text."""
    return np.loadtxt(output, delimiter="\t", skiprows=1, usecols=range(1, SAMPLES + 1))


def expected(metric: str, words: tuple[str, ...]) -> np.ndarray:
    """The matrix by scikit-bio, SciPy or the formula."""
    counts, names = random_counts(SAMPLES, ASVS), sorted(random_sequences(ASVS))
    if metric == "bray_curtis":
        return squareform(pdist(counts, "braycurtis"))
    if metric == "jaccard":
        return squareform(pdist(counts > 0, "jaccard"))
    if metric == "aitchison":
        return squareform(pdist(clr(counts + 1.0)))
    if metric == "generalized_unifrac":
        tree = read_tree("tree.nwk")
        columns = [names.index(name) for name in tree.names]
        return generalized(tree, counts[:, columns], float(words[1]) if words else 0.5)
    kind = {"unifrac": "unweighted_unifrac"}.get(metric, metric)
    options = {} if metric == "unifrac" else {"normalized": not words}
    tree = TreeNode.read(io.StringIO(Path("tree.nwk").read_text()))
    return beta_diversity(kind, counts, taxa=names, tree=tree, validate=False, **options).data


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        *((metric, ()) for metric in (*TREE_METRICS, *OTHER_METRICS)),
        ("weighted_unifrac", ("--no-unifrac-normalized",)),
        ("generalized_unifrac", ("--unifrac-alpha", "0.2")),
    ],
)
def test_the_same_as_others_whatever_the_blocks(
    metric: str, words: tuple[str, ...], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distance_blocks, "SMALLEST_BLOCK", SAMPLES)
    truth = expected(metric, words)
    for size in (1, 7, SAMPLES, 100):
        monkeypatch.setattr(distance_blocks, "LARGEST_BLOCK", size)
        matrix("d.tsv", "--overwrite", *words, metric=metric)
        found = exact(folder / "d.tsv")
        np.testing.assert_allclose(found, truth, atol=1e-6)
        assert (found == found.T).all()
        assert (np.diagonal(found) == 0).all()


@pytest.mark.parametrize("metric", ["unifrac", "weighted_unifrac", "generalized_unifrac", "bray_curtis"])
def test_threads_change_nothing(metric: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distance_blocks, "LARGEST_BLOCK", 4)
    texts = set()
    for jobs in ("1", "3", "-1"):
        assert unifrac("d.tsv", "--overwrite", "--n-jobs", jobs, metric=metric) == 0
        texts.add((folder / "d.tsv").read_text())
    assert len(texts) == 1


def test_blocks_cover_every_pair_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distance_blocks, "LARGEST_BLOCK", 7)
    counts = csr_array(random_counts(SAMPLES, ASVS))
    covered = np.zeros((SAMPLES, SAMPLES), dtype=int)
    for block in distance_blocks.distance_blocks(Measure("jaccard"), counts, 2):
        assert block.values.shape == covered[block.rows, block.columns].shape
        covered[block.rows, block.columns] += 1
        if block.rows != block.columns:
            covered[block.columns, block.rows] += 1
    assert (covered == 1).all()


def test_blocks_stay_small_where_asvs_are_many() -> None:
    assert distance_blocks.block_size(Measure("bray_curtis"), 10_000, 100_000) < 100
    assert distance_blocks.block_size(Measure("bray_curtis"), 10_000, 10**9) == 1
    assert distance_blocks.block_size(Measure("unifrac"), 10_000, 10**9) == distance_blocks.LARGEST_BLOCK


@pytest.mark.parametrize("metric", ["weighted_unifrac", "aitchison"])
def test_every_format_holds_the_same(metric: str, folder: Path) -> None:
    text, *others = [matrix(f"d{suffix}", metric=metric) for suffix in (".tsv", ".npy", ".h5", ".hdf5")]
    for values in others:
        np.testing.assert_array_equal(values, text)
    assert (folder / "d.ids.txt").read_text().split() == IDS
    assert np.load(folder / "d.npy").dtype == np.float32
    for read in (DistanceMatrix.read("d.tsv"), DistanceMatrix.read("d.h5", format="binary_dm")):
        assert list(read.ids) == IDS
        np.testing.assert_allclose(read.data, text, rtol=1e-6)
    np.testing.assert_array_equal(DistanceMatrix.read("d.tsv").data, exact(folder / "d.tsv"))
    with h5py.File("d.h5") as file:
        assert file["matrix"].dtype == np.float32


def test_rarefied_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reads = random_counts(SAMPLES, ASVS).sum(axis=1)
    depth = int(np.sort(reads)[4])
    words = ("--rarefy-depth", str(depth))
    assert unifrac("a.tsv", *words, metric="bray_curtis") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"4 samples dropped: fewer than {depth:,} reads" in said
    assert said.count(f"--rarefy-depth {depth}") == 1
    drawn = read_distances(Path("a.tsv"))
    assert list(drawn.sample_ids) == [name for name, n in zip(IDS, reads, strict=True) if n >= depth]
    again, other = (
        matrix("b.tsv", *words, metric="bray_curtis"),
        matrix("c.tsv", *words, "--seed", "1", metric="jaccard"),
    )
    np.testing.assert_array_equal(again, drawn.values)
    assert not np.array_equal(other, matrix("d.tsv", *words, metric="jaccard"))
    # Of as many reads in every sample, Bray-Curtis is a multiple of 1 / depth.
    multiples = exact_of("a.tsv", SAMPLES - 4) * depth
    np.testing.assert_allclose(multiples, multiples.round(), atol=1e-6)


def exact_of(name: str, size: int) -> np.ndarray:
    return np.loadtxt(name, delimiter="\t", skiprows=1, usecols=range(1, size + 1))


@pytest.mark.parametrize("output", ["d.npy", "d.tsv"])
def test_says_what_it_does_and_what_comes_next(output: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert unifrac(output, "--no-unifrac-normalized", metric="weighted_unifrac") == 0
    said, errors = capsys.readouterr()
    assert errors == ""
    assert "30 samples of 30 and 40 ASVs are kept" in said
    assert "metric: weighted_unifrac, not normalised on a tree of 40 tips" in said
    assert f"output: {output}, about" in said
    assert "for 435 pairs" in said
    words = shlex.split(said.splitlines()[-1])
    config = parse(words[1], words[2:]).config
    assert config.study.distances == Path(output)
    assert config.study.distance_ids == (Path("d.ids.txt") if output == "d.npy" else None)
    assert (config.objective.encoder_type, config.objective.unifrac_normalized) == ("weighted_unifrac", False)


def test_missing_tips(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree = read_tree("tree.nwk")
    kept = TreeNode.read("tree.nwk").shear(list(tree.names[:-3]))
    kept.write("tree.nwk")
    assert unifrac("d.tsv") == 2
    assert "3 of 40 ASVs are not tips" in capsys.readouterr().err
    assert unifrac("d.tsv", "--missing-tips", "drop") == 0
    said = capsys.readouterr().out
    assert "3 of 40 ASVs dropped" in said
    assert "--tree tree.nwk --root auto --missing-tips drop" in said


def test_a_tree_as_neighbour_joining_writes_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (folder / "tree.nwk").read_text()
    first = text.index(":") + 1
    text = f"{text[:first]}-1e-7{text[text.index(',', first) :]}"
    (folder / "tree.nwk").write_text(f"(X:1,Y:1,{text.strip()[:-1]}:1);")
    assert unifrac("d.tsv") == 2
    assert "1 branch is negative (largest -1e-07); --clip-negative-branches sets" in capsys.readouterr().err
    words = ["--root", "given", "--clip-negative-branches"]
    found = matrix("d.npy", *words)
    said = capsys.readouterr().out
    assert "tree.nwk: 1 negative branch is set to 0 (largest -1e-07" in said
    assert "tree.nwk: 3 branches meet at its root, which is used as it is (--root given)" in said
    (folder / "tree.nwk").write_text((folder / "tree.nwk").read_text().replace("-1e-7", "0"))
    np.testing.assert_array_equal(matrix("e.npy", "--root", "given"), found)


@pytest.mark.parametrize(
    ("output", "words", "said"),
    [
        ("d.npz", [], "d.npz: unknown file extension '.npz'; end --output in .tsv, .npy, .h5, .hdf5"),
        ("d", [], "d: has no file extension"),
        ("gone/d.npy", [], "folder gone does not exist"),
        ("d.npy", ["--unifrac-alpha", "0.1"], "--unifrac-alpha is for generalized_unifrac, not for --metric unifrac"),
        ("d.npy", ["--no-unifrac-normalized"], "--unifrac-normalized is for weighted_unifrac"),
        ("d.npy", ["--n-jobs", "0"], "--n-jobs must be -1 or at least 1"),
        ("d.npy", ["--rarefy-depth", "100000"], "no sample has 100,000 reads"),
        ("d.npy", ["--rarefy-depth", "auto"], "--rarefy-depth must be"),
    ],
)
def test_refusals(output: str, words: list[str], said: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert unifrac(output, *words) == 2
    assert said in capsys.readouterr().err
    assert sorted(path.name for path in folder.iterdir()) == ["table.biom", "tree.nwk"]


def closed_reference(folder: Path) -> dict[str, str]:
    """The same table and tree with numbers of a reference for the sequences; returns the number of each."""
    sequences = sorted(random_sequences(ASVS))
    number_of = {sequence: str(4_479_944 - 37 * place) for place, sequence in enumerate(sequences)}
    write_biom(folder / "table.biom", random_counts(SAMPLES, ASVS), IDS, list(number_of.values()))
    text = re.sub("[ACGT]{10,}", lambda found: number_of[found[0]], (folder / "tree.nwk").read_text())
    (folder / "tree.nwk").write_text(text)
    return number_of


@pytest.mark.parametrize("metric", [*TREE_METRICS, *OTHER_METRICS])
def test_no_distance_needs_dna(metric: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = matrix("a.h5", metric=metric)
    capsys.readouterr()
    number_of = closed_reference(folder)
    np.testing.assert_allclose(matrix("b.h5", metric=metric), expected, atol=1e-6)
    said = capsys.readouterr().out
    assert "table.biom: the ASV ids are not DNA and are taken as names" in said
    assert "aam pretrain could learn them from the sequences" in said
    fasta = "".join(f">{name}\n{sequence}\n" for sequence, name in number_of.items())
    (folder / "seqs.fasta").write_text(fasta)
    found = matrix("c.h5", "--sequences", "seqs.fasta", metric=metric)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert "  aam pretrain --table table.biom --sequences seqs.fasta" in capsys.readouterr().out


def test_names_without_tips(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    number_of = closed_reference(folder)
    text = (folder / "tree.nwk").read_text()
    (folder / "tree.nwk").write_text(text.replace(list(number_of.values())[3], "absent"))
    assert unifrac("d.tsv") == 2
    assert "tree.nwk: 1 of 40 ASVs are not tips (first: 4479833)" in capsys.readouterr().err
    assert unifrac("d.tsv", "--missing-tips", "drop", "--trim-length", "100") == 2
    assert "leave out --trim-length, or give --sequences" in capsys.readouterr().err
    assert unifrac("d.tsv", "--missing-tips", "drop") == 0


def test_a_depth_of_a_billion(folder: Path) -> None:
    counts = random_counts(SAMPLES, ASVS) * 10**9 + 1
    write_biom(folder / "table.biom", counts, IDS, sorted(random_sequences(ASVS)))
    whole = matrix("a.h5", metric="weighted_unifrac")
    drawn = matrix("b.h5", "--rarefy-depth", str(10**9), metric="weighted_unifrac")
    np.testing.assert_allclose(drawn, whole, atol=1e-3)


@pytest.mark.parametrize("words", [["--tree", "tree.nwk"], ["--clip-negative-branches"], ["--root", "given"]])
def test_a_tree_is_for_unifrac(words: list[str], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert unifrac("d.npy", *words, metric="jaccard") == 2
    assert f"{words[0]} is for unifrac, weighted_unifrac, generalized_unifrac" in capsys.readouterr().err


def test_no_tree(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["unifrac", "--table", "table.biom", "--output", "d.npy"]) == 2
    assert "--metric unifrac needs --tree; without one try bray_curtis" in capsys.readouterr().err


@pytest.mark.parametrize("there", ["d.npy", "d.ids.txt"])
def test_what_is_there_stays(there: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / there).write_text("mine")
    assert unifrac("d.npy") == 2
    assert f"{there}: exists already" in capsys.readouterr().err
    assert (folder / there).read_text() == "mine"
    assert matrix("d.npy", "--overwrite").shape == (SAMPLES, SAMPLES)


def test_one_sample(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reads = random_counts(SAMPLES, ASVS).sum(axis=1)
    assert unifrac("d.npy", "--rarefy-depth", str(reads.max())) == 2
    assert "has a single sample left; distances need two or more" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "refused"), [(" s", ("d.tsv", "d.npy")), ("#s", ("d.tsv",))])
def test_ids_that_text_would_change(
    name: str, refused: tuple[str, ...], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = [name, *IDS[1:]]
    write_biom(folder / "table.biom", random_counts(SAMPLES, ASVS), ids, sorted(random_sequences(ASVS)))
    for output in ("d.tsv", "d.npy", "d.h5"):
        assert unifrac(output) == (2 if output in refused else 0)
        assert ("write .h5, or rename them" in capsys.readouterr().err) == (output in refused)
    assert list(read_distances(Path("d.h5")).sample_ids) == ids


@pytest.mark.parametrize("output", ["d.tsv", "d.npy"])
def test_no_room_on_the_disk(
    output: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 2_000})
    monkeypatch.setattr(distance_matrix.shutil, "disk_usage", lambda _: usage)
    assert unifrac(output) == 3
    said = capsys.readouterr().err
    assert "2.0 kB are free; choose another disk" in said
    assert ("or write .npy" in said) == (output == "d.tsv")


def failing(blocks: Callable[..., Iterator[object]]) -> Callable[..., Iterator[object]]:
    """Blocks of which the second cannot be computed."""

    def some(*arguments: object) -> Iterator[object]:
        yield next(blocks(*arguments))
        raise MemoryError

    return some


@pytest.mark.parametrize("output", ["d.tsv", "d.npy", "d.h5"])
def test_a_part_of_a_matrix_is_never_left(
    output: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distance_blocks, "LARGEST_BLOCK", 7)
    monkeypatch.setattr(distance_blocks, "distance_blocks", failing(distance_blocks.distance_blocks))
    assert unifrac(output) == 3
    assert "out of memory" in capsys.readouterr().err
    assert sorted(path.name for path in folder.iterdir()) == ["table.biom", "tree.nwk"]
