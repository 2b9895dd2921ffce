"""`aam explain` on a small simulated study: one model, folds, seeds; what it writes, says and refuses."""

from __future__ import annotations

import dataclasses
import gzip
import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

import aam
from aam.cli.options import parse
from aam.config.commands.explain import ExplainOptions
from aam.errors import CheckpointError, ConfigError, InputError
from aam.learners.predictor import load_predictor
from aam.models import vector_cache
from aam.models.vector_cache import encode_asvs
from aam.workflows import model_input
from aam.workflows.explain.explain import _predictions, _seen
from aam.workflows.explain.plan import plan_in_memory
from aam.workflows.explain.sources import model_sources
from tests.program import run_command
from tests.qiime2_metadata import read_qiime2

RUN = {"metadata_column": "gradient", "group_column": "subject", "learners": "forest"}


def trained(*words: str, **changes: object) -> int:
    return run_command("train", "--no-forest-baseline", "--no-report", *words, small=False, **changes)


@pytest.fixture(scope="module")
def files(study: Path) -> dict[str, Path]:
    return {"table": study / "table.biom", "metadata": study / "metadata.tsv"}


@pytest.fixture(scope="module")
def run(files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explain") / "run"
    assert trained(**files, **RUN, test_size=0.4, output_dir=folder) == 0
    return folder


@pytest.fixture(scope="module")
def folds(files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explain") / "folds"
    assert trained(**files, **RUN, cv=3, output_dir=folder) == 0
    return folder


@pytest.fixture(scope="module")
def taxonomy(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("taxonomy") / "taxonomy.tsv"
    ids = aam.load_study(table=(study / "table.biom",)).table.asv_ids
    lines = [f"{one}\td__Bacteria; p__P{place % 2}; c__C{place % 5}" for place, one in enumerate(ids[:-1])]
    path.write_text("\n".join(["Feature ID\tTaxon", *lines]) + "\n")
    return path


def rows_of(path: Path) -> list[dict[str, str]]:
    text = (gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()).decode()
    header, *lines = (line.split("\t") for line in text.splitlines())
    return [dict(zip(header, line, strict=True)) for line in lines]


def test_the_test_samples_of_a_run(run, files, study, taxonomy, tmp_path, capsys):
    given = {**files, "tree": study / "tree.nwk", "taxonomy": taxonomy, "output_dir": tmp_path / "x"}
    assert run_command("explain", run, **given) == 0
    said = "".join(capsys.readouterr())
    record = json.loads((tmp_path / "x" / "explanation.json").read_text())
    tested = (run / "test_samples.txt").read_text().split()
    assert record["samples"] == len(tested)
    assert record["seen"] == "new groups"
    assert record["group_column"] == "subject"
    assert list(record["levels"]) == ["asv", "clade", "domain", "phylum", "class"]
    effects = rows_of(tmp_path / "x" / "effects.tsv")
    assert {row["method"] for row in effects} >= {"removal", "permutation", "parts"}
    assert {row["learner"] for row in effects} == {"model"}
    assert {"asv", "clade", "class"} <= {row["level"] for row in effects}
    asvs = [row for row in effects if (row["method"], row["level"]) == ("removal", "asv")]
    assert [int(row["rank"]) for row in asvs] == list(range(1, len(asvs) + 1))
    assert np.all(np.diff([float(row["importance"]) for row in asvs]) <= 0)
    assert all(float(r["low"]) <= float(r["effect"]) <= float(r["high"]) for r in effects if r["low"])
    assert asvs[0]["stable"] == ""
    assert "The model needs" in said
    assert {row["unit"] for row in asvs} == {"change of gradient"}
    written = [path for path in (tmp_path / "x").rglob("*") if path.is_file()]
    assert sorted(record["files"]) == sorted(str(path.relative_to(tmp_path / "x")) for path in written)


def test_a_network_encodes_the_asvs_of_the_samples(files, tmp_path, monkeypatch):
    """Of very many ASVs; what is explained is the same but for the last bits."""
    run = tmp_path / "network"
    told = {**RUN, "learners": "network", "epochs": 1, "embedding_dim": 16, "attention_layers": 1, "test_size": 0.4}
    assert trained(**files, **told, output_dir=run) == 0
    encoded: list[int] = []

    def counted(encoder, tokens, device="cpu"):
        encoded.append(len(tokens))
        return encode_asvs(encoder, tokens, device)

    monkeypatch.setattr(vector_cache, "encode_asvs", counted)

    def effects(name: str) -> tuple[list[float], list[float]]:
        sampled = {"levels": "asv", "methods": "removal,permutation", "max_samples": 3}
        assert run_command("explain", run, **files, **sampled, output_dir=tmp_path / name) == 0
        rows = rows_of(tmp_path / name / "effects.tsv")
        return [float(row["effect"]) for row in rows], [float(row["importance"]) for row in rows]

    expected = effects("whole")
    number = encoded[0]
    assert encoded == [number]
    monkeypatch.setattr(vector_cache, "ALL_AT_ONCE", 0)
    encoded.clear()
    assert effects("parts") == (pytest.approx(expected[0], abs=1e-4), pytest.approx(expected[1], abs=1e-4))
    assert 0 < sum(encoded) < number


def test_some_samples_of_a_large_table_are_judged(run, files, tmp_path, monkeypatch, capsys):
    """How new the table is to the model is told of all samples alike; what is explained is the same."""
    sampled = {"levels": "asv", "methods": "removal", "max_samples": 3}
    assert run_command("explain", run, **files, **sampled, output_dir=tmp_path / "all") == 0
    assert "at random say" not in capsys.readouterr().out
    monkeypatch.setattr(model_input, "MOST_JUDGED", 20)
    assert run_command("explain", run, **files, **sampled, output_dir=tmp_path / "some") == 0
    said = capsys.readouterr().out
    assert re.search(r"of \d+ samples 20 at random say how new the table is to the model", said)
    assert " of 20 samples (" in said
    every, some = ((tmp_path / name / "effects.tsv").read_bytes() for name in ("all", "some"))
    assert some == every


def test_what_qiime2_reads(run, files, study, tmp_path):
    assert run_command("explain", run, **files, levels="asv", methods="removal", output_dir=tmp_path / "x") == 0
    ids, kinds = read_qiime2(tmp_path / "x" / "asvs.tsv")
    whole = aam.load_study(table=(study / "table.biom",))
    assert sorted(ids) == sorted(map(str, whole.table.asv_ids))
    assert kinds["removal_effect"] == "numeric"
    assert kinds["prevalence"] == "numeric"


def test_each_fold_explains_its_held_out_samples(folds, files, tmp_path):
    explanation = aam.explain(
        model=folds,
        **{name: str(path) for name, path in files.items()},
        levels=["asv"],
        methods=["removal"],
        progress=False,
    )
    assert len(explanation.models) == 3
    for place, name in enumerate(explanation.models):
        tested = set((folds / "folds" / name / "test_samples.txt").read_text().split())
        assert set(explanation.sample_ids[explanation.samples.model_N == place]) == tested
    assert len(set(explanation.sample_ids)) == len(explanation.sample_ids) == 60
    (found,) = explanation.effects
    assert found.by_sample_NGO.shape[0] == 60
    assert np.nanmax(found.agreement_GO) == 1
    table = explanation.effects_table()
    assert set(table["stable"]) == {"yes", "no"}
    assert explanation.seen == "new groups"
    assert table.to_frame().shape[0] == len(table["id"])


def test_seeds_are_pooled(run, files, tmp_path):
    assert trained(**files, **RUN, seed=7, output_dir=tmp_path / "again") == 0
    tested = (run / "test_samples.txt").read_text().split()
    options = {name: str(path) for name, path in files.items()}
    options |= {"levels": ["asv"], "methods": ["removal"], "progress": False, "samples": tested}
    found = aam.explain(model=run, more_models=[str(tmp_path / "again")], **options)
    assert found.models == ("run", "again")
    assert len(found.samples) == 2 * len(tested)
    alone, other = (aam.explain(model=path, **options).effects[0] for path in (run, tmp_path / "again"))
    (pooled,) = found.effects
    assert pooled.names == alone.names == other.names
    assert pooled.effect_GO == pytest.approx((alone.effect_GO + other.effect_GO) / 2, rel=1e-5, abs=1e-7)
    one_sign = np.sign(alone.effect_GO) == np.sign(other.effect_GO)
    assert (pooled.agreement_GO == 1).tolist() == one_sign.tolist()


def test_chosen_samples(run, files, tmp_path):
    tested = (run / "test_samples.txt").read_text().split()
    options = {name: str(path) for name, path in files.items()} | {"levels": ["asv"], "progress": False}
    found = aam.explain(model=run, samples=tested[:3], **options)
    assert sorted(found.sample_ids) == sorted(tested[:3])
    (tmp_path / "ids.txt").write_text("\n".join(tested[:4]) + "\n")
    found = aam.explain(model=run, samples=[str(tmp_path / "ids.txt")], **options)
    assert len(found.samples) == 4
    learned = (run / "train_samples.txt").read_text().split()
    found = aam.explain(model=run, samples=learned[:2], **options)
    assert found.seen == "training"
    assert any("training samples of the model" in note for note in found.notes)


def test_samples_are_drawn_evenly_over_groups(run, files):
    options = {name: str(path) for name, path in files.items()} | {"levels": ["asv"], "progress": False}
    found = aam.explain(model=run, max_samples=6, **options)
    subjects = found.study.metadata.columns["subject"][found.samples.rows_N]
    assert len(set(subjects)) == 6
    again = aam.explain(model=run, max_samples=6, **options)
    assert again.sample_ids.tolist() == found.sample_ids.tolist()


def test_a_model_in_memory(run, files, study):
    model = aam.load_model(run)
    whole = aam.load_study(table=(files["table"],), metadata=files["metadata"], tree=study / "tree.nwk")
    chosen = {"levels": ["asv", "clade"], "methods": ["removal"], "group_column": "subject"}
    found = model.explain(whole, max_samples=5, **chosen, progress=False)
    assert [one.level for one in found.effects] == ["asv", "clade"]
    assert found.clades is not None
    assert len(found.samples) == 5
    wanted = model.predict(whole)["gradient"].predicted[found.samples.rows_N]
    assert found.samples.predicted_NO[:, 0] == pytest.approx(wanted)


def test_quantiles_of_two_targets_with_a_covariate(files, tmp_path):
    words = ("--metadata-column", "gradient", "--metadata-column", "gradient_true", "--categorical-columns", "group")
    loss = {"learners": "network", "loss_type": "quantile"}
    assert run_command("train", *words, **files, **loss, output_dir=tmp_path / "n") == 0
    model = aam.load_model(tmp_path / "n")
    whole = aam.load_study(table=(files["table"],), metadata=files["metadata"])
    found = model.explain(whole, max_samples=4, levels=["asv"], methods=["removal"], progress=False, draws=2)
    assert found.outputs == ("gradient", "gradient_true")
    assert np.abs(found.effects[0].by_sample_NGO).max() > 0
    # Reads were drawn to the depth of the network, so that nothing but the removal differs.
    assert found.study.rarefy_depth == 300


def test_classes_by_learner(files, tmp_path):
    assert (
        trained(
            "--classifier",
            **files,
            metadata_column="group",
            learners="forest,jaccard",
            output_dir=tmp_path / "c",
        )
        == 0
    )
    options = {name: str(path) for name, path in files.items()}
    found = aam.explain(
        model=tmp_path / "c",
        **options,
        levels=["asv"],
        methods=["removal"],
        max_samples=8,
        by_learner=True,
        progress=False,
    )
    assert [one.learner for one in found.effects] == ["model", "forest", "jaccard"]
    assert len(found.outputs) == 3
    assert found.effects[0].effect_GO.sum(axis=1) == pytest.approx(np.zeros(len(found.effects[0])), abs=1e-6)
    assert set(np.unique(found.samples.truth_NO)) == {0.0, 1.0}


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"levels": ["genus"]}, ConfigError, "levels genus needs taxonomy"),
        ({"levels": ["kingdom"]}, ConfigError, "levels"),
        ({"methods": ["magic"]}, ConfigError, "unknown method 'magic'; known: .*removal"),
        ({"methods": ["auto", "removal"]}, ConfigError, "'auto' stands alone"),
        ({"samples": ["nobody", "s1"]}, InputError, "2 of 2 samples not in the table"),
        ({"group_column": "subjekt"}, InputError, "no column 'subjekt'"),
        ({"overwrite": True}, ConfigError, "overwrite needs output_dir"),
    ],
)
def test_refused(run, files, changes, error, words):
    options = {name: str(path) for name, path in files.items()} | {"progress": False}
    with pytest.raises(error, match=words):
        aam.explain(model=run, **options, **changes)


def test_an_encoder_predicts_nothing(encoder, files):
    with pytest.raises(CheckpointError, match="no target"):
        aam.explain(model=encoder, table=[str(files["table"])], progress=False)


def test_other_targets_are_not_explained_together(run, files, tmp_path):
    other = {**RUN, "metadata_column": "group", "output_dir": tmp_path / "other"}
    assert trained("--classifier", **files, **other) == 0
    options = {name: str(path) for name, path in files.items()}
    with pytest.raises(CheckpointError, match="predicts group, and the first model gradient"):
        aam.explain(model=run, more_models=[str(tmp_path / "other")], **options, progress=False)


def test_samples_that_were_learned_from_come_last(files, tmp_path):
    lines = files["metadata"].read_text().splitlines()
    (tmp_path / "first.tsv").write_text("\n".join(lines[:45]) + "\n")
    given = {"table": files["table"], "metadata": tmp_path / "first.tsv"}
    assert trained(**given, **RUN, output_dir=tmp_path / "run") == 0
    options = {"table": str(files["table"]), "levels": ["asv"], "methods": ["removal"], "progress": False}
    found = aam.explain(model=tmp_path / "run", metadata=str(files["metadata"]), **options)
    assert set(found.sample_ids) == {line.split("\t")[0] for line in lines[45:]}
    assert not any("training samples" in note for note in found.notes)


def test_groups_that_nobody_told_of_are_not_new(run, files):
    study = aam.load_study(**files)
    plan = plan_in_memory(load_predictor(run), study, ExplainOptions(model=run, group_column="subject"))
    (source,) = model_sources([run])
    rows = np.flatnonzero([one in source.held_out for one in study.sample_ids])
    chosen = dataclasses.replace(plan.chosen, rows=(rows,))
    told = dataclasses.replace(plan, sources=(source,), chosen=chosen)
    assert _seen(told) == "new groups"
    elsewhere = dataclasses.replace(source, learned=frozenset({"not in the table"}), held_out=frozenset())
    assert _seen(dataclasses.replace(told, sources=(elsewhere,))) == "new samples"
    assert (
        _seen(dataclasses.replace(told, sources=(dataclasses.replace(source, learned=source.held_out),))) == "training"
    )


def test_a_sample_of_several_models_is_one_unit(run, files):
    plan = plan_in_memory(load_predictor(run), aam.load_study(**files), ExplainOptions(model=run))
    subject = plan.subject(0, plan.first.predictor, plan.first.study)
    (alone,) = _predictions(plan, subject)
    (one_of_two,) = _predictions(dataclasses.replace(plan, sources=plan.sources * 2), subject)
    assert alone.groups is None
    assert one_of_two.groups.tolist() == alone.sample_ids.tolist()


def test_a_condition_chooses_samples(run, files, capsys):
    """What is said of samples that are unlike those of training is said of the chosen ones."""
    assert run_command("explain", run, **files, where="gradient > 0.5", levels="asv", output_dir=run / "half") == 0
    said = capsys.readouterr().out
    chosen = int(next(line for line in said.splitlines() if line.endswith("fit --where")).split()[0])
    assert 0 < chosen < 60
    assert f" of {chosen} samples (" in said
    with pytest.raises(ConfigError, match="where needs metadata"):
        aam.explain(model=run, table=files["table"], where="gradient > 0.5")


def test_training_says_how_to_explain(run, files):
    """The command is one that can be typed as it is."""
    said = (run / "log.txt").read_text().splitlines()
    (line,) = [one for one in said if "  aam explain " in one]
    config = parse("explain", shlex.split(line.partition("  aam ")[2])[1:]).config
    assert config.explain.model == run
    assert config.table.table == (files["table"],)
    assert config.explain.metadata == files["metadata"]
