"""The estimators within scikit-learn's own tools."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from aam.data.study.study import load_study
from aam.estimators import AAMClassifier, AAMEncoder, AAMRegressor
from tests.data.study_files import write_study
from tests.estimators.studies import NETWORK, NUM_SAMPLES, SEQUENCES, TINY, numbers, table


def common(frame: pd.DataFrame) -> pd.DataFrame:
    """The ASVs that more than half of the samples have."""
    return frame.loc[:, (frame > 0).mean() > 1 / 2]


def test_vectors_go_into_a_pipeline(tmp_path: Path) -> None:
    frame = table()
    pipeline = make_pipeline(AAMEncoder(**TINY), Ridge()).fit(frame, numbers(frame))
    assert pipeline.predict(frame).shape == (NUM_SAMPLES,)
    encoder = pipeline[0]
    vectors = encoder.transform(frame)
    assert vectors.shape == (NUM_SAMPLES, TINY["embedding_dim"])
    assert vectors.dtype == np.float32
    assert np.ptp(vectors, axis=0).min() > 0
    named = clone(encoder).set_output(transform="pandas").fit_transform(frame)
    assert list(named.columns) == list(encoder.get_feature_names_out())
    np.testing.assert_allclose(named, vectors, rtol=1e-5)

    encoder.save(tmp_path / "encoder")
    taken = AAMEncoder(pretrained_encoder=tmp_path / "encoder").fit(frame.iloc[:2])
    np.testing.assert_allclose(taken.transform(frame), vectors, rtol=1e-5)
    with pytest.raises(ValueError, match="epochs: pretrained_encoder is used as it is"):
        AAMEncoder(pretrained_encoder=tmp_path / "encoder", epochs=3).fit(frame)
    small = {"learners": ["network"], "epochs": 1, "rarefy_depth": 200, "freeze_base": True}
    tuned = AAMRegressor(pretrained_encoder=str(tmp_path / "encoder"), **small).fit(frame, numbers(frame))
    own = {name: tensor for name, tensor in encoder.trained_.models[0].state_dict().items() if "asv_encoder" in name}
    base = tuned.trained_.models[0].base.state_dict()  # type: ignore[union-attr]
    assert own
    assert all((base[name] == tensor).all() for name, tensor in own.items())


def test_a_filter_before_the_estimator() -> None:
    frame = table()
    assert 0 < common(frame).shape[1] < frame.shape[1]
    pipeline = make_pipeline(FunctionTransformer(common), AAMRegressor(**NETWORK)).fit(frame, numbers(frame))
    assert pipeline[-1].n_features_in_ == common(frame).shape[1]
    assert pipeline.predict(frame).shape == (NUM_SAMPLES,)


def test_cross_validation_by_groups() -> None:
    frame = table()
    groups = np.arange(NUM_SAMPLES) // 3
    scores = cross_val_score(
        AAMRegressor(**NETWORK), frame, numbers(frame), groups=groups, cv=GroupKFold(2), params={"groups": groups}
    )
    assert np.isfinite(scores).all()
    assert len(scores) == 2


def test_cross_validation_of_a_study() -> None:
    frame = table()
    y = np.where(numbers(frame) > np.median(numbers(frame)), "high", "low")
    study = AAMRegressor(**NETWORK).fit(frame, numbers(frame))._study_to_predict(frame)
    of_study, of_frame = (cross_val_predict(AAMClassifier(**NETWORK), X, y, cv=KFold(2)) for X in (study, frame))
    assert set(of_study) <= {"high", "low"}
    assert (of_study == of_frame).mean() > 0.9


def test_a_grid_search_sets_parameters() -> None:
    frame = table()
    search = GridSearchCV(AAMRegressor(**NETWORK), {"dropout": [0.0, 0.3]}, cv=2, refit=False, error_score="raise")
    search.fit(frame, numbers(frame))
    assert [found["dropout"] for found in search.cv_results_["params"]] == [0.0, 0.3]


@pytest.mark.parametrize("kind", [AAMRegressor, AAMClassifier, AAMEncoder])
def test_a_clone_keeps_parameters_and_repr_shows_changes(kind: Any) -> None:
    changed = kind(sequences=SEQUENCES, epochs=3)
    assert clone(changed).get_params() == changed.get_params()
    assert repr(kind(epochs=3)) == f"{kind.__name__}(epochs=3)"


def test_a_study_with_a_tree_teaches_unifrac(tmp_path: Path) -> None:
    files = write_study(tmp_path)
    study = load_study(files.table(), files.study(), None, None)
    encoder = AAMEncoder(**{**TINY, "rarefy_depth": 100}, encoder_type="unifrac").fit(study[2:])
    assert encoder.transform(study[:2]).shape == (2, TINY["embedding_dim"])
    with pytest.raises(ValueError, match="encoder_type unifrac needs tree"):
        AAMEncoder(**TINY, encoder_type="unifrac").fit(table())
    with pytest.raises(ValueError, match="sequences of up to 20 bases, and trim_length is 15"):
        AAMEncoder(**TINY, trim_length=15).fit(study)
