"""`aam export`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aam.config.option import REQUIRED, Section, flag, option, same_as
from aam.config.sections import TableOptions
from aam.errors import ConfigError

ENDING = ".onnx"
NAME = "model"
"""Of the files in a folder."""


@dataclass(frozen=True, kw_only=True)
class ExportOptions(Section):
    """Export: the model, the file to write, and samples to check it by."""

    model: Path = option(REQUIRED, "Model folder or run directory.", usual=True)
    format: Literal["onnx"] = option("onnx", "Format: ONNX, which onnxruntime and others compute.", usual=True)
    output: Path = option(
        REQUIRED,
        "File to write, which ends in .onnx, or a folder for model.onnx; a .json beside it says what it takes and "
        "gives.",
        usual="FILE.onnx to write, or a folder",
    )
    overwrite: bool = option(False, "Replace files that are there.", usual=True)
    network_only: bool = option(
        False,
        "Of a blend, export its networks alone. They predict something else than the blend.",
        usual="Of a blend, export its networks alone",
    )
    table: Path | None = option(
        None,
        "Feature table whose samples the file is checked by, beside random ones.",
        derived="samples simulated from the ASVs that the model knows",
        usual="Table to check the file by",
    )
    table_layer: str | None = same_as(TableOptions, "table_layer")
    sequences: tuple[Path, ...] = same_as(TableOptions, "sequences")
    metadata: Path | None = option(
        None, "Metadata of these samples, where the model reads columns.", usual="Metadata of its samples"
    )

    def check(self) -> None:
        """Refuse what describes a table where there is none."""
        for name in ("metadata", "sequences", "table_layer"):
            if getattr(self, name) and self.table is None:
                raise ConfigError(f"{flag(name)} needs --table")

    @property
    def file(self) -> Path:
        """The ONNX file."""
        return self.output if self.output.suffix.lower() == ENDING else self.output / f"{NAME}{ENDING}"

    @property
    def description(self) -> Path:
        """What says in words and numbers what it takes and gives."""
        return self.file.with_suffix(".json")


@dataclass(frozen=True, kw_only=True)
class ExportConfig:
    """All options of `aam export`."""

    export: ExportOptions
