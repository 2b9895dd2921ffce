from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from sklearn.metrics import mean_absolute_error

from aam.cli.main import main
from aam.data.targets.intervals import calibrate_numbers
from aam.data.targets.targets import Targets
from aam.errors import InputError
from aam.evaluation.blend_record import MemberRecord
from aam.evaluation.coverage import CoverageRecord, coverage_of_intervals
from aam.evaluation.cross_validation import evaluate_folds, read_fold
from aam.evaluation.run_results import read_run, training_times
from aam.report.build import build_folds_report, build_report
from aam.report.figures.blend import BlendRow, blend_chart
from aam.report.sections.run import data_section
from aam.report.style import FOREST, GUESS, MODEL
from tests.report.blends import (
    LABELS,
    change_data,
    make_blend,
    write_blend,
    write_blend_of_classes,
    write_blend_of_two,
)
from tests.report.pages import Page, check_self_contained
from tests.report.run_directories import HOSTILE, read_json


def report(folder: Path) -> Page:
    page = Page(build_report(folder))
    check_self_contained(page)
    return page


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a blend with a test part, and its report."""
    folder = write_blend(tmp_path_factory.mktemp("blend"))
    build_report(folder)
    return folder


def test_a_blend_leads_its_page(run: Path) -> None:
    page = Page(run / "report.html")
    check_self_contained(page)
    assert (
        "The model blends 4 learners; the largest weights are those of radial kernel ridge on DNA clades (0.45), "
        "kernel ridge on Jaccard distances (0.25) and extra trees on DNA clades (0.20)."
    ) in page.words
    assert "On 60 held-out test samples" in page.words
    assert page.words.index("Members of the blend") < page.words.index("Comparison with baselines")
    assert all(label in page.words for label in LABELS.values())
    assert "unifrac-phylogeny no tree was given" in page.words
    assert "Learning curves" not in page.source
    assert "Sample ordination" not in page.source
    assert "best epoch" not in page.words


def test_members_stand_beside_the_blends_own_figures(run: Path) -> None:
    words = Page(run / "report.html").words
    table = read_run(run).predictions["out_of_fold"]["month_of_life"]
    own = f"{mean_absolute_error(table.observed, table.predicted):.2f}"
    assert f"the mean absolute error of the blend is {own}; that of its best member alone 2.25." in words
    assert f"blend \u2013 {own}" in words
    assert "radial kernel ridge on DNA clades clades-radial 0.45 2.50 \u2013 0.60 \u2013 6.2 seconds" in words


def test_how_a_blend_is_made_is_said(run: Path) -> None:
    words = Page(run / "report.html").words
    assert "dealt into 5 folds, with all samples of one baby in the same fold (42 groups)" in words
    assert "pulled towards even weights" in words
    assert "Then all members were fitted anew on all training samples." in words


def test_without_a_test_part_out_of_fold_is_reported(tmp_path: Path) -> None:
    page = report(write_blend(tmp_path, test=False))
    assert read_run(tmp_path).evaluated_part == "out_of_fold"
    assert "On 60 out-of-fold training samples" in page.words
    assert "each predicted by members not trained on its group" in page.words
    assert "fitted without its group; a test set" in page.words
    assert "relative abundances of ASVs in the same folds" in page.words
    assert "slightly optimistic" not in page.words


def test_samples_without_groups_stand_for_themselves(tmp_path: Path) -> None:
    page = report(write_blend(tmp_path, test=False, groups=False))
    assert "each predicted by members not trained on it" in page.words
    assert "its group" not in page.words
    assert "The training samples were dealt into 5 folds." in page.words


def test_one_learner_has_no_weights_to_explain(tmp_path: Path) -> None:
    words = report(write_blend(tmp_path, test=False, number=1)).words
    assert "The model is one learner: random forest on ASVs." in words
    assert "A weight is" not in words
    assert "pulled towards" not in words


def test_classes_are_blended_too(tmp_path: Path) -> None:
    page = report(write_blend_of_classes(tmp_path, ["gill", "gut", "skin"]))
    how = "whose baby was not in training (42 groups, held out whole)"
    assert f"On 80 out-of-fold training samples {how}, the balanced accuracy of sample_type is" in page.words
    assert "the balanced accuracy of the blend is" in page.words


def test_each_target_has_members_of_its_own(tmp_path: Path) -> None:
    page = report(write_blend_of_two(tmp_path))
    assert "The model blends 4 learners, with weights of their own for each target." in page.words
    assert "month_of_life: Members of the blend" in page.words
    assert "mass: Members of the blend" in page.words
    assert page.words.count("Left out of the blend") == 1


def test_hostile_labels_are_text(tmp_path: Path) -> None:
    write_blend(tmp_path)
    content = make_blend().to_dict()
    content["learners"][0] |= {"label": HOSTILE, "name": HOSTILE}
    content["left_out"] = [{"name": HOSTILE, "reason": HOSTILE}]
    change_data(tmp_path, **content)
    page = report(tmp_path)
    assert page.words.count(HOSTILE) >= 4
    assert HOSTILE not in page.source


@pytest.mark.parametrize(
    "changes",
    [
        {"learners": []},
        {"learners": [{"name": "forest"}]},
        {"folds": {"number": 1, "groups": 42}},
        {"left_out": [{"name": 1, "reason": ""}]},
        {"targets": None},
    ],
)
def test_a_damaged_record_is_named(changes: dict[str, object], tmp_path: Path) -> None:
    write_blend(tmp_path)
    change_data(tmp_path, **changes)
    with pytest.raises(InputError, match=r"data\.json: damaged"):
        build_report(tmp_path)
    assert main(["info", str(tmp_path)]) == 2


def test_a_blend_without_predictions_has_no_report(tmp_path: Path) -> None:
    write_blend(tmp_path, test=False)
    (tmp_path / "out_of_fold_predictions.tsv").unlink()
    with pytest.raises(InputError, match=r"no predictions \(out_of_fold_predictions\.tsv\)"):
        build_report(tmp_path)


def test_a_forest_of_other_samples_is_left_out(tmp_path: Path) -> None:
    write_blend(tmp_path, test=False)
    lines = (tmp_path / "forest_predictions.tsv").read_text().splitlines()
    (tmp_path / "forest_predictions.tsv").write_text("\n".join(lines[:-1]) + "\n")
    assert "The random forest did not predict all out-of-fold samples" in report(tmp_path).words


def test_info_names_members_and_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_blend(tmp_path)
    assert main(["info", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "4 learners, weighted by 5 folds" in said
    assert "radial kernel ridge on DNA clades (weight 0.45, mean absolute error 2.50)" in said
    assert "unifrac-phylogeny (no tree was given)" in said
    assert str(tmp_path / "out_of_fold_predictions.tsv") in said


def test_the_figure_has_a_bar_for_each_member() -> None:
    rows = [
        BlendRow(label="forest", weight=0.7, values=[3.0, np.nan], colour=FOREST),
        BlendRow(label="other", weight=0.3, values=[2.0, 0.5], colour=GUESS),
    ]
    figure = blend_chart(rows, ["mae", "r2"], [1.5, np.nan])
    weights, errors, shares = figure.axes
    assert [bar.get_width() for bar in weights.patches] == [0.7, 0.3, 0]
    assert [label.get_text() for label in weights.get_yticklabels()] == ["forest", "other", "blend"]
    dots = [line for line in errors.lines if line.get_marker() == "o"]
    assert [float(np.asarray(dot.get_xdata())[0]) for dot in dots] == [3.0, 2.0, 1.5]
    assert [dot.get_color() for dot in dots] == [FOREST, GUESS, MODEL]
    (ours,) = (line for line in errors.lines if line.get_linestyle() == "--")
    assert np.asarray(ours.get_xdata()).tolist() == [1.5, 1.5]
    assert len(shares.lines) == 1


def test_the_networks_reads_are_not_everybodys(tmp_path: Path) -> None:
    record = read_run(write_blend(tmp_path))
    rarefied = dataclasses.replace(record, data={**record.data, "rarefy_depth": 4000})
    assert "For the network, each sample was rarefied to 4,000 reads." in data_section(rarefied).text
    assert "All reads were used (no rarefaction)." in data_section(record).text


def covered(size: int) -> dict[str, object]:
    """What stands in ``coverage.json`` where every tenth truth is missed."""
    calibration = calibrate_numbers(np.arange(60.0), np.zeros(60), None)
    observed, ends = np.where(np.arange(size) % 10, 1.0, 3.0), np.full(size, 2.0)
    found = tuple(coverage_of_intervals(observed, {0.9: (-ends, ends)}, None))
    return CoverageRecord(part="test", level=0.9, calibration=calibration, found=found).to_dict()


def write_folds(folder: Path) -> tuple[Path, list[Path]]:
    """A cross-validation whose second fold left a member out."""
    folds = [folder / "1", folder / "2"]
    for fold in folds:
        fold.mkdir(parents=True)
        write_blend(fold, groups=False)
        (fold / "coverage.json").write_text(json.dumps({"month_of_life": covered(60)}))
    blend = make_blend()
    kept = [
        MemberRecord(**{**vars(member), "weights": {"month_of_life": weight}})
        for member, weight in zip(blend.members[:3], (0.2, 0.3, 0.5), strict=True)
    ]
    content = type(blend)(members=tuple(kept), num_folds=5, num_groups=42).to_dict()
    change_data(folds[1], **content)
    for name in ("test_predictions.tsv", "forest_predictions.tsv"):
        header, *rows = (folds[1] / name).read_text().splitlines()
        renamed = [row.replace("10249.T", "10249.U") for row in rows]
        (folds[1] / name).write_text("\n".join([header, *renamed]) + "\n")
    run = folder / "run"
    shutil.copytree(folds[0], run)
    config = yaml.safe_load((run / "config.yaml").read_text()) | {"cv": 2, "validation_size": 0.2}
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    record = read_json(run / "data.json")
    for name in ("learners", "left_out", "folds"):
        del record[name]
    (run / "data.json").write_text(json.dumps({**record, "samples": {"folds": 120}}))
    return run, folds


def test_folds_show_the_mean_weights_of_members(tmp_path: Path) -> None:
    run, folders = write_folds(tmp_path)
    folds = [
        read_fold(folder, folder / "forest_predictions.tsv", 1, number)["month_of_life"]
        for number, folder in enumerate(folders, start=1)
    ]
    found = evaluate_folds(folds)
    targets = read_run(folders[0]).targets
    assert isinstance(targets, Targets)
    page = Page(build_folds_report(run, {"month_of_life": found}, targets))
    check_self_contained(page)
    assert "radial kernel ridge on DNA clades clades-radial 0.47 from 0.45 to 0.50 2.50 2 of 2" in page.words
    assert "kernel ridge on Jaccard distances jaccard 0.12 from 0.25 to 0.25 2.25 1 of 2" in page.words
    assert "out-of-fold predictions of 5 folds within the samples not held out" in page.words
    assert "of the same training samples of each fold" in page.words
    assert "calibrated on the out-of-fold predictions of the training samples of each fold" in page.words
    assert "best epoch" not in page.words


def test_a_blend_has_no_epochs_and_takes_what_its_members_take(tmp_path: Path) -> None:
    assert training_times(read_run(write_blend(tmp_path))) == ([], pytest.approx(4.2 + 5.2 + 6.2 + 7.2))
