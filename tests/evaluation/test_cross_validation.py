from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy.stats import binomtest, spearmanr
from sklearn import metrics

from aam.data.targets import kinds
from aam.data.targets.intervals import calibrate_numbers
from aam.data.targets.kinds import NUMBERS, Predictions, TargetSpec
from aam.data.targets.targets import Targets
from aam.errors import InputError
from aam.evaluation.baseline_comparison import group_words, headline, verdicts
from aam.evaluation.coverage import CoverageRecord, coverage_of_intervals
from aam.evaluation.cross_validation import (
    FoldResult,
    averaged,
    evaluate_folds,
    mean_and_spread,
    pooled,
    read_fold,
    write_metrics,
)
from aam.evaluation.metrics import evaluate
from aam.evaluation.prediction_table import join_tables, read_columns, write_part
from aam.report.build import build_folds_report
from aam.report.sections.folds import wins
from tests.report.run_directories import write_classification, write_regression
from tests.report.test_build import Page, check_self_contained

NUMBER = TargetSpec(column="month_of_life", kind=NUMBERS, mean=10.0)
CLASSES = ("gill", "gut", "skin")
CLASS = TargetSpec(column="site", kind=kinds.CLASSES, classes=CLASSES, majority="gut")
SIZE, FOLDS = 60, 3
SUBJECTS = np.array([f"m{i // 4}" for i in range(SIZE)], dtype=object)


def make_folds(kind: str = "number", *, repeats: int = 1, groups: bool = True, forest: bool = True) -> list[FoldResult]:
    """Folds whose model is off by about 2, the forest by 4, and guessing by more."""
    rng = np.random.default_rng(5)
    ids = np.array([f"s{i:02d}" for i in range(SIZE)], dtype=object)
    observed = np.linspace(0, 24, SIZE)
    codes = np.arange(SIZE) % 3
    noise = {"model": 2.0, "forest": 4.0, "guess": 8.0}
    if not forest:
        del noise["forest"]
    folds = []
    for repeat in range(1, repeats + 1):
        fold_of = rng.permutation(SIZE // 4)[np.arange(SIZE) // 4] % FOLDS
        for number in range(1, FOLDS + 1):
            rows = np.flatnonzero(fold_of == number - 1)
            predictions = {}
            for who, spread in noise.items():
                name = "majority" if who == "guess" and kind == "class" else who
                given = ids[rows], SUBJECTS[rows] if groups else None
                predictions[name] = (
                    of_numbers(observed[rows], spread, rng, *given)
                    if kind == "number"
                    else of_classes(codes[rows], spread, rng, *given)
                )
            counts = {"train": SIZE - len(rows) - 8, "validation": 8, "test": len(rows)}
            fold = FoldResult(
                repeat=repeat,
                number=number,
                predictions=predictions,
                samples=counts,
                best_epochs=[number - 2],
                seconds=9.0,
            )
            folds.append(fold)
    return folds


def of_numbers(
    observed: np.ndarray, spread: float, rng: np.random.Generator, ids: np.ndarray, groups: np.ndarray | None
) -> Predictions:
    predicted = observed + rng.normal(0, spread, len(ids))
    return Predictions(kind=NUMBERS, sample_ids=ids, observed=observed, predicted=predicted, groups=groups)


def of_classes(
    codes: np.ndarray, spread: float, rng: np.random.Generator, ids: np.ndarray, groups: np.ndarray | None
) -> Predictions:
    scores = 3 * np.eye(3)[codes] + rng.normal(0, spread, (len(ids), 3))
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    names = np.array(CLASSES, dtype=object)
    return Predictions(
        kind=kinds.CLASSES,
        sample_ids=ids,
        observed=names[codes],
        predicted=names[shares.argmax(axis=1)],
        classes=CLASSES,
        probabilities=shares,
        groups=groups,
    )


def test_metrics_are_those_of_all_held_out_samples() -> None:
    folds = make_folds()
    found = evaluate_folds(folds).judgement
    observed = np.concatenate([fold.predictions["model"].observed for fold in folds])
    predicted = np.concatenate([fold.predictions["model"].predicted for fold in folds])
    values = {name: interval.value for name, interval in found.results["model"].items()}
    assert values["mae"] == pytest.approx(metrics.mean_absolute_error(observed, predicted))
    assert values["r2"] == pytest.approx(metrics.r2_score(observed, predicted))
    assert values["spearman"] == pytest.approx(spearmanr(observed, predicted).statistic)
    assert found.predictions["model"].sample_ids.tolist() == [f"s{i:02d}" for i in range(SIZE)]
    assert found.results["model"]["mae"] == evaluate(pooled(folds, "model"))["mae"]


def test_repeats_are_averaged_as_metrics_and_not_as_an_ensemble() -> None:
    folds = make_folds(repeats=4)
    found = evaluate_folds(folds)
    of_repeat = [
        metrics.mean_absolute_error(p.observed, p.predicted)
        for p in (pooled(folds[start : start + FOLDS], "model") for start in range(0, 12, FOLDS))
    ]
    mae = found.judgement.results["model"]["mae"].value
    assert mae == pytest.approx(np.mean(of_repeat))
    shown = found.judgement.predictions["model"]
    assert metrics.mean_absolute_error(shown.observed, shown.predicted) < 0.75 * mae
    assert mean_and_spread(found.repeat_scores["model"], "mae") == pytest.approx(
        (np.mean(of_repeat), np.std(of_repeat, ddof=1))
    )
    ours = [
        p.predicted[p.sample_ids == "s07"][0] for p in (f.predictions["model"] for f in folds) if "s07" in p.sample_ids
    ]
    assert len(ours) == 4
    assert shown.predicted[7] == pytest.approx(np.mean(ours))


def test_a_samples_repeats_are_drawn_together() -> None:
    """Repeating the same predictions adds nothing that one could be surer by."""
    folds = make_folds(groups=False)
    again = [FoldResult(**{**vars(fold), "repeat": repeat}) for repeat in (1, 2, 3) for fold in folds]
    once, thrice = (evaluate_folds(found).judgement for found in (folds, again))
    for name in ("mae", "r2"):
        widths = [found.results["model"][name].high - found.results["model"][name].low for found in (once, thrice)]
        assert widths[1] == pytest.approx(widths[0], rel=0.1)
    assert thrice.predictions["model"].groups is None
    assert len(thrice.predictions["model"]) == SIZE


def test_averaged_classes_are_those_of_the_mean_probability() -> None:
    folds = make_folds("class", repeats=3)
    found = averaged(folds, "model")
    parts = [fold.predictions["model"] for fold in folds]
    shares = np.mean([p.probabilities[p.sample_ids == "s11"][0] for p in parts if "s11" in p.sample_ids], axis=0)
    assert found.probabilities is not None
    assert found.probabilities[11] == pytest.approx(shares)
    assert found.predicted[11] == CLASSES[int(shares.argmax())]
    assert found.groups is not None
    assert found.groups.tolist() == SUBJECTS.tolist()


def test_the_table_of_metrics(tmp_path: Path) -> None:
    folds = make_folds(repeats=2)
    found = evaluate_folds(folds)
    write_metrics(tmp_path / "m.tsv", {"y": found})
    columns = read_columns(tmp_path / "m.tsv")
    rows = {
        (who, name): {column: cells[place] for column, cells in columns.items()}
        for place, (who, name) in enumerate(zip(columns["predictor"], columns["metric"], strict=True))
    }
    assert {who for who, _ in rows} == {"model", "forest", "guess", "model - forest", "model - guess"}
    of_folds = {
        who: [metrics.mean_absolute_error(f.predictions[who].observed, f.predictions[who].predicted) for f in folds]
        for who in ("model", "forest")
    }
    row = {name: float(cell) for name, cell in rows["model", "mae"].items() if name not in ("predictor", "metric")}
    assert (row["fold_mean"], row["fold_sd"]) == pytest.approx(
        (np.mean(of_folds["model"]), np.std(of_folds["model"], ddof=1)), rel=1e-5
    )
    assert row["low"] < row["value"] < row["high"]
    lead = np.subtract(of_folds["model"], of_folds["forest"])
    row = {name: float(cell) for name, cell in rows["model - forest", "mae"].items() if name.startswith(("fold", "v"))}
    assert (row["fold_mean"], row["fold_sd"]) == pytest.approx((lead.mean(), lead.std(ddof=1)), rel=1e-5)
    assert row["value"] == pytest.approx(found.judgement.lead["forest"].value, rel=1e-5)
    for who in ("guess", "model - guess"):
        cells = [rows[who, "spearman"][name] for name in ("value", "low", "high", "repeat_mean", "repeat_sd")]
        assert cells == [""] * 5, "a constant has no correlation"
        assert rows[who, "mae"]["value"]
    write_metrics(tmp_path / "one.tsv", {"y": evaluate_folds(folds[:FOLDS])})
    assert set(read_columns(tmp_path / "one.tsv")["repeat_sd"]) == {""}


def test_metrics_of_several_targets_are_told_apart(tmp_path: Path) -> None:
    first, second = evaluate_folds(make_folds()), evaluate_folds(make_folds(forest=False)[:2])
    write_metrics(tmp_path / "m.tsv", {"age": first, "weight": second})
    columns = read_columns(tmp_path / "m.tsv")
    assert list(columns)[:3] == ["target", "predictor", "metric"]
    chosen = (columns["predictor"] == "model") & (columns["metric"] == "mae")
    values = dict(zip(columns["target"][chosen], columns["value"][chosen].astype(float), strict=True))
    for name, found in (("age", first), ("weight", second)):
        assert values[name] == pytest.approx(found.judgement.results["model"]["mae"].value, rel=1e-5)


def test_tables_of_folds_are_joined_cell_by_cell(tmp_path: Path) -> None:
    ids = np.array(["a", "b"], dtype=object)
    plain = Predictions(kind=NUMBERS, sample_ids=ids, observed=np.array([1.0, np.nan]), predicted=np.array([0.5, 2.0]))
    write_part(tmp_path / "1.tsv", [plain], ["y"])
    (tmp_path / "2.tsv").write_text("part\tsample-id\tobserved\tpredicted\tpredicted_std\ntest\tc\t3\t0.10\t7\n")
    sources = [({"repeat": "1", "fold": fold}, tmp_path / f"{fold}.tsv") for fold in ("1", "2")]
    join_tables(tmp_path / "all.tsv", sources)
    assert (tmp_path / "all.tsv").read_text() == (
        "sample-id\trepeat\tfold\tobserved\tpredicted\tpredicted_std\n"
        "a\t1\t1\t1\t0.5\t\nb\t1\t1\t\t2\t\nc\t1\t2\t3\t0.10\t7\n"
    )


def covered(folds: list[FoldResult], reach: float, level: float = 0.9) -> list[FoldResult]:
    """Folds with intervals that reach so far, and their coverage at that level and at 0.5 (half as far)."""
    found = []
    for place, fold in enumerate(folds):
        model = fold.predictions["model"]
        bounds = {at: (model.predicted - far, model.predicted + far) for at, far in ((0.5, reach / 2), (level, reach))}
        judged = coverage_of_intervals(model.observed, bounds, model.groups)
        calibration = calibrate_numbers(np.arange(4.0 + place), np.zeros(4 + place), None)
        record = CoverageRecord(part="test", level=level, calibration=calibration, found=tuple(judged))
        found.append(FoldResult(**{**vars(fold), "coverage": record}))
    return found


def test_coverage_is_that_of_all_held_out_truths() -> None:
    folds = covered(make_folds(groups=False), reach=2.5)
    errors = np.concatenate([np.abs(f.predictions["model"].predicted - f.predictions["model"].observed) for f in folds])
    found = evaluate_folds(folds).coverage
    assert found is not None
    assert found.part == "folds"
    assert found.calibration.num_groups == 4
    for one, reach in zip(found.found, (1.25, 2.5), strict=True):
        held = int((errors <= reach).sum())
        assert one.share.value == held / SIZE
        wilson = binomtest(held, SIZE).proportion_ci(method="wilson")
        assert (one.share.low, one.share.high) == pytest.approx((wilson.low, wilson.high))
        assert one.size_N == pytest.approx(np.full(SIZE, 2 * reach))
        assert one.num_groups is None


def test_coverage_weighs_groups_equally_and_skips_folds() -> None:
    first, second, third = covered(make_folds(), reach=2.0)
    found = evaluate_folds([first, second, FoldResult(**{**vars(third), "coverage": None})]).coverage
    assert found is not None
    groups = np.concatenate([fold.predictions["model"].groups for fold in (first, second)])
    held = np.concatenate([fold.coverage.found[1].held_N for fold in (first, second) if fold.coverage is not None])
    assert len(found.found[1].held_N) == len(groups) < SIZE
    of_groups = [held[groups == group].mean() for group in np.unique(groups.astype(str))]
    assert found.found[1].share.value == pytest.approx(np.mean(of_groups))
    assert found.found[1].num_groups == len(of_groups)
    assert evaluate_folds(make_folds()).coverage is None


def test_a_samples_repeats_count_as_one_in_the_coverage() -> None:
    folds = covered(make_folds(groups=False, repeats=2), reach=2.0)
    found = evaluate_folds(folds).coverage
    assert found is not None
    assert found.found[1].num_groups == SIZE
    assert len(found.found[1].held_N) == 2 * SIZE


def page_of(folder: Path, folds: Mapping[str, list[FoldResult]], specs: list[TargetSpec], **options: object) -> Page:
    targets = Targets(specs=tuple(specs))
    config: Mapping[str, object] = {"cv": FOLDS, "validation_size": 0.2, "stratify": True, **options}
    (folder / "config.yaml").write_text(yaml.safe_dump({"command": "train", **config}))
    data = {"command": "aam train --cv 3", "samples": {"folds": SIZE}, "num_asvs": 40, "targets": targets.to_dict()}
    (folder / "data.json").write_text(json.dumps(data))
    found = {column: evaluate_folds(of_target) for column, of_target in folds.items()}
    page = Page(build_folds_report(folder, found, targets))
    check_self_contained(page)
    return page


def test_one_page_for_all_folds(tmp_path: Path) -> None:
    page = page_of(tmp_path, {NUMBER.column: make_folds()}, [NUMBER], group_column="host")
    how = "whose host was not in training (15 groups, held out whole)"
    assert f"On 60 cross-validated samples {how}, the mean absolute error of" in page.words
    assert "60 samples are used: 60 held out in turn." in page.words
    assert "The model was better than the random forest in 3 of 3 folds." in page.words
    assert "The bootstrap resamples whole groups (15 hosts)." in page.words
    assert "stratified by quantile of the target. Samples of one host are never split." in page.words
    assert "relative abundances of the training and validation samples of each fold" in page.words
    assert "Of the samples not held out, 20 % chose the best epoch" in page.words
    assert "start" in page.text
    assert "slightly optimistic" not in page.words
    assert page.values("class").count("wide") == 4


def test_a_page_of_classes_and_repeats_without_a_forest(tmp_path: Path) -> None:
    page = page_of(tmp_path, {CLASS.column: make_folds("class", repeats=2, forest=False)}, [CLASS], stratify=False)
    assert "repeat 2, fold 3" in page.text
    assert "Over repeats, with different folds and seeds, the balanced accuracy of AAM was" in page.words
    assert "This was repeated 2 times with different folds and seeds" in page.words
    assert "stratified by" not in page.words
    assert "Random forest" not in page.source
    assert "for predicting the most frequent class" in page.words
    assert wins(evaluate_folds(make_folds("class", forest=False))) == ""


def test_targets_have_sections_of_their_own(tmp_path: Path) -> None:
    other = TargetSpec(column="weight", kind=NUMBERS, mean=3.0)
    folds = {NUMBER.column: covered(make_folds(groups=False, repeats=2), reach=2.0), "weight": make_folds(forest=False)}
    page = page_of(tmp_path, folds, [NUMBER, other], ensemble=3)
    for title in ("Comparison with baselines", "Folds", "All metrics"):
        assert all(f"{column}: {title}" in page.words for column in folds)
    assert "month_of_life: Interval coverage" in page.words
    assert "weight: Interval coverage" not in page.words
    assert "month_of_life: Mean absolute error (MAE)" in page.words
    assert "weight: Mean absolute error (MAE)" in page.words
    assert "Intervals are calibrated on the validation samples of each fold, 4 samples or more." in page.words
    assert "of 120 cross-validated samples" in page.words
    assert "A group below is a sample with its 2 predictions." in page.words
    assert "stratified by quantile of month_of_life." in page.words
    assert "These results are for the ensembles of 3 models of the folds." in page.words
    assert page.words.count("The model is clearly better than the constant") == 2


def test_a_fold_is_read_from_its_run_and_its_forest(tmp_path: Path) -> None:
    run = write_regression(tmp_path)
    fold = read_fold(run, run / "forest_predictions.tsv", 2, 5)["month_of_life"]
    assert list(fold.predictions) == ["model", "forest", "guess"]
    assert (fold.repeat, fold.number, fold.samples["test"]) == (2, 5, 60)
    assert (list(fold.best_epochs), fold.seconds) == ([21], 30 * 7.5)
    assert set(fold.predictions["guess"].predicted) == {9.4}
    assert fold.predictions["forest"].sample_ids.tolist() == fold.predictions["model"].sample_ids.tolist()
    assert list(read_fold(run, run / "none.tsv", 1, 1)["month_of_life"].predictions) == ["model", "guess"]
    lines = (run / "forest_predictions.tsv").read_text().splitlines()
    (run / "forest_predictions.tsv").write_text("\n".join(lines[:-1]) + "\n")
    with pytest.raises(InputError, match="does not have the fold's test samples; remove it"):
        read_fold(run, run / "forest_predictions.tsv", 1, 1)


def test_a_fold_without_test_predictions_is_refused(tmp_path: Path) -> None:
    write_classification(tmp_path, ["a", "b"])
    with pytest.raises(InputError, match="the fold's predictions are missing"):
        read_fold(tmp_path, tmp_path / "none.tsv", 1, 1)


def test_a_target_without_test_values_is_left_out(tmp_path: Path) -> None:
    write_regression(tmp_path)
    data = json.loads((tmp_path / "data.json").read_text())
    other = TargetSpec(column="weight", kind=NUMBERS, mean=3.0)
    data["targets"] = Targets(specs=(NUMBER, other)).to_dict()
    (tmp_path / "data.json").write_text(json.dumps(data))
    for name in ("val", "test"):
        (tmp_path / f"{name}_predictions.tsv").write_text(
            "sample-id\tobserved_month_of_life\tpredicted_month_of_life\tobserved_weight\tpredicted_weight\n"
            "a\t1\t2\t\t3\nb\t\t4\t\t3\nc\t7\t5\t\t3\n"
        )
    (tmp_path / "forest_predictions.tsv").unlink()
    folds = read_fold(tmp_path, tmp_path / "none.tsv", 1, 1)
    assert list(folds) == ["month_of_life"]
    assert folds["month_of_life"].predictions["model"].sample_ids.tolist() == ["a", "c"]


def of_studies(number: int) -> list[FoldResult]:
    """As many studies, each left out by one fold; the model is better than the others in all of them."""
    folds = []
    for place in range(number):
        fold = dataclasses.replace(make_folds()[place % FOLDS], repeat=1, number=place + 1, study=f"study {place}")
        ids = np.array([f"{place} {one}" for one in fold.predictions["model"].sample_ids], dtype=object)
        own = {who: dataclasses.replace(found, sample_ids=ids) for who, found in fold.predictions.items()}
        folds.append(dataclasses.replace(fold, predictions=own))
    return folds


@pytest.mark.parametrize("number", [1, 3, 5])
def test_few_studies_have_no_interval_and_no_verdict(number: int, tmp_path: Path) -> None:
    found = evaluate_folds(of_studies(number))
    every = [
        one for table in (found.judgement.results, found.differences) for of in table.values() for one in of.values()
    ]
    assert every
    assert np.isnan([(one.low, one.high) for one in every]).all()
    assert all(np.isfinite(found.judgement.results[who]["mae"].value) for who in found.judgement.results)
    lines = verdicts(found.judgement)
    counted = "1 of 1 study" if number == 1 else f"{number} of {number} studies"
    assert lines[0] == (
        f"The model is better than the constant prediction in {counted}; so few studies cannot tell whether that holds "
        "for a further one."
    )
    assert lines[1].startswith(f"It is better than the random forest in {counted} (difference in mean absolute error")
    assert not any("clearly" in line for line in lines)
    whole = f"({counted.partition('of ')[2]}, held out whole)"
    assert whole in headline(found.judgement, NUMBER, "study")
    write_metrics(tmp_path / "metrics.tsv", {"month_of_life": found})
    assert set(read_columns(tmp_path / "metrics.tsv")["low"]) == {""}


def test_six_studies_are_drawn_anew() -> None:
    found = evaluate_folds(of_studies(6)).judgement
    assert found.results["model"]["mae"].low < found.results["model"]["mae"].value
    assert verdicts(found)[0] == "The model is clearly better than the constant prediction."
    assert group_words(found, "study") == "The bootstrap resamples whole groups (6 studies)."
