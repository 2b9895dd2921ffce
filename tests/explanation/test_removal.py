"""Which removals there are, each once; and their effects where these are known in closed form."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.sparse import csr_array

from aam.errors import ConfigError
from aam.explanation import removal
from aam.explanation.groups import AsvGroups
from aam.explanation.removal import Removal, removals, without
from tests.explanation.linear import AGE, COUNTS, MASS, SITE, WEIGHTS, change_without, linear_subject


def groups(level, rows):
    members = csr_array(np.array(rows, dtype=np.int64))
    names = tuple(f"{level}{place}" for place in range(len(rows)))
    return AsvGroups(level=level, names=names, labels=names, members=members)


def test_each_set_of_a_sample_is_removed_once():
    counts = csr_array(np.array([[5, 3, 0, 1], [0, 4, 2, 0]], dtype=np.int64))
    singles, clades = groups("asv", np.eye(4, dtype=int)), groups("clade", [[1, 0, 1, 0], [1, 1, 0, 0], [0, 1, 1, 0]])
    found = removals(counts, (singles, clades))
    left = without(csr_array(counts[found.sample_V]), found.members_of(slice(None))).toarray()
    # Sample 0 without A (also the first clade), B (also the third), D, and A with B; sample 1 without B and without C.
    assert found.sample_V.tolist() == [0, 0, 0, 0, 1, 1]
    assert left.tolist() == [[0, 3, 0, 1], [5, 0, 0, 1], [5, 3, 0, 0], [0, 0, 0, 1], [0, 0, 2, 0], [0, 4, 0, 0]]
    assert (found.variant[0].toarray() - 1).tolist() == [[0, 1, -1, 2], [-1, 4, 5, -1]]
    # The last clade is all that sample 1 has: nothing would be left.
    assert (found.variant[1].toarray() - 1).tolist() == [[0, 3, 1], [5, 4, -1]]


def test_effects_are_those_of_the_closed_form():
    pair = groups("clade", [[1, 0, 0, 1]])
    subject = linear_subject(AGE, MASS, groups=(groups("asv", np.eye(4, dtype=int)), pair))
    singles, clade = Removal().explain(subject)
    for output in range(2):
        for sample, reads in enumerate(COUNTS):
            for asv in range(4):
                wanted = change_without(reads, WEIGHTS[:, output], np.array([asv])) if reads[asv] else 0
                assert singles.by_sample_NGO[sample, asv, output] == pytest.approx(wanted, rel=1e-5, abs=1e-6)
    # The pair is all that the third sample has, and the second has none of it.
    assert clade.has_NG[:, 0].tolist() == [True, False, False, True]
    wanted = [change_without(COUNTS[sample], WEIGHTS[:, 0], np.array([0, 3])) for sample in (0, 3)]
    assert clade.effect_GO[0, 0] == pytest.approx(np.mean(wanted), rel=1e-5)
    assert clade.importance_GO[0, 0] == pytest.approx(np.abs(wanted).mean(), rel=1e-5)
    assert clade.support_G.tolist() == [2]


def test_probabilities_of_classes_change_against_each_other():
    (found,) = Removal().explain(linear_subject(SITE))
    assert found.outputs == ("gut", "skin")
    assert found.effect_GO[:, 0] == pytest.approx(-found.effect_GO[:, 1], abs=1e-6)
    wanted = change_without(COUNTS[0], WEIGHTS[:, 0], np.array([0])) / 100
    assert found.by_sample_NGO[0, 0, 0] == pytest.approx(wanted, rel=1e-4)


def test_each_learner_is_explained_beside_the_model():
    found = {one.learner: one for one in Removal().explain(linear_subject(learners=2))}
    assert list(found) == ["model", "linear-1", "linear-2"]
    assert found["linear-2"].effect_GO == pytest.approx(2 * found["linear-1"].effect_GO, rel=1e-5)
    assert found["model"].effect_GO == pytest.approx(1.5 * found["linear-1"].effect_GO, rel=1e-5)


def test_reads_are_drawn_anew_for_each_draw():
    counts = COUNTS * 50
    (once,), (often,) = (Removal().explain(linear_subject(counts=counts, draws=draws)) for draws in (1, 6))
    assert (often.by_sample_NGO != once.by_sample_NGO)[once.has_NG].mean() > 0.9
    assert often.by_sample_NGO == pytest.approx(once.by_sample_NGO, abs=1.5)
    assert often.by_sample_NGO[0, 0, 0] == pytest.approx(once.by_sample_NGO[0, 0, 0], rel=0.2)


def test_reads_are_drawn_to_the_depth_of_the_model():
    subject = linear_subject(counts=COUNTS * 50)
    subject = dataclasses.replace(subject, study=dataclasses.replace(subject.study, rarefy_depth=40))
    reads = removal._reads(subject, 0)
    assert reads.sum(axis=1).tolist() == [40] * 4
    assert (reads.toarray() == removal._reads(subject, 0).toarray()).all()
    assert (reads.toarray() != removal._reads(subject, 1).toarray()).any()


def test_all_predictions_are_announced():
    subject = linear_subject(draws=2)
    done = []
    Removal().explain(dataclasses.replace(subject, on_done=done.append))
    assert sum(done) == Removal().num_predictions(subject)


def test_effects_that_do_not_fit_into_memory(monkeypatch):
    monkeypatch.setattr(removal, "MOST_VALUES", 10)
    with pytest.raises(ConfigError, match=r"16 effects .* --max-samples 2 does"):
        Removal().explain(linear_subject())
