"""What the fuzzer reads of AAM's own folders: models, runs, checkpoints and the cache (see ``fuzz_targets``)."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from aam.cli.commands.info import describe_model, describe_run
from aam.cli.commands.predict import run as run_predict
from aam.cli.options import parse
from aam.config import CovariateOptions, PredictConfig, TableOptions, from_flat
from aam.config.commands.train import TrainConfig
from aam.data.readers.table import Table, read_cached_table
from aam.data.targets.intervals import calibrate_classes, calibrate_numbers
from aam.data.targets.kinds import Samples, TargetSpec
from aam.data.targets.targets import Targets
from aam.errors import CheckpointError, ConfigError, InputError, RunError
from aam.evaluation.coverage import evaluate_coverage
from aam.evaluation.decode_predictions import PredictionDecoder
from aam.evaluation.run_results import RunRecord, read_run, training_times
from aam.files import cache as input_cache
from aam.files.atomic import sha256_file, write_json
from aam.learners.baseline import save_with_intervals
from aam.learners.predictor import Predictor, load_predictor
from aam.learners.trees.forest import ForestLearner, ForestSettings, fit_forest
from aam.models import vector_cache as vector_store
from aam.models.asv_encoder import AsvEncoder
from aam.models.folder.description import ModelDescription, build_model
from aam.models.folder.manifest import Manifest
from aam.models.folder.paths import WEIGHTS
from aam.models.folder.weights import load_models, save_models
from aam.models.sequence_encoder import SelfSupervision
from aam.models.vector_cache import cached_asv_vectors
from aam.phylogeny.tree import Tree, read_cached_tree
from aam.runs.directory import RunDirectory
from aam.runs.layout import DATA
from aam.training.checkpoints.checkpoint import AtomicCheckpointIO, latest_checkpoint
from aam.workflows.runs.run_manifest import check_inputs_unchanged
from tests.badinputs import fuzz_checks as checks
from tests.badinputs.fuzz_damage import damage_bytes, damage_cells, damage_json, damage_yaml
from tests.badinputs.fuzz_formats import damage_npy, damage_safetensors
from tests.badinputs.fuzz_targets import CONFIG, COUNTS, SAMPLES, SEQUENCES, TREE, Target
from tests.data.study_files import make_study, random_counts
from tests.factories import write_biom, write_tsv
from tests.models.model_cases import (
    CLASSES,
    COVARIATES,
    REGRESSION,
    fresh_encoder,
    model_options,
    predictor_plan,
    tokens,
)
from tests.report.blends import write_blend
from tests.report.run_directories import write_classification, write_pretraining, write_regression

TABLES = (damage_bytes, damage_cells, damage_cells)
JSON = (damage_bytes, damage_json, damage_json)
DESCRIPTION = ModelDescription(
    options=model_options(embedding_dim=8, asv_layers=0, sample_layers=0, encoder_layers=0, num_soft_clades=4),
    supervision=SelfSupervision(encoder_type="combined", counts=True, taxonomy_classes=("x", "y")),
    predictor=None,
    data={"trim_length": None, "max_bp": 150, "rarefy_depth": 100, "token_limit": 64, "asv_sampling": "abundance"},
    record={"samples": 12},
)
TOLD = CovariateOptions(
    categorical_columns=("season",),
    categorical_hierarchy=("city>country",),
    numeric_columns=("ph",),
    categorical_embed_dim=4,
)
NUMBERS = calibrate_numbers(np.linspace(0, 3, 40), np.linspace(0.1, 2.8, 40), None, 0.9)
REGRESSOR = replace(
    DESCRIPTION,
    predictor=predictor_plan(
        Targets(specs=(REGRESSION, replace(REGRESSION, column="mass", transform="log-zscore"))),
        covariates=TOLD,
        covariate_spec=COVARIATES,
    ),
    calibrations=(NUMBERS, None),
    prediction_passes=2,
)
SHARES = np.eye(3)[np.arange(40) % 3] * 0.7 + 0.1
CLASSIFIER = replace(
    DESCRIPTION,
    predictor=predictor_plan(CLASSES),
    calibrations=(calibrate_classes(SHARES, np.arange(40) % 3, None, 0.9),),
)
SHEET = "sample-id\tage\tseason\tcity\tcountry\tph\n" + "".join(f"{s}\t3\twinter\toslo\tno\t7\n" for s in SAMPLES)


def _make_model(folder: Path, description: ModelDescription, members: int = 1) -> None:
    torch.manual_seed(0)
    save_models(folder / "model", [build_model(description).state_dict() for _ in range(members)], description)
    write_tsv(folder / "t.tsv", COUNTS, SAMPLES, SEQUENCES)
    (folder / "m.tsv").write_text(SHEET)


def _read_model(folder: Path) -> Any:
    """Load it, and predict with it, as whoever was sent a model does."""
    found = load_models(folder / "model")
    if found[1].targets is not None:
        _predict(folder)
    return found


def _predict(folder: Path) -> None:
    asked = {"model": folder, "table": [folder / "t.tsv"], "metadata": folder / "m.tsv", "device": "cpu"}
    run_predict(from_flat(PredictConfig, {**asked, "output": folder / "out.tsv", "cache": False, "progress": False}))
    assert len((folder / "out.tsv").read_text().splitlines()) == 1 + len(SAMPLES)


def _model(description: ModelDescription, members: int = 1) -> Target:
    return Target(
        make=lambda folder: _make_model(folder, description, members),
        read=_read_model,
        check=lambda found, sound: checks.check_model(found),
        damages={f"model/{WEIGHTS}": (damage_bytes, *(damage_safetensors,) * 4)},
    )


FORESTS = (
    ("forest", "asv", (REGRESSION, replace(REGRESSION, column="mass"))),
    ("forest-clades", "clades", (CLASSES,)),
)


def _make_forest(folder: Path, kind: Any, specs: tuple[TargetSpec, ...]) -> None:
    """A forest that was told covariates, with intervals, and the table that it learned from."""
    names = [f"s{row}" for row in range(30)]
    counts = random_counts(30, 6)
    columns = {"season": ["winter", "spring"] * 15, "city": ["oslo", "malmo", "bergen"] * 10, "ph": ["7", "", "6"] * 10}
    columns["country"] = ["no", "se", "no"] * 10
    truths = {spec.column: counts[:, place].astype(float) for place, spec in enumerate(specs)}
    if specs[0].classes:
        truths = {specs[0].column: np.array(specs[0].classes, dtype=object)[np.arange(30) % 3]}
    study = make_study(counts, names, SEQUENCES, columns, targets=truths)
    settings = ForestSettings(n_estimators=2, n_jobs=1, features=kind)
    data = {"trim_length": None, "rarefy_depth": None}
    forest = fit_forest(study, np.arange(20), Targets(specs=specs), COVARIATES, settings, data)
    save_with_intervals(folder / "model", forest, study, np.arange(20, 30), record={"trained on": "20 samples"})
    write_tsv(folder / "t.tsv", COUNTS, SAMPLES, SEQUENCES)
    (folder / "m.tsv").write_text(SHEET)


def _read_forest(folder: Path) -> Predictor:
    """Describe it, load it and predict with it, as whoever was sent a forest does."""
    _describe_model(folder)
    found = load_predictor(folder / "model")
    _predict(folder)
    return found


def _check_forest(found: Predictor) -> None:
    """Finite trees that end, whose predictions can be read."""
    (learner,) = found.learners
    assert isinstance(learner, ForestLearner)
    for forest in learner.forests:
        trees = forest.trees
        assert np.isfinite(trees.predict(np.zeros((2, forest.features.number + 9), dtype=np.float32))).all()
    assert Manifest.from_dict(found.manifest.to_dict()) == found.manifest


def _forest(kind: Any, specs: tuple[TargetSpec, ...]) -> Target:
    return Target(
        make=lambda folder: _make_forest(folder, kind, specs),
        read=_read_forest,
        check=lambda found, sound: _check_forest(found),
        damages={f"model/{WEIGHTS}": (damage_bytes, *(damage_safetensors,) * 4)},
    )


def _describe_model(folder: Path) -> Any:
    title, facts = describe_model(folder / "model" / WEIGHTS)
    assert all(isinstance(words, str) for words in (title, *(word for fact in facts for word in fact)))
    return title


def _make_run(folder: Path, kind: str) -> None:
    if kind == "pretraining":
        write_pretraining(folder, size=5)
        return
    write = {
        "regression": write_regression,
        "classification": lambda f, **o: write_classification(f, ("a", "b", "c"), **o),
    }
    write[kind](folder, test=True, size=12)
    record = read_run(folder)
    assert record.targets is not None
    column = record.targets.columns[0]
    tested = record.predictions["test"][column]
    calibration = NUMBERS if kind == "regression" else CLASSIFIER.calibrations[0]
    forecast = PredictionDecoder(targets=record.targets, calibrations=(calibration,))
    shares = tested.probabilities
    learned = tested.predicted.astype(np.float64)[:, None] if shares is None else shares / shares.sum(1, keepdims=True)
    levels = np.zeros(len(tested), dtype=np.int64)
    samples = Samples(sample_ids=tested.sample_ids, observed={column: tested.observed}, level_B=levels)
    found = evaluate_coverage(forecast, learned[None], samples, "test")
    write_json(folder / "coverage.json", {name: one.to_dict() for name, one in found.items()})


def _read_run(folder: Path) -> RunRecord:
    """Read a run as a cross-validation reads those of its folds, and an ensemble those of its members."""
    record = read_run(folder)
    training_times(record)
    return record


def _run(kind: str) -> Target:
    results = ("val_predictions.tsv", "test_predictions.tsv", "forest_predictions.tsv")
    return Target(
        make=lambda folder: _make_run(folder, kind),
        read=_read_run,
        check=lambda found, sound: checks.check_run(found),
        damages={
            "config.yaml": (damage_bytes, damage_yaml),
            "data.json": JSON,
            "metrics.csv": TABLES,
            "sample_embeddings.tsv": TABLES,
            **({} if kind == "pretraining" else {"coverage.json": JSON, **dict.fromkeys(results, TABLES)}),
        },
    )


def _run_of_blend() -> Target:
    tables = ("out_of_fold_predictions.tsv", "test_predictions.tsv", "forest_predictions.tsv")
    return Target(
        make=write_blend,
        read=_read_run,
        check=lambda found, sound: checks.check_run(found),
        damages={"data.json": JSON, **dict.fromkeys(tables, TABLES)},
    )


def _make_unfinished_run(folder: Path) -> None:
    """A run that was stopped; its files are named by their paths, as a run that was started elsewhere names them."""
    write_biom(folder / "table.biom", COUNTS, SAMPLES, SEQUENCES)
    (folder / "metadata.tsv").write_text(SHEET)
    (folder / "run" / "checkpoints").mkdir(parents=True)
    config = yaml.safe_load(CONFIG) | {"table": [str(folder / "table.biom")], "metadata": str(folder / "metadata.tsv")}
    run = RunDirectory(folder / "run")
    run.write_config("train", {name: value for name, value in config.items() if name != "command"})
    inputs = [folder / "table.biom", folder / "metadata.tsv"]
    sums = [{"path": str(path), "bytes": path.stat().st_size, "sha256": sha256_file(path)} for path in inputs]
    run.write_json(DATA, {"command": "aam train", "inputs": sums, "samples": {"train": 3}})
    run.write_lines("train_samples.txt", SAMPLES[:3])
    run.metrics.write_text("epoch,val_loss\n0,0.5\n1,0.25\n")
    for epoch in (1, 2):
        state = {"epoch": epoch, "state_dict": {"w": torch.full((30,), float(epoch))}}
        AtomicCheckpointIO().save_checkpoint(state, run.checkpoints / f"epoch-{epoch:06d}-{0:09d}")


def _resume(folder: Path) -> tuple[TrainConfig, Any]:
    """What happens to the files of a run before it goes on, and what ``aam info`` says of it."""
    run = RunDirectory(folder / "run")
    config = parse("train", ["--resume-from", str(run.path)]).config
    check_inputs_unchanged(config, run)
    describe_run(run.path)
    path = latest_checkpoint(run.checkpoints)
    return config, None if path is None else AtomicCheckpointIO().load_checkpoint(path)


def _check_resumed(found: tuple[TrainConfig, Any], sound: object) -> None:
    config, state = found
    checks.check_config(config)
    assert state is not None
    assert state["epoch"] in (1, 2)
    assert state["state_dict"]["w"].tolist() == [float(state["epoch"])] * 30


def _cached(folder: Path) -> None:
    """Let the cache of this process be in the folder, and keep files and vectors of any size and time."""
    os.environ["AAM_CACHE_DIR"] = str(folder / "cache")
    input_cache.FEWEST_BYTES = 0
    vector_store.SECONDS_WORTH_KEEPING = 0.0


def _read_cached(folder: Path) -> tuple[Table, Tree, torch.Tensor]:
    _cached(folder)
    table = read_cached_table(TableOptions(table=(folder / "t.tsv",)))
    tree = read_cached_tree(folder / "t.nwk")
    return table, tree, cached_asv_vectors(_encoder(), tokens(), cache=True).vectors_AD


def _encoder() -> AsvEncoder:
    return fresh_encoder(embedding_dim=8, attention_heads=1).asv_encoder


def _make_cache(folder: Path) -> None:
    write_tsv(folder / "t.tsv", COUNTS, SAMPLES, SEQUENCES)
    (folder / "t.nwk").write_text(TREE)
    _read_cached(folder)


def _check_cached(found: tuple[Table, Tree, torch.Tensor], sound: tuple[Table, Tree, torch.Tensor]) -> None:
    """What comes from a damaged cache is what comes from the files."""
    table, tree, vectors_AD = found
    checks.check_table(table)
    checks.check_tree(tree)
    assert (table.counts != sound[0].counts).nnz == 0
    for name in ("sample_ids", "asv_ids", "sequences", "studies", "notes"):
        assert list(getattr(table, name)) == list(getattr(sound[0], name))
    assert np.array_equal(tree.parent, sound[1].parent)
    assert np.array_equal(tree.length, sound[1].length)
    assert tree.names == sound[1].names
    assert torch.equal(vectors_AD, sound[2])


FOLDERS: dict[str, Target] = {
    "model-encoder": _model(DESCRIPTION),
    "model-regressor": _model(REGRESSOR),
    "model-classifier": _model(CLASSIFIER),
    "model-ensemble": _model(replace(REGRESSOR, calibrations=()), members=2),
    **{f"model-{name}": _forest(kind, specs) for name, kind, specs in FORESTS},
    "info-model": replace(_model(REGRESSOR), read=_describe_model, check=lambda found, sound: None),
    "run-regression": _run("regression"),
    "run-classification": _run("classification"),
    "run-pretraining": _run("pretraining"),
    "run-blend": _run_of_blend(),
    "resume": Target(
        make=_make_unfinished_run,
        read=_resume,
        check=_check_resumed,
        damages={
            "run/config.yaml": (damage_bytes, damage_yaml),
            "run/data.json": JSON,
            "run/metrics.csv": TABLES,
            "run/train_samples.txt": TABLES,
            "run/checkpoints/epoch-000001-*.ckpt": (damage_bytes,),
            "run/checkpoints/epoch-000002-*.ckpt": (damage_bytes,),
        },
        errors=(InputError, ConfigError, CheckpointError, RunError),
    ),
    "cache": Target(
        make=_make_cache,
        read=_read_cached,
        check=_check_cached,
        damages={
            "cache/*/contents.json": JSON,
            "cache/*/*.npy": (damage_bytes,),
            "cache/vectors-*/vectors_AD.npy": (damage_npy,),
        },
    ),
}
