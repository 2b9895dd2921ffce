"""What a trial sees and predicts: never a sample that judges, and what `aam train` would."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aam.config import TuneConfig, from_flat, replace
from aam.data.study.split import Split
from aam.data.study.study import Study
from aam.errors import InputError
from aam.evaluation.metrics import score
from aam.training.plan.supervision import fit_inputs
from aam.workflows.runs.blend.model import fit_blend_model
from aam.workflows.tune import fit as module
from aam.workflows.tune.fit import Fitter
from aam.workflows.tune.plan import plan_search
from aam.workflows.tune.processes import Process
from aam.workflows.tune.run import _bar, _show
from aam.workflows.tune.search import Budget, Search, metric_draws, metric_of, pooled
from aam.workflows.tune.trials import Rules, Trials, open_journal, quiet


def config(study: Path, tmp_path: Path, **changes: Any) -> TuneConfig:
    given = {
        "table": study / "table.biom",
        "metadata": study / "metadata.tsv",
        "metadata_column": "gradient",
        "group_column": "subject",
        "learners": "jaccard,clr-radial",
        "folds": 2,
        "progress": False,
        "output_dir": tmp_path / "search",
    }
    return from_flat(TuneConfig, {**given, **changes})


def test_a_trial_is_what_aam_train_would_be(study: Path, tmp_path: Path) -> None:
    plan = plan_search(config(study, tmp_path))
    part = plan.parts[0]
    training = replace(plan.training, forest_baseline=False, kernel_width=2.0, blend_pull=0.5, blend_folds=3)
    fitter = Fitter(part.study)
    fitter.predict(plan.training, part.folds[0])
    (found,), _ = fitter.predict(training, part.folds[0])
    inputs = fit_inputs(training, part.study, part.folds[0].joined())
    model = fit_blend_model(training, inputs, announced=False)
    learned = model.blend.predict(part.study, part.folds[0].test)
    assert inputs.targets is not None
    assert found.predicted == pytest.approx(inputs.targets.specs[0].decode(learned[:, 0], np.zeros(len(learned), int)))
    assert found.sample_ids.tolist() == part.study.sample_ids[part.folds[0].test].tolist()


def test_members_that_nothing_changes_are_fitted_once(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_search(config(study, tmp_path))
    part, fitted = plan.parts[0], []

    def noted(config: Any, task: Any, names: list[str], inputs: Any) -> Any:
        fitted.extend(names)
        return new_members(config, task, names, inputs)

    new_members = module.new_members
    monkeypatch.setattr(module, "new_members", noted)
    fitter = Fitter(part.study)
    first = fitter.predict(plan.training, part.folds[0])
    assert fitted == ["jaccard", "clr-radial"]
    again = fitter.predict(replace(plan.training, blend_pull=0.0), part.folds[0])
    assert len(fitted) == 2
    assert again.seconds == first.seconds, "what was computed before counts as much"
    fitter.predict(replace(plan.training, kernel_width=2.0), part.folds[0])
    assert fitted[2:] == ["clr-radial"]
    fitter.predict(plan.training, part.folds[1])
    fitter.predict(replace(plan.training, seed=7), part.folds[0])
    assert len(fitted) == 7


@pytest.mark.parametrize("changes", [{"test_size": 0.25}, {"outer_folds": 2}, {}])
def test_no_trial_sees_a_sample_that_judges(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    options = config(study, tmp_path, trials=2, **changes)
    plan = plan_search(options)
    seen: list[str] = []

    class Watched(Fitter):
        def __init__(self, study: Study) -> None:
            seen.extend(map(str, study.sample_ids))
            super().__init__(study)

        def predict(self, config: Any, split: Split) -> Any:
            assert max(map(max, split.parts().values())) < len(self.study)
            return super().predict(config, split)

    monkeypatch.setattr("aam.workflows.tune.search.Fitter", Watched)
    options.run.output_dir.mkdir()
    with quiet(), Process(options.run.output_dir) as process:
        storage = open_journal(options.run.output_dir)
        for part in plan.parts:
            seen.clear()
            trials = Trials(storage, part.name, Rules(sign=-1, seed=1, prune=True), process)
            Search(plan, part, trials).run(Budget(total=2, ends=None), lambda: None)
            judged = set(map(str, plan.study.sample_ids[part.outer.test]))
            groups = plan.study.metadata.labels("subject") if plan.study.metadata is not None else np.empty(0)
            assert len(trials.complete) == 2
            assert seen
            assert not judged & set(seen)
            held = set(groups[part.outer.test])
            assert not held & set(groups[part.outer.joined().train])
    tested = [row for part in plan.parts for row in part.outer.test.tolist()]
    assert len(set(tested)) == len(tested) == (len(plan.study) if "outer_folds" in changes else len(tested))
    assert tested


def test_each_sample_is_pooled_once(study: Path, tmp_path: Path) -> None:
    plan = plan_search(config(study, tmp_path, folds=3))
    part = plan.parts[0]
    fitter = Fitter(part.study)
    tables = pooled([fitter.predict(plan.training, fold).tables for fold in part.folds])
    assert sorted(tables[0].sample_ids) == sorted(part.study.sample_ids)
    error = np.abs(tables[0].observed - tables[0].predicted).mean()
    assert metric_of(tables, "mae") == pytest.approx(error) == pytest.approx(score(tables[0])["mae"])
    draws = metric_draws(tables, "mae")
    assert abs(draws.mean() - error) < draws.std()


def test_several_targets_are_judged_by_their_mean(study: Path, tmp_path: Path) -> None:
    plan = plan_search(config(study, tmp_path, metadata_column=["gradient", "gradient_true"]))
    assert (plan.metric, plan.sign) == ("r2", 1)
    part = plan.parts[0]
    tables = pooled([Fitter(part.study).predict(plan.training, fold).tables for fold in part.folds])
    errors = [((one.observed - one.predicted) ** 2).mean() / one.observed.var() for one in tables]
    assert metric_of(tables, "r2") == pytest.approx(1 - np.mean(errors))


def test_a_trial_that_cannot_be_is_noted_and_counts(study: Path, tmp_path: Path) -> None:
    space = tmp_path / "space.yaml"
    space.write_text("blend_folds: {choices: [2, 3]}\nblend_pull: [0, 1]\n")
    options = config(study, tmp_path, trials=3, space=space)
    plan = plan_search(options)
    options.run.output_dir.mkdir()

    class Refusing(Fitter):
        def predict(self, config: Any, split: Split) -> Any:
            if config.settings.blend_folds != 5:
                raise InputError("study", "too few")
            return super().predict(config, split)

    with quiet(), Process(options.run.output_dir) as process:
        trials = Trials(open_journal(options.run.output_dir), "search", Rules(sign=-1, seed=1, prune=True), process)
        search = Search(plan, plan.parts[0], trials)
        search.fitter = Refusing(plan.parts[0].study)
        search.run(Budget(total=3, ends=None), lambda: None)
    assert len(trials.complete) == 1
    assert len(trials.finished) == 3
    assert trials.finished[1].user_attrs["reason"] == "study: too few"


def test_the_first_trial_tells_how_long_the_rest_takes(study: Path, tmp_path: Path) -> None:
    options = config(study, tmp_path, trials=4)
    plan = plan_search(options)
    options.run.output_dir.mkdir()
    left: list[float | None] = []
    with quiet(), Process(options.run.output_dir) as process, _bar(options, 1, 0) as bar:
        trials = Trials(open_journal(options.run.output_dir), "search", Rules(sign=-1, seed=1, prune=False), process)
        search, started = Search(plan, plan.parts[0], trials), time.monotonic()

        def shown() -> None:
            _show(bar, search, [search], started)
            left.append(bar.left)

        search.run(Budget(total=2, ends=None), shown)
    first, second = (value for value in left if value is not None)
    assert first > 0.01, "three trials like the first, whose time is known by then"
    assert second > 0
