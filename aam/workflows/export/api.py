"""The export of a model as a function of Python."""

from __future__ import annotations

from typing import Any

from aam.config import from_flat
from aam.config.keywords import parameters_of, takes_options
from aam.config.sharing.export import ExportConfig
from aam.workflows.export.run import Exported, export
from aam.workflows.python_words import python_words


@takes_options(parameters_of(ExportConfig))
def export_model(**options: Any) -> Exported:
    """Write a model as an ONNX file that other programs compute without AAM: `aam export`.

    Parameters
    ----------
    {parameters}

    Returns
    -------
    Exported
        The file and the JSON beside it, what that says, and how far file and model are apart.

    Raises
    ------
    CheckpointError
        If the model cannot be read.
    ConfigError, InputError
        If an option, a file or the model cannot be used, or the extra ``onnx`` is not installed.
    RunError
        If the file would differ from the model; nothing is written then.
    """
    with python_words():
        return export(from_flat(ExportConfig, options))
