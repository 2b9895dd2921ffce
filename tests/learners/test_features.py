from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import issparse

from aam.alphabet import encode
from aam.data.study.study import Study
from aam.learners.clades import FLOOR, clades_of_sequences, sequence_keys
from aam.learners.features import KINDS, CladeFeatures, fit_features, read_features
from aam.learners.stored import Stored
from aam.phylogeny.tree import read_tree
from aam.phylogeny.unifrac import Phylogeny
from tests.data.study_files import caterpillar, make_study, random_counts
from tests.factories import random_sequences
from tests.learners.trees.trees_of_asvs import members

ALL = np.arange(300)


def features(study: Study, kind: Any, train_rows: np.ndarray) -> Any:
    """The features of all samples of the study that they were fitted on."""
    return fit_features(study, kind, train_rows).transform(study, np.arange(len(study)))


def dense(table: Any) -> np.ndarray:
    return table.toarray() if issparse(table) else table


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_made_of_asvs_is_kept_for_other_samples(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    study = make_study(random_counts(40, 12))
    fitted = fit_features(study, kind, np.arange(40))
    other = make_study(random_counts(30, 12, seed=1))
    wanted = dense(fit_features(study, kind, np.arange(40)).transform(other.take(np.arange(5)), np.arange(5)))
    made: list[int] = []
    monkeypatch.setattr("aam.learners.features.sequence_keys", lambda tokens: made.append(1) or sequence_keys(tokens))
    fitted.transform(other, np.arange(30))
    once = len(made)
    assert once > 0
    # Other samples of the same ASVs: nothing is made anew; of other ASVs it is.
    assert (dense(fitted.transform(other.take(np.arange(5)), np.arange(5))) == wanted).all()
    assert len(made) == once
    fitted.transform(study, np.arange(3))
    assert len(made) > once


def test_relative_abundances_of_prevalent_asvs() -> None:
    """Of 200 training samples 1 % are two: an ASV of one of them is left out, however many others have it."""
    counts = random_counts(300, 6)
    counts[:, 0] += 1
    counts[:, 2] = 0
    counts[0, 2] = 5
    counts[200:, 2] = 9
    counts[:, 4] = 0
    counts[[7, 9], 4] = 1
    found = features(make_study(counts), "asv", ALL[:200])
    assert issparse(found)
    shares = counts / counts.sum(axis=1, keepdims=True)
    assert found.toarray() == pytest.approx(shares[:, [0, 1, 3, 4, 5]])


def test_centred_log_ratios_of_the_same_asvs() -> None:
    counts = random_counts(20, 6)
    counts[:10, 2] = 0
    found = features(make_study(counts), "clr", ALL[:10])
    logs = np.log(counts[:, [0, 1, 3, 4, 5]] + 1)
    assert found == pytest.approx(logs - logs.mean(axis=1, keepdims=True))
    assert found.sum(axis=1) == pytest.approx(0)


def test_what_is_kept_depends_on_the_training_samples_alone() -> None:
    counts = random_counts(30, 12)
    changed = counts.copy()
    changed[20:] = random_counts(10, 12, seed=5)
    for kind in KINDS:
        first, second = (dense(features(make_study(c), kind, ALL[:20])[:20]) for c in (counts, changed))
        assert first == pytest.approx(second)


def test_clades_of_the_tree_hold_unseen_relatives(tmp_path: Path) -> None:
    """The tree is ((a,b),(c,d)), and only the third sample, which does not train, has d.

    In the training samples c and (c,d) are alike, and (c,d) stays.
    """
    a, b, c, d = sequences = ["AAAA", "CCCC", "GGGG", "TTTT"]
    (tmp_path / "tree.nwk").write_text(f"(({a}:1,{b}:1):1,({c}:1,{d}:1):1);")
    tree = read_tree(tmp_path / "tree.nwk")
    counts = np.array([[1, 2, 1, 0], [0, 2, 6, 0], [1, 1, 2, 4]])
    study = make_study(counts, sequences=sequences, tree=tree, phylogeny=Phylogeny(tree, sequences))
    found = features(study, "clades", np.arange(2)).toarray()
    shares = {(0.25, 0, 0.125), (0.5, 0.25, 0.125), (0.75, 0.25, 0.25), (0.25, 0.75, 0.75), (1, 1, 1)}
    assert {tuple(column.round(9)) for column in FLOOR * np.expm1(found.T)} == shares


def test_clades_without_a_tree_are_log_abundance_sums() -> None:
    counts = random_counts(40, 10)
    study = make_study(counts, sequences=random_sequences(10, length=40))
    found = features(study, "clades", ALL[:30]).toarray()
    tips = members(clades_of_sequences(study.tokens, np.ones(10)))
    table = study.table.counts.toarray()
    shares = table / table.sum(axis=1, keepdims=True)
    direct = {tuple(column.round(6)) for column in np.log((shares @ tips + FLOOR) / FLOOR).T}
    assert {tuple(column) for column in found.T.round(6)} == direct
    assert found.shape[1] == 19


def test_a_column_of_clades_is_in_the_order_of_their_size() -> None:
    """Largest first, alike ones once: the columns that forests have always read."""
    counts = random_counts(40, 30, share=0.2)
    study = make_study(counts, sequences=random_sequences(30, length=40))
    found = fit_features(study, "clades", ALL[:25])
    assert isinstance(found, CladeFeatures)
    tips = members(found.clades)
    order = np.argsort(-tips.sum(axis=0), kind="stable")
    seen: dict[bytes, int] = {}
    for node in order:
        reads = study.table.counts.toarray()[:25] @ tips[:, node]
        if reads.any():
            seen.setdefault(reads.tobytes(), int(node))
    assert found.nodes.tolist() == list(seen.values())


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Forty ASVs of which ten are rare, on a tree."""
    counts = random_counts(50, 40, share=0.3)
    counts[1:, 30:] = 0
    sequences = sorted(random_sequences(40, length=40))
    (tmp_path / "tree.nwk").write_text(caterpillar(sequences, np.random.default_rng(0)))
    tree = read_tree(tmp_path / "tree.nwk")
    return make_study(counts, sequences=sequences, tree=tree, phylogeny=Phylogeny(tree, sequences))


@pytest.mark.parametrize("kind", KINDS)
def test_another_table_gets_the_same_columns(kind: Any, study: Study) -> None:
    """The same samples without the ASVs that they do not have, in another order of samples."""
    found = fit_features(study, kind, ALL[:30])
    rows = np.arange(49, 29, -1)
    part = study.table.counts.toarray()[rows]
    present = np.flatnonzero(part.any(axis=0))
    other = make_study(part[:, present], sequences=[str(s) for s in study.table.sequences[present]])
    expected = dense(found.transform(study, rows))
    assert (dense(found.transform(other, np.arange(20))) == expected).all()
    assert expected.shape == (20, found.number)


@pytest.mark.parametrize("kind", KINDS)
def test_features_come_back_from_their_arrays(kind: Any, study: Study) -> None:
    found = fit_features(study, kind, ALL[:30])
    again = read_features(found.to_arrays())
    expected = dense(found.transform(study, ALL[:50]))
    assert (dense(again.transform(study, ALL[:50])) == expected).all()


def like(sequence: str) -> str:
    """A sequence of another letter at its end, which no table has."""
    return sequence[:-1] + ("A" if sequence[-1] != "A" else "C")


@pytest.mark.parametrize("with_tree", [True, False])
def test_a_new_asv_counts_with_its_nearest_sequence(with_tree: bool, study: Study) -> None:
    if not with_tree:
        sequences = [str(s) for s in study.table.sequences]
        study = make_study(study.table.counts.toarray(), sequences=sequences)
    found = fit_features(study, "clades", ALL[:30])
    sequences = [str(sequence) for sequence in study.table.sequences]
    changed = [like(sequence) if place % 4 == 0 else sequence for place, sequence in enumerate(sequences)]
    other = make_study(study.table.counts.toarray(), sequences=changed)
    assert set(changed).isdisjoint(sequences[::4])
    assert (dense(found.transform(other, ALL[:50])) == dense(found.transform(study, ALL[:50]))).all()


def test_a_new_asv_is_in_the_total_of_asvs() -> None:
    study = make_study(np.array([[3, 1], [1, 3]]), sequences=["ACGTACGTAC", "TTGCATTGCA"])
    other = make_study(np.array([[2, 2]]), sequences=["ACGTACGTAC", "GGGGGGGGGG"])
    asvs = fit_features(study, "asv", np.arange(2))
    assert asvs.transform(other, np.arange(1)).toarray().tolist() == [[0.5, 0.0]]
    ratios = fit_features(study, "clr", np.arange(2)).transform(other, np.arange(1))
    assert ratios.tolist() == [pytest.approx([np.log(3) / 2, -np.log(3) / 2])]


def test_an_asv_cut_to_another_length_is_another_one() -> None:
    found = fit_features(make_study(np.array([[3, 1], [1, 3]]), sequences=["ACGTAA", "CCGTTTA"]), "asv", np.arange(2))
    other = make_study(np.array([[2, 2]]), sequences=["ACGTA", "CCGTTTA"])
    assert found.transform(other, np.arange(1)).toarray().tolist() == [[0.0, 0.5]]


SOUND = {
    "tokens": encode(["ACGTAC", "CCGT", "GATTNC"]),
    "parent": np.array([3, 3, 4, 4, -1], dtype=np.int32),
    "node_of_asv": np.array([0, 1, 2], dtype=np.int32),
    "compared": np.array([0, 2], dtype=np.int32),
    "nodes": np.array([4, 3], dtype=np.int32),
}


def places(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int32)


@pytest.mark.parametrize(
    ("name", "values", "problem"),
    [
        ("tokens", SOUND["tokens"].astype(np.int32), "cannot be int32"),
        ("tokens", SOUND["tokens"][0], "cannot be uint8"),
        ("tokens", np.where(SOUND["tokens"] == 0, 7, SOUND["tokens"]).astype(np.uint8), "other than bases"),
        ("tokens", np.array([[0, 1], [1, 2], [2, 1]], dtype=np.uint8), "gap"),
        ("tokens", np.array([[1, 2], [1, 2], [2, 1]], dtype=np.uint8), "duplicate sequence"),
        ("parent", places(), "no root"),
        ("parent", places(3, 3, 4, 4, 4), "no root"),
        ("parent", places(3, 3, 4, 2, -1), "do not form a tree"),
        ("parent", places(3, 3, -1, 4, -1), "do not form a tree"),
        ("parent", places(3, 3, 5, 4, -1), "do not form a tree"),
        ("parent", SOUND["parent"].astype(np.float64), "cannot be float64"),
        ("node_of_asv", places(0, 1, 5), "out of range"),
        ("node_of_asv", places(0, 1, -1), "out of range"),
        ("node_of_asv", places(0, 1), "cannot be"),
        ("compared", places(), "compare"),
        ("compared", places(3), "out of range"),
        ("nodes", places(5), "out of range"),
        ("nodes", None, "lacking"),
    ],
)
def test_arrays_that_are_no_clades_are_refused(name: str, values: np.ndarray | None, problem: str) -> None:
    read_features(Stored(SOUND, {"kind": "clades"}))
    arrays = {**SOUND, name: values}
    with pytest.raises(ValueError, match=problem):
        read_features(Stored({n: a for n, a in arrays.items() if a is not None}, {"kind": "clades"}))


@pytest.mark.parametrize("facts", [{}, {"kind": "best"}, {"kind": ["asv"]}])
def test_features_of_no_kind_are_refused(facts: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="unknown kind of features"):
        read_features(Stored(SOUND, facts))
