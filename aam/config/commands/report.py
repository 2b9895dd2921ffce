"""`aam report`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aam.config.option import REQUIRED, Section, option
from aam.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class ReportOptions(Section):
    """Report: the page of a run, or its figures as files."""

    path: Path = option(REQUIRED, "Run directory of a finished run.", usual=True)
    interactive: bool = option(
        False,
        "Also write report_interactive.html, a page on which one can point at samples; needs the extra 'interactive' "
        "(plotly).",
        usual="Also write a page on which one can point at samples",
    )
    figures: Path | None = option(
        None,
        "Folder to write the figures of the report to, instead of the report.",
        usual="Folder for figures as files",
    )
    format: tuple[Literal["pdf", "svg", "png"], ...] = option(
        ("pdf",),
        "Formats of the figures (--figures): pdf and svg, which scale, and png with 300 dots per inch.",
        usual="Formats of the figures",
    )
    overwrite: bool = option(False, "Replace figures that are there (--figures).", usual="Replace existing figures")

    def check(self) -> None:
        """Refuse options of figures where none are asked for."""
        if self.figures is None and self.format != ("pdf",):
            raise ConfigError("--format needs --figures, the folder to write figures to")
        if self.figures is None and self.overwrite:
            raise ConfigError("--overwrite is for --figures; without it report.html is written anew")
        if self.figures is not None and self.interactive:
            raise ConfigError("--interactive is for the report; with --figures none is written")
        if not self.format:
            raise ConfigError("--format names at least one of pdf, svg, png")


@dataclass(frozen=True, kw_only=True)
class ReportConfig:
    """All options of `aam report`."""

    report: ReportOptions
