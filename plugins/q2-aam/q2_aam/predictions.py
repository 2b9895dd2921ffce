"""The artifact of predictions: a table that QIIME 2 takes wherever it takes metadata."""

from __future__ import annotations

import shutil
from pathlib import Path

from q2_aam.framework import Metadata, framework

AAMPredictions = framework.SemanticType("AAMPredictions")


class PredictionsFormat(framework.TextFileFormat):
    """The table of `aam predict`: a row a sample, with intervals or probabilities."""

    def _validate_(self, level: str) -> None:
        try:
            Metadata.load(str(self))
        except ValueError as error:
            raise framework.ValidationError(str(error)) from None


PredictionsDirectoryFormat = framework.SingleFileDirectoryFormat(
    "PredictionsDirectoryFormat", "predictions.tsv", PredictionsFormat
)


def stored(path: Path) -> PredictionsFormat:
    """A table as an artifact's file."""
    result = PredictionsFormat()
    shutil.copyfile(path, str(result))
    return result
