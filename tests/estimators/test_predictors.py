from __future__ import annotations

import dataclasses
import pickle
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.sparse import csr_array

from aam.cli.main import main
from aam.data.study.study import Study
from aam.errors import CheckpointError, ConfigError, InputError, RunError
from aam.estimators import AAMClassifier, AAMRegressor
from aam.models.folder.weights import load_models
from tests.estimators.studies import NETWORK, NUM_SAMPLES, SEQUENCES, TINY, numbers, table
from tests.factories import write_biom


@pytest.fixture(scope="module")
def fitted() -> AAMRegressor:
    frame = table()
    return AAMRegressor(**NETWORK).fit(frame, numbers(frame))


def close(first: Any, second: Any) -> None:
    np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-4)


def test_it_is_what_the_command_line_trains(fitted: AAMRegressor, tmp_path: Path) -> None:
    frame = table()
    biom = write_biom(tmp_path / "t.biom", frame.to_numpy(), list(frame.index), SEQUENCES)
    pd.DataFrame({"age": numbers(frame)}, index=pd.Index(frame.index, name="sample-id")).to_csv(
        tmp_path / "m.tsv", sep="\t"
    )
    options = ["--learners", "network"]
    options += [part for name, value in TINY.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    files = ["--table", str(biom), "--metadata", str(tmp_path / "m.tsv"), "--metadata-column", "age"]
    switches = ["--no-forest-baseline", "--no-report", "--no-progress", "--output-dir", str(tmp_path / "run")]
    assert main(["train", *files, *options, *switches]) == 0
    said = pd.read_csv(tmp_path / "run" / "val_predictions.tsv", sep="\t", index_col="sample-id")
    chosen = frame.loc[said.index]
    close(fitted.predict(chosen), said["predicted"])
    with pytest.warns(UserWarning, match="too few calibration groups"):
        close(fitted.predict_interval(chosen), said[["predicted_low", "predicted_high"]])

    fitted.save(tmp_path / "model")
    command = ["predict", "--model", str(tmp_path / "model"), "--table", str(biom), "--no-progress"]
    assert main([*command, "--output", str(tmp_path / "p.tsv")]) == 0
    close(pd.read_csv(tmp_path / "p.tsv", sep="\t")["predicted"], fitted.predict(frame))
    close(AAMRegressor.load(tmp_path / "run").predict(frame), fitted.predict(frame))


def test_predictions_depend_on_a_sample_alone(fitted: AAMRegressor) -> None:
    frame = table()
    expected = fitted.predict(frame)
    mixed = frame.iloc[::-1, ::-1]
    close(fitted.predict(mixed), expected[::-1])
    close(fitted.predict(frame.iloc[3:5]), expected[3:5])
    close(fitted.predict(frame.assign(**{"ACGT" * 6: 0})), expected)


def test_a_table_may_be_an_array_a_sparse_matrix_or_a_study(tmp_path: Path) -> None:
    frame = table()
    counts = frame.to_numpy()
    y = numbers(frame)
    model = AAMRegressor(**NETWORK, sequences=SEQUENCES).fit(counts, y)
    expected = model.predict(counts)
    before = csr_array(counts)
    close(model.predict(before), expected)
    assert before.data.flags.writeable
    close(model.predict(counts[::-1]), expected[::-1])
    close(model.predict(counts[[3, 3]]), expected[[3, 3]])
    model.save(tmp_path / "model")
    close(AAMRegressor.load(tmp_path / "model", sequences=SEQUENCES).predict(counts), expected)
    study: Study = model._study_to_predict(counts)
    close(model.predict(study), expected)
    close(AAMRegressor(**NETWORK).fit(study, y).predict(study[:4]), expected[:4])


def test_columns_may_be_named_by_a_mapping() -> None:
    frame = table()
    names = [f"asv{number}" for number in range(len(SEQUENCES))]
    hashed = frame.set_axis(names, axis=1)
    model = AAMRegressor(**NETWORK, sequences=dict(zip(names, SEQUENCES, strict=True))).fit(hashed, numbers(frame))
    close(model.predict(hashed), AAMRegressor(**NETWORK).fit(frame, numbers(frame)).predict(frame))


def test_several_targets_of_which_some_are_missing() -> None:
    frame = table()
    y = np.column_stack([numbers(frame), -3 * numbers(frame)])
    y[::7, 1] = np.nan
    y[5] = np.nan
    model = AAMRegressor(**NETWORK, interval_level=0.5).fit(frame, pd.DataFrame(y, columns=["a", "b"]))
    predicted = model.predict(frame)
    assert predicted.shape == (NUM_SAMPLES, 2)
    assert (predicted[:, 0] > 0).all()
    assert (predicted[:, 1] < 0).all()
    ends = model.predict_interval(frame)
    assert ends.shape == (NUM_SAMPLES, 2, 2)
    assert (ends[..., 0] <= predicted).all()
    assert (predicted <= ends[..., 1]).all()
    assert model.trained_.description.targets is not None
    assert model.trained_.description.targets.columns == ("a", "b")


def test_a_higher_level_makes_wider_intervals(fitted: AAMRegressor) -> None:
    frame = table()
    model = AAMRegressor(**NETWORK, interval_level=0.5).fit(frame, numbers(frame))
    narrow, middle, wide = (model.predict_interval(frame, level) for level in (0.3, None, 0.8))
    np.testing.assert_array_equal(middle, model.predict_interval(frame, 0.5))
    assert (np.ptp(middle, axis=1) > np.ptp(narrow, axis=1)).all()
    assert (np.ptp(wide, axis=1) > np.ptp(narrow, axis=1)).all()
    with pytest.raises(ValueError, match=r"level must be a number above 0 and below 1, such as 0.9, got 2"):
        fitted.predict_interval(frame, 2)


def test_quantiles(fitted: AAMRegressor) -> None:
    frame = table()
    model = AAMRegressor(**NETWORK, loss_type="quantile", quantiles=[0.2, 0.5, 0.9]).fit(frame, numbers(frame))
    quantiles = model.predict_quantiles(frame)
    assert quantiles.shape == (NUM_SAMPLES, 3)
    assert (np.diff(quantiles, axis=1) >= 0).all()
    np.testing.assert_array_equal(quantiles[:, 1], model.predict(frame))
    with pytest.raises(ValueError, match="loss_type quantile"):
        fitted.predict_quantiles(frame)


def test_without_validation_truths_there_are_no_intervals() -> None:
    frame = table()
    y = np.column_stack([numbers(frame), numbers(frame)])
    model = AAMRegressor(**NETWORK).fit(frame, y)
    model.trained_ = dataclasses.replace(
        model.trained_, description=dataclasses.replace(model.trained_.description, calibrations=())
    )
    with pytest.raises(ValueError, match="intervals: the model has none"):
        model.predict_interval(frame)


def test_only_targets_with_validation_truths_have_intervals() -> None:
    frame = table()
    y = np.column_stack([numbers(frame), numbers(frame)])
    model = AAMRegressor(**{**NETWORK, "interval_level": 0.5}).fit(frame, y)
    full = model.predict_interval(frame)
    description = model.trained_.description
    model.trained_ = dataclasses.replace(
        model.trained_, description=dataclasses.replace(description, calibrations=(description.calibrations[0], None))
    )
    with pytest.warns(UserWarning, match="has no intervals: no calibration sample has a value"):
        found = model.predict_interval(frame)
    np.testing.assert_array_equal(found[:, 0], full[:, 0])
    assert np.isnan(found[:, 1]).all()


def test_samples_of_weight_0_are_as_good_as_not_there() -> None:
    frame = table()
    y, weight = numbers(frame), np.ones(NUM_SAMPLES)
    weight[:6] = 0
    y[:6] = 1e3
    weighted = AAMRegressor(**NETWORK).fit(frame, y, sample_weight=weight)
    close(weighted.predict(frame), AAMRegressor(**NETWORK).fit(frame.iloc[6:], y[6:]).predict(frame))


def test_weights_weigh(fitted: AAMRegressor) -> None:
    frame = table()
    weight = np.where(np.arange(NUM_SAMPLES) % 2, 5.0, 0.1)
    weighted = AAMRegressor(**{**NETWORK, "lr": 0.05, "best_metric": "val_loss"})
    plain = weighted.fit(frame, numbers(frame)).predict(frame)
    assert np.abs(weighted.fit(frame, numbers(frame), sample_weight=weight).predict(frame) - plain).max() > 1e-3


def test_groups_stay_whole() -> None:
    frame = table()
    with pytest.raises(ValueError, match="1 group"):
        AAMRegressor(**NETWORK).fit(frame, numbers(frame), groups=["one"] * NUM_SAMPLES)


def test_an_ensemble_is_the_mean_of_its_members() -> None:
    frame = table()
    y = numbers(frame)
    both = AAMRegressor(**NETWORK, ensemble=2).fit(frame, y)
    assert len(both.trained_.models) == 2
    first = AAMRegressor(**NETWORK).fit(frame, y)
    for name, tensor in first.trained_.models[0].state_dict().items():
        torch.testing.assert_close(both.trained_.models[0].state_dict()[name], tensor)
    assert not np.allclose(both.predict(frame), first.predict(frame))


def test_labels_keep_their_type_and_order(tmp_path: Path) -> None:
    frame = table()
    y = np.where(numbers(frame) > np.median(numbers(frame)), 2, 10)
    model = AAMClassifier(**NETWORK, class_weights=(1.0, 3.0), interval_level=0.5).fit(frame, y)
    assert model.classes_.tolist() == [2, 10]
    probability = model.predict_proba(frame)
    close(probability.sum(axis=1), 1.0)
    assert (model.predict(frame) == np.where(probability[:, 0] > probability[:, 1], 2, 10)).all()
    assert model.score(frame, y) > 0.6
    sets = model.predict_set(frame)
    assert sets.shape == (NUM_SAMPLES, 2)
    assert sets[np.arange(NUM_SAMPLES), probability.argmax(axis=1)][sets.any(axis=1)].all()
    spec = model.trained_.description.targets.specs[0]  # type: ignore[union-attr]
    weight_of = dict(zip(spec.classes, spec.class_weights, strict=True))
    assert weight_of["10"] == pytest.approx(3 * weight_of["2"])

    model.save(tmp_path / "model")
    loaded = AAMClassifier.load(tmp_path / "model")
    assert loaded.classes_.tolist() == [2, 10]
    close(loaded.predict_proba(frame), probability)
    with pytest.raises(CheckpointError, match="a model of classification; AAMRegressor needs one of regression"):
        AAMRegressor.load(tmp_path / "model")


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("AAM_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    frame = table()
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    torch.use_deterministic_algorithms(False)
    AAMRegressor(**NETWORK).fit(frame, numbers(frame))
    assert torch.equal(torch.rand(3), expected)
    assert not torch.are_deterministic_algorithms_enabled()
    assert list(tmp_path.iterdir()) == []


def test_it_can_be_pickled(fitted: AAMRegressor) -> None:
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict(table()), fitted.predict(table()))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda frame: frame.to_numpy(), "X: an array of 12 columns does not say which ASVs they are"),
        (lambda frame: frame.set_axis([f"asv{i}" for i in range(12)], axis=1), "12 of 12 ASV ids are not DNA"),
        (lambda frame: frame.assign(**{SEQUENCES[0]: 0.5}), "30 counts are fractional"),
        (lambda frame: frame * np.arange(NUM_SAMPLES)[:, None], r"1 sample without reads \(first: s0, row 0\)"),
        (lambda frame: frame.set_axis(["a"] * NUM_SAMPLES), "sample id 'a'"),
        (lambda frame: frame - 10_000, "Negative values"),
        (lambda frame: frame.loc[:, []], "X: a data frame of 30 rows without columns; its columns must be the ASVs"),
    ],
)
def test_unusable_tables_are_value_errors(change: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        AAMRegressor(**NETWORK).fit(change(table()), numbers(table()))


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"bounded_targets": True, "target_transform": "zscore"}, "bounded_targets needs target_transform minmax"),
        ({"freeze_base": True}, "freeze_base needs pretrained_encoder"),
        ({"gradient_checkpointing": "maybe"}, "gradient_checkpointing must be true or false"),
    ],
)
def test_parameters_that_cannot_work_are_said_in_python(parameters: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        AAMRegressor(**{**NETWORK, **parameters}).fit(table(), numbers(table()))
    assert isinstance(caught.value, ConfigError)


def test_errors_pass_between_processes() -> None:
    with pytest.raises(InputError) as caught:
        AAMRegressor(**NETWORK).fit(table().to_numpy(), numbers(table()))
    again = pickle.loads(pickle.dumps(caught.value))
    assert type(again) is type(caught.value)
    assert str(again) == str(caught.value)


def test_a_thread_is_refused() -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool, pytest.raises(RunError, match="main thread"):
        pool.submit(AAMRegressor(**NETWORK).fit, table(), numbers(table())).result()


def test_the_model_folder_says_what_it_is(fitted: AAMRegressor, tmp_path: Path) -> None:
    fitted.save(tmp_path / "model")
    models, description = load_models(tmp_path / "model")
    assert len(models) == 1
    assert description.data["rarefy_depth"] == TINY["rarefy_depth"]
    assert description.calibrations


def test_ordered_labels_keep_their_order(tmp_path: Path) -> None:
    frame = table()
    names = np.array(["mild", "none", "severe"])
    labels = names[np.digitize(numbers(frame), np.quantile(numbers(frame), [0.3, 0.7]))]
    model = AAMClassifier(**NETWORK, ordered=("mild", "none", "severe")[::-1]).fit(frame, labels)
    assert model.classes_.tolist() == ["severe", "none", "mild"]
    shares = model.predict_proba(frame)
    close(shares.sum(axis=1), np.ones(len(frame)))
    assert model.predict(frame).tolist() == model.classes_[shares.argmax(axis=1)].tolist()
    model.save(tmp_path / "model")
    again = AAMClassifier.load(tmp_path / "model")
    assert again.classes_.tolist() == model.classes_.tolist()
    close(again.predict_proba(frame), shares)


def test_counts_are_predicted_as_means(tmp_path: Path) -> None:
    frame = table()
    counts = np.random.default_rng(0).poisson(3, size=len(frame))
    model = AAMRegressor(**NETWORK, count_target=True, count_distribution="poisson").fit(frame, counts)
    predicted = model.predict(frame)
    assert (predicted > 0).all()
    assert predicted.mean() == pytest.approx(counts.mean(), rel=0.3)
    model.save(tmp_path / "model")
    close(AAMRegressor.load(tmp_path / "model").predict(frame), predicted)
    with pytest.raises(ValueError, match="are not counts"):
        AAMRegressor(**NETWORK, count_target=True).fit(frame, counts + 0.5)


def test_classes_are_balanced_and_nothing_else() -> None:
    frame = table()
    y = np.where(np.arange(len(frame)) % 5 == 0, "rare", "usual")
    settings = {**NETWORK, "epochs": 6, "lr": 0.02}
    rare = [AAMClassifier(**settings, balance_by=by).fit(frame, y).predict_proba(frame)[:, 0] for by in ("class", None)]
    assert rare[0].mean() > rare[1].mean() + 0.1
    with pytest.raises(ValueError, match="balance_by must be 'class' or None"):
        AAMClassifier(**NETWORK, balance_by="study").fit(frame, y)
    with pytest.raises(TypeError, match="unexpected keyword argument 'balance_by'"):
        AAMRegressor(balance_by="class")


@pytest.mark.parametrize("changes", [{"ensemble": 2}, {"learners": ("clr-linear", "network"), "blend_folds": 2}])
def test_jobs_change_no_prediction(changes: dict[str, Any]) -> None:
    frame = table()
    y = numbers(frame)
    one, two = (AAMRegressor(**{**NETWORK, **changes}, jobs=jobs).fit(frame, y) for jobs in (1, 2))
    close(one.predict(frame), two.predict(frame))
