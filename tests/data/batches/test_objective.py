from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path

import numpy as np
import pytest

from aam.config import ObjectiveOptions
from aam.data.batches.objective import ObjectiveTargets
from aam.data.distances.dissimilarity import aitchison, bray_curtis, jaccard
from aam.data.readers.distance_matrix import Distances
from aam.data.study.study import Study
from aam.errors import ConfigError, InputError
from aam.phylogeny.tree import read_tree
from aam.phylogeny.unifrac import Phylogeny
from tests.data.study_files import caterpillar, make_study, random_counts

ROWS = np.array([4, 0, 3])
TAXA = np.array([0, 1, 1, -1, 2, 0, 0, 1], dtype=np.int64)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    plain = make_study(random_counts(6, 8))
    path = tmp_path / "t.nwk"
    path.write_text(caterpillar(list(plain.table.sequences), np.random.default_rng(0)))
    tree = read_tree(path)
    phylogeny = Phylogeny(tree, list(plain.table.sequences))
    taxonomy = {"taxonomy_labels": TAXA, "taxonomy_classes": ("a", "b", "c")}
    return dataclasses.replace(plain, tree=tree, phylogeny=phylogeny, **taxonomy)


def given(study: Study, largest: float = 1.0) -> Distances:
    values = np.linspace(0, largest, 36, dtype=np.float32).reshape(6, 6)
    return Distances("u.tsv", study.sample_ids, values)


def objective(study: Study, kind: str | None, penalty: float = 1.0, **options: object) -> ObjectiveTargets:
    return ObjectiveTargets.of(ObjectiveOptions(encoder_type=kind, penalty=penalty, **options), study)


@pytest.mark.parametrize(
    "kind", ["unifrac", "weighted_unifrac", "generalized_unifrac", "bray_curtis", "jaccard", "aitchison"]
)
def test_each_distance(study: Study, kind: str) -> None:
    counts = study.table.counts[ROWS]
    tree = study.phylogeny
    assert tree is not None
    expected = {
        "unifrac": lambda: tree.unweighted_unifrac(counts),
        "weighted_unifrac": lambda: tree.weighted_unifrac(counts, normalized=False),
        "generalized_unifrac": lambda: tree.generalized_unifrac(counts, 0.25),
        "bray_curtis": lambda: bray_curtis(counts),
        "jaccard": lambda: jaccard(counts),
        "aitchison": lambda: aitchison(counts),
    }
    targets = objective(study, kind, unifrac_normalized=False, unifrac_alpha=0.25)
    truths = pickle.loads(pickle.dumps(targets)).of_samples(ROWS, counts)
    np.testing.assert_array_equal(truths.distances_BB, expected[kind]())
    assert truths.faith_pd_B is None
    assert targets.of_asvs(np.array([1, 3])) is None


def test_faith_pd_and_taxonomy_alone(study: Study) -> None:
    counts = study.table.counts[ROWS]
    faith = objective(study, "faith_pd").of_samples(ROWS, counts)
    assert faith.distances_BB is None
    assert study.phylogeny is not None
    np.testing.assert_array_equal(faith.faith_pd_B, study.phylogeny.faith_pd(counts))
    taxonomy = objective(study, "taxonomy")
    assert taxonomy.of_samples(ROWS, counts) == (None, None)
    taxa = taxonomy.of_asvs(np.array([1, 3]))
    assert taxa is not None
    assert taxa.tolist() == [1, -1]


def test_combined_is_everything_that_there_is(study: Study) -> None:
    counts = study.table.counts[ROWS]
    combined = objective(study, "combined")
    truths = combined.of_samples(ROWS, counts)
    assert study.phylogeny is not None
    np.testing.assert_array_equal(truths.distances_BB, study.phylogeny.unweighted_unifrac(counts))
    assert truths.faith_pd_B is not None
    assert combined.of_asvs(np.array([0])) is not None
    without = objective(dataclasses.replace(study, taxonomy_labels=None), "combined")
    assert without.of_asvs(np.array([0])) is None


@pytest.mark.parametrize("kind", ["unifrac", "bray_curtis", "combined"])
def test_given_distances_stand_in(study: Study, kind: str) -> None:
    distances = given(study)
    truths = objective(dataclasses.replace(study, distances=distances), kind).of_samples(ROWS, study.table.counts[ROWS])
    np.testing.assert_array_equal(truths.distances_BB, distances.values[np.ix_(ROWS, ROWS)])


def test_given_distances_above_1(study: Study) -> None:
    large = dataclasses.replace(study, distances=given(study, 7.0))
    for kind in ("unifrac", "combined", "weighted_unifrac", "bray_curtis"):
        with pytest.raises(InputError, match=r"u.tsv: values up to 7: .* 0..1"):
            objective(large, kind)
    objective(large, "aitchison")
    objective(large, "weighted_unifrac", unifrac_normalized=False)
    objective(large, "faith_pd")


@pytest.mark.parametrize(("kind", "penalty"), [(None, 1.0), ("unifrac", 0.0)])
def test_nothing_is_computed_that_is_not_learned(study: Study, kind: str | None, penalty: float) -> None:
    targets = objective(study, kind, penalty)
    assert targets == ObjectiveTargets()
    assert targets.of_samples(ROWS, study.table.counts[ROWS]) == (None, None)


@pytest.mark.parametrize("kind", ["unifrac", "faith_pd", "combined", "taxonomy"])
def test_what_is_missing_is_said(study: Study, kind: str) -> None:
    bare = dataclasses.replace(study, tree=None, phylogeny=None, taxonomy_labels=None)
    with pytest.raises(ConfigError, match=r"--encoder-type .* needs --t"):
        objective(bare, kind)
