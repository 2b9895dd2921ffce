from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path

import numpy as np
import pytest

from aam.config import PretrainConfig
from aam.config.option import from_flat
from aam.data.batches.truths import DrawnSamples
from aam.data.distances.dissimilarity import aitchison, bray_curtis, jaccard
from aam.data.readers.distance_matrix import Distances
from aam.data.study.study import Study
from aam.errors import InputError
from aam.phylogeny.tree import read_tree
from aam.phylogeny.unifrac import Phylogeny
from aam.training.plan.objectives import truths_of
from tests.data.study_files import caterpillar, make_study, random_counts

ROWS, ASVS = np.array([4, 0, 3]), np.array([1, 3])
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


def computed(study: Study, kind: str | None, penalty: float = 1.0, **options: object) -> dict[str, np.ndarray]:
    """The truths of some samples by the name of their head, as a worker process would compute them."""
    given = {"table": "t.biom", "output_dir": "run", "encoder_type": kind, "penalty": penalty, **options}
    truths = pickle.loads(pickle.dumps(truths_of(from_flat(PretrainConfig, given), study)))
    drawn = DrawnSamples(ROWS, study.table.counts[ROWS], ASVS)
    return {name: formula(drawn) for name, _, formula in truths}


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("unifrac", {}),
        ("weighted_unifrac", {"unifrac_normalized": False}),
        ("weighted_unifrac", {}),
        ("generalized_unifrac", {"unifrac_alpha": 0.25}),
        ("bray_curtis", {}),
        ("jaccard", {}),
        ("aitchison", {}),
    ],
)
def test_each_distance(study: Study, kind: str, options: dict[str, object]) -> None:
    counts = study.table.counts[ROWS]
    tree = study.phylogeny
    assert tree is not None
    expected = {
        "unifrac": lambda: tree.unweighted_unifrac(counts),
        "weighted_unifrac": lambda: tree.weighted_unifrac(counts, normalized=not options),
        "generalized_unifrac": lambda: tree.generalized_unifrac(counts, 0.25),
        "bray_curtis": lambda: bray_curtis(counts),
        "jaccard": lambda: jaccard(counts),
        "aitchison": lambda: aitchison(counts),
    }
    found = computed(study, kind, **options)
    assert list(found) == ["distance"]
    np.testing.assert_array_equal(found["distance"], expected[kind]())


def test_faith_pd_and_taxonomy_alone(study: Study) -> None:
    assert study.phylogeny is not None
    faith = computed(study, "faith_pd")
    assert list(faith) == ["faith_pd"]
    np.testing.assert_array_equal(faith["faith_pd"], study.phylogeny.faith_pd(study.table.counts[ROWS]))
    taxonomy = computed(study, "taxonomy")
    assert list(taxonomy) == ["taxonomy"]
    assert taxonomy["taxonomy"].tolist() == [1, -1]


def test_combined_is_everything_that_there_is(study: Study) -> None:
    assert study.phylogeny is not None
    combined = computed(study, "combined")
    assert list(combined) == ["distance", "faith_pd", "taxonomy"]
    np.testing.assert_array_equal(combined["distance"], study.phylogeny.unweighted_unifrac(study.table.counts[ROWS]))
    assert list(computed(dataclasses.replace(study, taxonomy_labels=None), "combined")) == ["distance", "faith_pd"]


@pytest.mark.parametrize("kind", ["unifrac", "bray_curtis", "combined"])
def test_given_distances_stand_in(study: Study, kind: str) -> None:
    distances = given(study)
    found = computed(dataclasses.replace(study, distances=distances), kind)
    np.testing.assert_array_equal(found["distance"], distances.values[np.ix_(ROWS, ROWS)])


def test_given_distances_above_1(study: Study) -> None:
    large = dataclasses.replace(study, distances=given(study, 7.0))
    for kind in ("unifrac", "combined", "weighted_unifrac", "bray_curtis"):
        with pytest.raises(InputError, match=r"u.tsv: values up to 7: .* 0..1"):
            computed(large, kind)
    computed(large, "aitchison")
    computed(large, "weighted_unifrac", unifrac_normalized=False)
    computed(large, "faith_pd")


@pytest.mark.parametrize(("kind", "penalty"), [(None, 1.0), ("unifrac", 0.0)])
def test_nothing_is_computed_that_is_not_learned(study: Study, kind: str | None, penalty: float) -> None:
    assert computed(study, kind, penalty) == {}


@pytest.mark.parametrize("kind", ["unifrac", "bray_curtis", "aitchison"])
def test_a_process_computes_its_own_rows(study: Study, kind: str) -> None:
    whole = computed(study, kind)["distance"]
    config = from_flat(PretrainConfig, {"table": "t.biom", "output_dir": "run", "encoder_type": kind, "penalty": 1.0})
    (truth,) = truths_of(config, study)
    drawn = DrawnSamples(ROWS, study.table.counts[ROWS], ASVS, own=slice(1, None, 2))
    np.testing.assert_allclose(truth.formula(drawn), whole[1::2], rtol=1e-12, atol=1e-12)
