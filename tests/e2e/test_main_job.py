"""The main job through the command line: what a researcher types, on real files, with nothing mocked."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.program import NOVELTY, Run, run_command


def read_tsv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines()


def test_pretraining_leaves_an_encoder_and_a_report(encoder: Path) -> None:
    names = {path.name for path in encoder.iterdir()}
    assert names >= {"config.yaml", "data.json", "metrics.csv", "model", "report.html", "log.txt", "tensorboard"}
    assert {path.name for path in (encoder / "model").iterdir()} == {"model.safetensors", "config.json", "README.md"}
    header, *rows = lines_of(encoder / "metrics.csv")
    assert len(rows) == 2
    assert {"train_distance_loss", "val_nucleotide_accuracy", "val_distance_correlation", "val_count_loss"} <= set(
        header.split(",")
    )
    assert not (encoder / "checkpoints").exists()


def test_train_then_predict(train: Run, study: Path, encoder: Path, tmp_path: Path) -> None:
    flags = {"pretrained_encoder": encoder, "group_column": "subject", "test_size": 0.2}
    assert train("--forest-baseline", "--report", **flags) == 0
    folder = tmp_path / "run"
    parts = {name: lines_of(folder / f"{name}_samples.txt") for name in ("train", "val", "test")}
    kept = json.loads((folder / "data.json").read_text())["flow"][-1]["kept"]
    assert sum(map(len, parts.values())) == kept > 50
    subjects = {row["sample-id"]: row["subject"] for row in read_tsv(study / "metadata.tsv")}
    owners = [{subjects[sample_id] for sample_id in ids} for ids in parts.values()]
    assert not owners[0] & owners[1]
    assert not owners[0] & owners[2]
    assert not owners[1] & owners[2]
    shutil.copytree(folder / "model", tmp_path / "elsewhere")
    output = tmp_path / "predictions.tsv"
    assert run_command("predict", model=tmp_path / "elsewhere", table=study / "table.biom", output=output) == 0
    predicted = {row["sample-id"]: float(row["predicted"]) for row in read_tsv(output)}
    assert len(predicted) == 60
    for row in read_tsv(folder / "test_predictions.tsv"):
        assert predicted[row["sample-id"]] == pytest.approx(float(row["predicted"]), abs=1e-4)
        assert row["group"] == subjects[row["sample-id"]]
    forest = read_tsv(folder / "forest_predictions.tsv")
    assert {row["sample-id"] for row in forest if row["part"] == "test"} == set(parts["test"])
    page = (folder / "report.html").read_text()
    assert "Random forest" in page
    assert "<script" not in page
    assert json.loads((folder / "data.json").read_text())["model"]["best_epoch"] in (-1, 0, 1)


def test_what_matched_is_said(train: Run, encoder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(pretrained_encoder=encoder) == 0
    said = capsys.readouterr().out
    assert "tensors of" in said
    assert "not needed here: heads.count, heads.distance, heads.nucleotide" in said
    assert "\nbest " in said
    assert "aam predict --model" in said


def test_classes(train: Run, study: Path, tmp_path: Path) -> None:
    words = ("--classifier", "--class-weights", "balanced")
    assert train(*words, metadata_column="group") == 0
    rows = read_tsv(tmp_path / "run" / "val_predictions.tsv")
    classes = ("group_1", "group_2", "group_3")
    assert {row["observed"] for row in rows} == set(classes)
    for row in rows:
        shares = [float(row[f"probability_{name}"]) for name in classes]
        assert sum(shares) == pytest.approx(1, abs=1e-4)
        assert row["predicted"] == classes[int(np.argmax(shares))]
    output, sheet = tmp_path / "p.tsv", study / "metadata.tsv"
    flags = {"model": tmp_path / "run", "table": study / "table.biom", "metadata": sheet, "output": output}
    assert run_command("predict", "--output-variance", prediction_passes=3, **flags) == 0
    assert list(read_tsv(output)[0]) == [
        "sample-id",
        "predicted",
        *(f"probability_{name}" for name in classes),
        "prediction_set",
        "predicted_std",
        "observed",
        *NOVELTY,
    ]


@pytest.mark.parametrize("method", ["add", "concat", "film"])
def test_count_embedding(train: Run, study: Path, tmp_path: Path, method: str) -> None:
    assert train(epochs=1, count_embedding_method=method) == 0
    output = tmp_path / "p.tsv"
    assert run_command("predict", model=tmp_path / "run", table=study / "table.biom", output=output) == 0


def test_without_count_embedding_and_soft_clades(train: Run) -> None:
    assert train("--no-count-embedding", epochs=1, num_soft_clades=0) == 0


@pytest.mark.parametrize(
    "kind",
    [
        "unifrac",
        "weighted_unifrac",
        "generalized_unifrac",
        "faith_pd",
        "bray_curtis",
        "jaccard",
        "aitchison",
        "combined",
    ],
)
def test_every_encoder_type_pretrains_and_serves_training(study: Path, tmp_path: Path, train: Run, kind: str) -> None:
    inputs = {"table": study / "table.biom", "tree": study / "tree.nwk"}
    folder = tmp_path / "encoder"
    assert run_command("pretrain", "--no-report", epochs=1, encoder_type=kind, output_dir=folder, **inputs) == 0
    assert not (folder / "report.html").exists()
    assert train(epochs=1, encoder_type=kind, tree=inputs["tree"], pretrained_encoder=folder) == 0
    header = lines_of(tmp_path / "run" / "metrics.csv")[0].split(",")
    assert "val_target_loss" in header
    assert any(name in header for name in ("val_distance_loss", "val_faith_pd_loss"))


def test_taxonomy_encoder(study: Path, tmp_path: Path) -> None:
    sequences = [row["feature-id"] for row in read_tsv(study / "truth.tsv")]
    taxa = [f"{name}\td__Bacteria; p__P{i % 3}; c__C{i % 6}\n" for i, name in enumerate(sequences)]
    (tmp_path / "taxonomy.tsv").write_text("Feature ID\tTaxon\n" + "".join(taxa))
    flags = {"table": study / "table.biom", "taxonomy": tmp_path / "taxonomy.tsv", "taxonomy_level": 2}
    assert run_command("pretrain", encoder_type="taxonomy", output_dir=tmp_path / "run", **flags) == 0
    assert "val_taxonomy_accuracy" in lines_of(tmp_path / "run" / "metrics.csv")[0]


def test_the_head_of_other_taxa_starts_anew(study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sequences = [row["feature-id"] for row in read_tsv(study / "truth.tsv")]
    for number in (2, 3):
        taxa = [f"{name}\td__Bacteria; p__P{i % number}\n" for i, name in enumerate(sequences)]
        (tmp_path / f"{number}.tsv").write_text("Feature ID\tTaxon\n" + "".join(taxa))
    flags = {"table": study / "table.biom", "encoder_type": "taxonomy", "taxonomy_level": 2, "epochs": 1}
    encoder = tmp_path / "encoder"
    assert run_command("pretrain", taxonomy=tmp_path / "2.tsv", output_dir=encoder, **flags) == 0
    capsys.readouterr()
    more = {"metadata": study / "metadata.tsv", "metadata_column": "gradient", "taxonomy": tmp_path / "3.tsv"}
    words = ("--no-forest-baseline", "--pretrained-encoder", encoder)
    assert run_command("train", *words, output_dir=tmp_path / "run", **more, **flags) == 0
    assert "newly initialised: heads.taxonomy" in capsys.readouterr().out


def test_a_scheduler_with_several_tasks(train: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = {"JOB_ID": 1, "JOB_NAME": "job", "NTASKS": 2, "NNODES": 2, "PROCID": 0, "LOCALID": 0, "NODEID": 0}
    for name, value in tasks.items():
        monkeypatch.setenv(f"SLURM_{name}", str(value))
    assert train(epochs=1) == 0


def test_a_mistake_is_put_right_in_the_same_folder(train: Run) -> None:
    assert train(metadata_column="gradiant") == 2
    assert train(epochs=1) == 0


def test_a_validation_part_smaller_than_a_batch(train: Run) -> None:
    assert train(batch_size=64, validation_size=0.05) == 0


@pytest.mark.parametrize("scheduler", ["warmup_cosine", "cosine", "cosine_restarts", "plateau", "onecycle", "none"])
def test_schedulers_with_accumulation(train: Run, scheduler: str) -> None:
    assert train(epochs=2, scheduler=scheduler, gradient_accumulation_steps=3) == 0


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_optimizers(train: Run, optimizer: str) -> None:
    assert train(epochs=1, optimizer=optimizer) == 0


def test_frozen_encoder_is_not_changed(train: Run, encoder: Path, tmp_path: Path) -> None:
    from aam.models.folder.weights import load_model

    assert train("--freeze-base", "--no-refit-clades", pretrained_encoder=encoder) == 0
    before, _ = load_model(encoder)
    after, _ = load_model(tmp_path / "run")
    trained = dict(after.base.named_parameters())  # type: ignore[union-attr]
    shared = [name for name, _ in before.named_parameters() if name in trained]
    assert len(shared) > 20
    for name in shared:
        assert (dict(before.named_parameters())[name] == trained[name]).all(), name


def test_bf16_checkpointing_and_chunks(train: Run) -> None:
    assert train("--gradient-checkpointing", epochs=1, mixed_precision="bf16", asv_chunk_size=7) == 0


def test_masked_spans_patch_one_and_mixed_losses(study: Path, tmp_path: Path) -> None:
    flags = {"table": study / "table.biom", "nucleotide_patch": 1, "nuc_mask_strategy": "span", "epochs": 1}
    assert run_command("pretrain", output_dir=tmp_path / "run", best_metric="nucleotide_accuracy", **flags) == 0


def test_two_tables_are_merged_and_told_apart(study: Path, tmp_path: Path) -> None:
    text = (study / "metadata.tsv").read_text()
    second = tmp_path / "second"
    assert run_command("simulate", samples=40, asvs=40, asvs_per_sample=15, reads=800, sequence_length=40, seed=42,
                       output_dir=second) == 0  # fmt: skip
    sheet = (second / "metadata.tsv").read_text()
    assert text.splitlines()[0] == sheet.splitlines()[0]
    renamed = _rename_samples(second / "table.biom", tmp_path / "other.tsv")
    merged = text + "".join(f"x{line}\n" for line in sheet.splitlines()[1:])
    (tmp_path / "both.tsv").write_text(merged)
    words = ("--table", study / "table.biom", "--table", renamed)
    flags = {"metadata": tmp_path / "both.tsv", "metadata_column": "gradient", "group_column": "study", "epochs": 1}
    assert run_command("train", *words, output_dir=tmp_path / "run", **flags) == 0
    parts = [lines_of(tmp_path / "run" / f"{name}_samples.txt") for name in ("train", "val")]
    studies = [{sample_id[0] for sample_id in part} for part in parts]
    assert sorted(map(len, studies)) == [1, 1]
    assert studies[0] != studies[1]


def _rename_samples(source: Path, target: Path) -> Path:
    from aam.data.readers.table import read_raw_table

    raw = read_raw_table(source)
    rows = ["\t".join(["#OTU ID", *(f"x{name}" for name in raw.sample_ids)])]
    dense = raw.counts.toarray().T
    rows += ["\t".join([name, *map(str, counts)]) for name, counts in zip(raw.asv_ids, dense, strict=True)]
    target.write_text("\n".join(rows) + "\n")
    return target


def test_bad_input_ends_with_one_line_and_code_2(
    train: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(metadata_column="gradiant") == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith("error: metadata.tsv: no column 'gradiant'; did you mean 'gradient'?")
    assert "\n" not in said
    assert not (tmp_path / "run" / "model").exists()


def test_an_encoder_cannot_predict(
    encoder: Path, study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run_command("predict", model=encoder, table=study / "table.biom", output=tmp_path / "p.tsv")
    assert code == 2
    assert "no target; fine-tune it" in capsys.readouterr().err


def test_a_size_that_the_encoder_has_not(train: Run, encoder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(pretrained_encoder=encoder, embedding_dim=24, attention_heads=2) == 2
    assert "--embedding-dim 24, but the encoder of" in capsys.readouterr().err
