"""What is run to get the reference numbers: each case is a few commands of the program, or estimators, on one study.

The study in ``study/`` was made by `aam simulate` (40 samples of 10 subjects, 30 ASVs) and given a categorical and a
numeric covariate (``site``, ``depth_cm``) and a second target (``ph``), each with missing values, and a taxonomy. The
8 samples of ``new_table.tsv`` are of other subjects, have two ASVs that the study lacks, one site that it lacks, and
missing covariates.

Nothing here but the command line, the files that it writes and the public Python API: what survives a rebuild.
"""

from __future__ import annotations

import contextlib
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aam import AAMClassifier, AAMEncoder, AAMRegressor
from aam.cli.main import main
from tests.reference.collect import distances, run_directory, table

HERE = Path(__file__).parent
SMALL = {"embedding_dim": 8, "attention_heads": 2, "attention_layers": 1, "num_soft_clades": 8}
TRAINING = {**SMALL, "epochs": 3, "batch_size": 8, "lr": 0.003, "rarefy_depth": 100, "device": "cpu"}
TABLE, SHEET, TREE = "study/table.tsv", "study/metadata.tsv", "study/tree.nwk"
COVARIATES = {"categorical_columns": "site", "numeric_columns": "depth_cm"}
METRICS = ("unifrac", "weighted_unifrac", "generalized_unifrac", "bray_curtis", "jaccard", "aitchison")


class Workplace:
    """A folder with the study, in which the commands are run with relative paths.

    Parameters
    ----------
    folder
        An empty folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(HERE / "study", folder / "study")

    def run(self, command: str, *switches: str, **options: object) -> None:
        """Run a command of the program in this process.

        Parameters
        ----------
        command
            Its name.
        *switches
            Words to add as they are.
        **options
            Its options by the names of the configuration; several values as a tuple.
        """
        words = [command, *switches]
        for name, value in options.items():
            for each in value if isinstance(value, tuple) else (value,):
                words += [f"--{name.replace('_', '-')}", str(each)]
        with contextlib.chdir(self.folder):
            code = main(words)
        assert code == 0, f"aam {' '.join(words)}: exit code {code}"

    def pretrain(self, output_dir: str, **options: object) -> dict[str, Any]:
        """Numbers of a pre-training run."""
        self.run("pretrain", "--no-progress", table=TABLE, output_dir=output_dir, **{**TRAINING, **options})
        return run_directory(self.folder / output_dir)

    def train(self, output_dir: str, *switches: str, **options: object) -> dict[str, Any]:
        """Numbers of a training run."""
        inputs = {"table": TABLE, "metadata": SHEET, "group_column": "subject", "output_dir": output_dir}
        self.run("train", "--learners", "network", "--no-progress", *switches, **{**inputs, **TRAINING, **options})
        return run_directory(self.folder / output_dir)

    def predict(self, model: Path | str, output: str, *switches: str, **options: object) -> Path:
        """The file of predictions of the new samples."""
        inputs = {"model": model, "table": "study/new_table.tsv", "output": output, "device": "cpu"}
        self.run("predict", "--no-progress", *switches, **{**inputs, **options})
        return self.folder / output

    def encoder(self) -> str:
        """The encoder that trainings start from, pre-trained on UniFrac; made once."""
        if not (self.folder / "encoder").exists():
            self.pretrain("encoder", tree=TREE)
        return "encoder"


def pretraining_on_unifrac(work: Workplace) -> dict[str, Any]:
    """UniFrac, masked nucleotides and masked abundances, the default objectives."""
    return run_directory(work.folder / work.encoder())


def pretraining_on_all(work: Workplace) -> dict[str, Any]:
    """The combined objective, with the taxonomy and hidden spans of nucleotides."""
    inputs = {"tree": TREE, "taxonomy": "study/taxonomy.tsv", "taxonomy_level": 4}
    return work.pretrain("run", encoder_type="combined", nuc_mask_strategy="span", **inputs)


def pretraining_on_taxonomy(work: Workplace) -> dict[str, Any]:
    return work.pretrain("run", encoder_type="taxonomy", taxonomy="study/taxonomy.tsv", nuc_penalty=0.5)


def pretraining_on_faith_pd(work: Workplace) -> dict[str, Any]:
    return work.pretrain("run", encoder_type="faith_pd", tree=TREE, count_penalty=0)


def pretraining_without_a_tree(work: Workplace) -> dict[str, Any]:
    """Bray-Curtis, on the table alone."""
    return work.pretrain("run")


def regression(work: Workplace) -> dict[str, Any]:
    """One number from a pre-trained encoder, whole subjects held out; new samples are predicted with it."""
    options = {"pretrained_encoder": work.encoder(), "metadata_column": "gradient", "test_size": 0.2}
    numbers = work.train("run", **options, encoder_type="unifrac", tree=TREE, penalty=0.3, nuc_penalty=0.1)
    return {**numbers, "new samples": table(work.predict("run", "new.tsv", prediction_passes=3, seed=7))}


def two_targets(work: Workplace) -> dict[str, Any]:
    """Quantiles of two numbers with missing values, with covariates; one draw more in validation."""
    options = {"metadata_column": ("gradient", "ph"), **COVARIATES, "test_size": 0.2, "loss_type": "quantile"}
    numbers = work.train("run", **options, interval_level=0.5, val_prediction_passes=2)
    return {**numbers, "new samples": table(work.predict("run", "new.tsv", metadata="study/new_metadata.tsv"))}


def classification(work: Workplace) -> dict[str, Any]:
    """Three classes from a frozen encoder."""
    options = {"pretrained_encoder": work.encoder(), "metadata_column": "group", "test_size": 0.2}
    switches = ("--classifier", "--freeze-base")
    numbers = work.train("run", *switches, **options, class_weights="balanced", label_smoothing=0.1)
    return {**numbers, "new samples": table(work.predict("run", "new.tsv"))}


def ensemble(work: Workplace) -> dict[str, Any]:
    """The average of two models of a logarithm."""
    options = {"metadata_column": "gradient", "ensemble": 2, "target_transform": "log-zscore"}
    numbers = work.train("run", "--no-forest-baseline", **options, interval_level=0.5)
    return {**numbers, "new samples": table(work.predict("run", "new.tsv"))}


def cross_validation(work: Workplace) -> dict[str, Any]:
    """Three folds, with a random forest beside each."""
    return work.train("run", metadata_column="gradient", cv=3, epochs=2)


def random_forest(work: Workplace) -> dict[str, Any]:
    """`aam rf-baseline` for a number of the ASVs' shares, and for classes of clades."""
    inputs = {"table": TABLE, "metadata": SHEET, "group_column": "subject", "n_estimators": 50, "n_jobs": 1}
    work.run("rf-baseline", **inputs, metadata_column="gradient", output="numbers.tsv")
    features = {"features": "clades", "tree": TREE, "test_size": 0.2}
    work.run("rf-baseline", "--classifier", **inputs, **features, metadata_column="group", output="classes.tsv")
    names = sorted(path.name for path in work.folder.iterdir() if path.name.startswith(("numbers", "classes")))
    return {"files": names, **{name: table(work.folder / name) for name in names if name.endswith(".tsv")}}


def distance_matrices(work: Workplace) -> dict[str, Any]:
    """Every distance of `aam unifrac`, of all reads, and one of rarefied ones."""
    options = {"table": TABLE, "n_jobs": 1}
    for metric in METRICS:
        tree = {"tree": TREE} if metric.endswith("unifrac") else {}
        work.run("unifrac", "--no-progress", **options, **tree, metric=metric, output=f"{metric}.tsv")
    work.run("unifrac", "--no-progress", **options, tree=TREE, rarefy_depth=100, output="rarefied.tsv")
    return {name: distances(work.folder / f"{name}.tsv") for name in (*METRICS, "rarefied")}


def simulation(work: Workplace) -> dict[str, Any]:
    """A simulated study, with the distances of its table for the counts."""
    size = {"samples": 12, "asvs": 30, "asvs_per_sample": 10, "reads": 200, "sequence_length": 30}
    work.run("simulate", "--no-progress", **size, batches=2, seed=5, output_dir="simulated")
    folder = work.folder / "simulated"
    inputs = {"table": folder / "table.biom", "tree": folder / "tree.nwk", "metric": "weighted_unifrac", "n_jobs": 1}
    work.run("unifrac", "--no-progress", **inputs, output="simulated.tsv")
    return {
        "files": sorted(path.name for path in folder.iterdir()),
        "metadata.tsv": table(folder / "metadata.tsv"),
        "truth.tsv": table(folder / "truth.tsv"),
        "distances": distances(work.folder / "simulated.tsv"),
    }


def estimators(work: Workplace) -> dict[str, Any]:
    """The scikit-learn estimators, saved and loaded again as well."""
    counts, new = (counts_of(work.folder / "study" / name) for name in ("table.tsv", "new_table.tsv"))
    sheet = pd.read_csv(work.folder / SHEET, sep="\t", index_col=0).loc[counts.index]
    options = {**TRAINING, "learners": "network", "interval_level": 0.5}
    regressor = AAMRegressor(**options, loss_type="quantile").fit(counts, sheet[["gradient", "ph"]])
    regressor.save(work.folder / "regressor")
    classifier = AAMClassifier(**options).fit(counts, sheet["group"], groups=sheet["subject"])
    encoder = AAMEncoder(**TRAINING).fit(counts)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="unlike the training samples")  # they are of other subjects
        found = {
            "predict": regressor.predict(new),
            "predict_interval": regressor.predict_interval(new),
            "predict_quantiles": regressor.predict_quantiles(new),
            "predict after loading": AAMRegressor.load(work.folder / "regressor").predict(new),
            "predict_proba": classifier.predict_proba(new),
            "predict_set": classifier.predict_set(new),
            "transform": encoder.transform(new),
        }
    return {name: np.asarray(values).tolist() for name, values in found.items()}


def counts_of(path: Path) -> pd.DataFrame:
    """The table as a data frame, samples x ASVs."""
    return pd.read_csv(path, sep="\t", index_col=0).T


CASES: dict[str, Callable[[Workplace], dict[str, Any]]] = {
    case.__name__: case
    for case in (
        pretraining_on_unifrac,
        pretraining_on_all,
        pretraining_on_taxonomy,
        pretraining_on_faith_pd,
        pretraining_without_a_tree,
        regression,
        two_targets,
        classification,
        ensemble,
        cross_validation,
        random_forest,
        distance_matrices,
        simulation,
        estimators,
    )
}
