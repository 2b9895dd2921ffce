"""What the plugin does: each action writes its inputs into a folder, and calls the function of `aam` of that name."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aam
from q2_aam.formats import BIOMV210DirFmt, DNASequencesDirectoryFormat, NewickDirectoryFormat
from q2_aam.framework import Metadata, framework
from q2_aam.models import AAMModelDirectoryFormat, packed
from q2_aam.predictions import PredictionsFormat, stored

PAGE = "index.html"


@contextmanager
def _files(
    table: BIOMV210DirFmt,
    sequences: DNASequencesDirectoryFormat | None = None,
    phylogeny: NewickDirectoryFormat | None = None,
    metadata: Metadata | None = None,
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """A folder for results, and the options that name the inputs."""
    with tempfile.TemporaryDirectory(prefix="q2-aam-") as name:
        folder = Path(name)
        options: dict[str, Any] = {"table": Path(str(table)) / "feature-table.biom", "progress": False}
        if sequences is not None:
            options["sequences"] = Path(str(sequences)) / "dna-sequences.fasta"
        if phylogeny is not None:
            options["tree"] = Path(str(phylogeny)) / "tree.nwk"
        if metadata is not None:
            options["metadata"] = folder / "metadata.tsv"
            metadata.save(str(options["metadata"]))
        yield folder, options


def _given(**options: Any) -> dict[str, Any]:
    """The options that were chosen; the others have the defaults of `aam`."""
    return {name: value for name, value in options.items() if value is not None}


def pretrain(
    table: BIOMV210DirFmt,
    sequences: DNASequencesDirectoryFormat = None,
    phylogeny: NewickDirectoryFormat = None,
    epochs: int = None,
    embedding_dim: int = None,
    attention_layers: int = None,
    seed: int = None,
) -> AAMModelDirectoryFormat:
    """Pre-train an encoder."""
    chosen = _given(epochs=epochs, embedding_dim=embedding_dim, attention_layers=attention_layers, seed=seed)
    with _files(table, sequences, phylogeny) as (folder, inputs):
        return packed(aam.pretrain(**inputs, **chosen, output_dir=folder / "run").run)


def fit_regressor(
    table: BIOMV210DirFmt,
    metadata: Metadata,
    column: str,
    sequences: DNASequencesDirectoryFormat = None,
    phylogeny: NewickDirectoryFormat = None,
    group_column: str = None,
    categorical_columns: list = None,
    numeric_columns: list = None,
    learners: list = None,
    seed: int = None,
    jobs: int = None,
) -> (AAMModelDirectoryFormat, PredictionsFormat):
    """Fit a model of a column of numbers."""
    return _fit(False, **locals())


def fit_classifier(
    table: BIOMV210DirFmt,
    metadata: Metadata,
    column: str,
    sequences: DNASequencesDirectoryFormat = None,
    phylogeny: NewickDirectoryFormat = None,
    group_column: str = None,
    categorical_columns: list = None,
    numeric_columns: list = None,
    learners: list = None,
    seed: int = None,
    jobs: int = None,
) -> (AAMModelDirectoryFormat, PredictionsFormat):
    """Fit a model of a column of classes."""
    return _fit(True, **locals())


def _fit(
    classifier: bool,
    table: BIOMV210DirFmt,
    metadata: Metadata,
    column: str,
    sequences: DNASequencesDirectoryFormat | None,
    phylogeny: NewickDirectoryFormat | None,
    **chosen: Any,
) -> tuple[AAMModelDirectoryFormat, PredictionsFormat]:
    """A model, and what it predicts for each training sample when it is held out."""
    with _files(table, sequences, phylogeny, metadata) as (folder, inputs):
        options = {**inputs, **_given(**chosen), "metadata_column": column, "classifier": classifier}
        run = aam.train(**options, output_dir=folder / "run").run
        return packed(run), stored(run / "out_of_fold_predictions.tsv")


def predict(
    table: BIOMV210DirFmt,
    model: AAMModelDirectoryFormat,
    sequences: DNASequencesDirectoryFormat = None,
    metadata: Metadata = None,
    allow_unfamiliar: bool = False,
) -> PredictionsFormat:
    """Predict the samples of a table."""
    with _files(table, sequences, None, metadata) as (folder, inputs):
        output = folder / "predictions.tsv"
        aam.predict(**inputs, model=model.folder, allow_unfamiliar=allow_unfamiliar, output=output)
        return stored(output)


def report(output_dir: str, model: AAMModelDirectoryFormat) -> None:
    """Show the report of a model's training."""
    if not model.page.exists():
        raise framework.ValidationError("the model has no report: it was imported without one")
    shutil.copyfile(model.page, Path(output_dir) / PAGE)


def explain(
    output_dir: str,
    table: BIOMV210DirFmt,
    model: AAMModelDirectoryFormat,
    metadata: Metadata,
    sequences: DNASequencesDirectoryFormat = None,
) -> None:
    """Show which microbes predictions rest on."""
    with _files(table, sequences, None, metadata) as (folder, inputs):
        aam.explain(**inputs, model=model.folder, output_dir=folder / "page")
        _shown(folder / "page", output_dir)


def evaluate(
    output_dir: str,
    table: BIOMV210DirFmt,
    model: AAMModelDirectoryFormat,
    metadata: Metadata,
    sequences: DNASequencesDirectoryFormat = None,
    include_trained: bool = False,
) -> None:
    """Judge a model by labelled samples."""
    with _files(table, sequences, None, metadata) as (folder, inputs):
        aam.evaluate(**inputs, model=model.folder, include_trained=include_trained, output_dir=folder / "page")
        _shown(folder / "page", output_dir)


def _shown(folder: Path, output_dir: str) -> None:
    """Copy the files of a result; its page is what the viewer opens."""
    shutil.copytree(folder, output_dir, dirs_exist_ok=True)
    (page,) = Path(output_dir).glob("*.html")
    page.rename(page.with_name(PAGE))
