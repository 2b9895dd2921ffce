"""The artifact of a model: a folder that `aam` reads, with the report of its training beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

from aam.data.targets.kinds import Classes
from aam.errors import AamError
from aam.models.folder.container import read_model_folder
from aam.models.folder.manifest import Manifest
from q2_aam.framework import framework

AAMModel = framework.SemanticType("AAMModel", field_names="task")
Regressor = framework.SemanticType("Regressor", variant_of=AAMModel.field["task"])
Classifier = framework.SemanticType("Classifier", variant_of=AAMModel.field["task"])
Encoder = framework.SemanticType("Encoder", variant_of=AAMModel.field["task"])

MODEL, REPORT = "model", "report.html"


class AnyFileFormat(framework.BinaryFileFormat):
    """A file that is checked with the others of its folder."""

    def _validate_(self, level: str) -> None:
        """Nothing can be said of one file alone."""


class AAMModelDirectoryFormat(framework.DirectoryFormat):
    """A model folder of AAM, and the report of its training."""

    card = framework.model.File(r"model/README\.md", format=AnyFileFormat, optional=True)
    description = framework.model.File(r"model/config\.json", format=AnyFileFormat, optional=True)
    weights = framework.model.File(r"model/.+\.safetensors", format=AnyFileFormat)
    report = framework.model.File(r"report\.html", format=AnyFileFormat, optional=True)

    @property
    def folder(self) -> Path:
        """The model folder."""
        return Path(str(self)) / MODEL

    @property
    def page(self) -> Path:
        """The report; of an imported model there may be none."""
        return Path(str(self)) / REPORT

    @property
    def manifest(self) -> Manifest:
        """What the model predicts and needs."""
        return read_model_folder(self.folder).manifest

    def _validate_(self, level: str) -> None:
        """The checksum over all weights and options holds, and the format is one that this version reads."""
        try:
            read_model_folder(self.folder)
        except AamError as error:
            raise framework.ValidationError(str(error)) from None


def packed(run: Path) -> AAMModelDirectoryFormat:
    """The model of a finished run, with its report."""
    result = AAMModelDirectoryFormat()
    folder = Path(str(result))
    shutil.copytree(run / MODEL, folder / MODEL)
    if (run / REPORT).exists():
        shutil.copyfile(run / REPORT, folder / REPORT)
    return result


def task_of(manifest: Manifest) -> str:
    """The name of the type that a model should have as an artifact."""
    if manifest.targets is None:
        return Encoder.name
    return Classifier.name if isinstance(manifest.targets.kind, Classes) else Regressor.name


def check_task(model: AAMModelDirectoryFormat, wanted: str) -> None:
    """Refuse a model under the name of another task.

    Raises
    ------
    ValidationError
        If it predicts something else.
    """
    found = task_of(model.manifest)
    if found != wanted:
        raise framework.ValidationError(
            f"the model is an AAMModel[{found}], not an AAMModel[{wanted}]; import it as that"
        )
