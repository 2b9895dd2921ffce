from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

from aam.learners import reference as module
from aam.learners.novelty.judgement import familiar_reads, new_asvs
from aam.learners.reference import Reference, reference_facts
from aam.learners.stored import Stored
from tests.data.study_files import make_study
from tests.learners.blend_studies import ASVS, NEW, TRAIN, tiny_study


def test_it_knows_the_asvs_of_the_training_samples() -> None:
    study, _ = tiny_study()
    reference = Reference.fit(study, TRAIN)
    counts = study.table.counts.toarray()[TRAIN]
    known = np.flatnonzero(counts.any(axis=0))
    assert len(known) == ASVS - 6
    assert (reference.tokens == study.tokens[known]).all()
    assert (reference.prevalence == (counts[:, known] > 0).sum(axis=0)).all()
    assert (reference.counts.toarray() == counts[:, known]).all()
    assert (reference.num_samples, list(reference.trees)) == (len(TRAIN), ["dna"])
    assert (reference.reads.total == counts.sum(axis=1)).all()
    assert (reference.reads.richness == (counts > 0).sum(axis=1)).all()


def test_the_order_of_reads_in_a_table_does_not_matter() -> None:
    study, _ = tiny_study()
    found = study.table.counts
    backwards = np.concatenate([np.arange(start, end)[::-1] for start, end in pairwise(found.indptr)])
    turned = csr_array((found.data[backwards], found.indices[backwards], found.indptr), found.shape)
    study = replace(study, table=replace(study.table, counts=turned))
    stored = Reference.fit(study, TRAIN).to_arrays()
    assert Reference.from_arrays(stored).counts.shape == (len(TRAIN), ASVS - 6)


def words(sequence: str) -> Counter[str]:
    return Counter(sequence[at : at + 6] for at in range(len(sequence) - 5))


def test_new_asvs_are_placed_with_their_nearest() -> None:
    """By hand: Euclidean distance of word frequencies; then how much of the words the nearest lacks."""
    known = ["ACGTACGTTGCA", "GGGGGGCCCCCC", "TTTTTTTAAAAA"]
    new = ["ACGTACGTTGCT", "GGGGGGCCCCCA", "CATGCATCATGG"]
    training = make_study(np.ones((4, 3), dtype=int), sequences=known)
    other = make_study(np.ones((2, 6), dtype=int), sequences=known + new)
    placement = Reference.fit(training, np.arange(4)).placement(other)
    names = [str(sequence) for sequence in training.table.sequences]
    place = {str(sequence): number for number, sequence in enumerate(other.table.sequences)}
    for sequence in known:
        at = place[sequence]
        assert names[placement.known[at]] == names[placement.nearest[at]] == sequence
        assert placement.distance[at] == 0
    for sequence, nearest in zip(new[:2], known[:2], strict=True):
        at = place[sequence]
        assert placement.known[at] == -1
        assert names[placement.nearest[at]] == nearest
        shared = sum((words(sequence) & words(nearest)).values())
        assert placement.distance[at] == pytest.approx(1 - shared / 7)
    assert placement.known[place[new[2]]] == -1
    assert placement.distance[place[new[2]]] == 1


def test_reads_of_new_asvs_count_with_their_nearest() -> None:
    study, _ = tiny_study()
    reference = Reference.fit(study, TRAIN)
    reads, placement = reference.reads_of(study, NEW), reference.placement(study)
    counts = study.table.counts.toarray()[NEW]
    exact, placed = np.zeros((2, len(NEW), ASVS - 6), dtype=int)
    for asv in range(ASVS):
        if placement.known[asv] >= 0:
            exact[:, placement.known[asv]] += counts[:, asv]
        placed[:, placement.nearest[asv]] += counts[:, asv]
    assert (reads.exact.toarray() == exact).all()
    assert (reads.placed.toarray() == placed).all()
    assert (reads.total == counts.sum(axis=1)).all()
    assert (reads.richness == (counts > 0).sum(axis=1)).all()
    assert familiar_reads(reference, study, NEW) == pytest.approx(exact.sum(axis=1) / counts.sum(axis=1))


def test_new_asvs_are_told_of() -> None:
    study, _ = tiny_study()
    reference = Reference.fit(study, TRAIN)
    (line,) = new_asvs(reference.asvs, study.take(NEW))
    present = np.unique(study.table.counts[NEW].indices)
    assert line.startswith(f"new to the model: 6 ASVs of {len(present)}, ")
    share = 1 - familiar_reads(reference, study, NEW).mean()
    assert f", {share:.1%} of a sample's reads on average; each counts with its nearest known ASV (median" in line
    assert new_asvs(reference.asvs, study.take(TRAIN)) == []
    assert new_asvs(None, study) == new_asvs(reference.asvs, study.take(NEW[:0])) == []


def test_some_samples_are_kept_of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SAMPLES", 10)
    study, _ = tiny_study()
    one, again, other = (Reference.fit(study, TRAIN, seed) for seed in (1, 1, 2))
    assert one.counts.shape[0] == len(one.reads) == 10
    assert (one.counts.toarray() == again.counts.toarray()).all()
    assert (one.counts.toarray() != other.counts.toarray()).any()
    assert one.num_samples == len(TRAIN)
    assert (one.prevalence == Reference.fit(study, TRAIN).prevalence).all()
    assert Reference.from_arrays(one.to_arrays()).num_samples == len(TRAIN)


def test_it_comes_back_from_its_arrays(tmp_path: Path) -> None:
    study, _ = tiny_study(tmp_path)
    reference = Reference.fit(study, TRAIN)
    again = Reference.from_arrays(reference.to_arrays())
    assert list(again.trees) == ["dna", "phylogeny"]
    stored = again.to_arrays()
    assert stored.facts == reference.to_arrays().facts == {"trees": ["dna", "phylogeny"], "num_samples": len(TRAIN)}
    for name, array in reference.to_arrays().arrays.items():
        assert stored.arrays[name].dtype == array.dtype
        assert (stored.arrays[name] == array).all(), name


def changed(stored: Stored, name: str, value: Any) -> Stored:
    """With one array or fact changed: another value, one element set, or a function of what was there."""
    if name in stored.facts:
        return Stored(stored.arrays, {**stored.facts, name: value})
    array = value(stored.arrays[name].copy())
    return Stored({**stored.arrays, name: array}, stored.facts)


def put(place: int, value: float) -> Any:
    def change(array: np.ndarray) -> np.ndarray:
        array.flat[place] = value
        return array

    return change


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("trees", ["dna", "oracle"], "unknown tree"),
        ("trees", ["phylogeny"], "unknown tree"),
        ("trees", [["dna"]], "unknown tree"),
        ("trees", "dna", "unknown tree"),
        ("num_samples", None, "prevalence"),
        ("num_samples", 3, "prevalence"),
        ("tokens", put(0, 9), "letters other than bases"),
        ("tokens", lambda tokens: tokens[:0], "cannot be|no ASV"),
        ("tokens", lambda tokens: tokens[[0, *range(len(tokens) - 1)]], "duplicate sequence"),
        ("prevalence", put(0, 0), "prevalence"),
        ("prevalence", lambda found: found[1:], "cannot be"),
        ("counts.data", put(3, 0), "not positive"),
        ("counts.data", lambda found: found[1:], "cannot be"),
        ("counts.indices", put(3, 1000), "out of range"),
        ("counts.indices", put(1, 0), "twice"),
        ("counts.indptr", put(0, 1), "not in order"),
        ("counts.indptr", put(2, 0), "not in order"),
        ("counts.indptr", lambda found: found[:1], "not in order"),
        ("dna.parent", put(-1, 0), "no root"),
        ("dna.parent", put(1, 0), "do not form a tree"),
        ("dna.parent", put(0, 10**6), "do not form a tree"),
        ("dna.node_of_asv", put(0, -1), "out of range"),
        ("dna.length", put(0, -1.0), "no length"),
        ("dna.length", put(0, np.inf), "no length"),
        ("phylogeny.length", lambda found: found[1:], "cannot be"),
        ("phylogeny.parent", lambda found: found.astype(np.int64), "cannot be"),
    ],
)
def test_what_is_no_reference_is_refused(name: str, value: Any, problem: str, tmp_path: Path) -> None:
    study, _ = tiny_study(tmp_path)
    stored = Reference.fit(study, TRAIN).to_arrays()
    with pytest.raises(ValueError, match=problem):
        Reference.from_arrays(changed(stored, name, value))


def test_more_samples_than_there_were_are_refused() -> None:
    study, _ = tiny_study()
    stored = Reference.fit(study, TRAIN).to_arrays()
    few = Stored({**stored.arrays, "prevalence": np.ones_like(stored.arrays["prevalence"])}, {"num_samples": 2})
    with pytest.raises(ValueError, match="more samples than there were"):
        Reference.from_arrays(Stored(few.arrays, {**stored.facts, "num_samples": 2}))


def test_the_facts_of_a_manifest_are_an_object() -> None:
    assert reference_facts(None) is None
    assert reference_facts({"trees": []}) == {"trees": []}
    with pytest.raises(ValueError, match="no object"):
        reference_facts([])
