"""`aam export`: write a model for programs that compute without AAM."""

from __future__ import annotations

import shlex

from aam.config.sharing.export import ExportConfig
from aam.log import logging_to_terminal, say
from aam.workflows.export.run import export


def run(config: ExportConfig) -> None:
    """Export the model, and say how to compute with the file."""
    with logging_to_terminal():
        found = export(config)
        say(f"what it takes and gives: {found.description_path}")
        example = shlex.join(["python", "onnx_predict.py", str(found.path), "YOUR_TABLE.tsv"])
        say("", "Next, predict with onnxruntime and NumPy alone (docs/examples/onnx_predict.py):", f"  {example}")
