"""`aam compare`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aam.config.option import REQUIRED, Section, option
from aam.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class CompareOptions(Section):
    """Compare: finished runs and tables of predictions on the same samples."""

    runs: tuple[Path, ...] = option(
        REQUIRED,
        "Run directories of `aam train`, with or without folds, or tables of predictions with observed values; two or "
        "more.",
        usual="Run directories, or tables of predictions",
    )
    reference: Path | None = option(
        None,
        "The one of them that the others are compared with.",
        derived="the first",
        usual="What the others are compared with",
    )
    part: Literal["auto", "test", "out-of-fold", "validation"] = option(
        "auto",
        "Predictions to take of a run without folds: 'auto' is the test part, else out-of-fold, else validation "
        "samples.",
        usual="Samples of runs without folds",
    )
    output_dir: Path | None = option(
        None, "Folder for the page, its figures as PDF and the tables.", usual="Folder for a page and tables"
    )
    overwrite: bool = option(False, "Replace an earlier comparison in it.", usual=True)

    def check(self) -> None:
        """Refuse what leaves nothing to compare."""
        if len(self.runs) < 2:
            raise ConfigError("compare needs two runs or more: aam compare RUN RUN")
        places = [path.resolve() for path in self.runs]
        twice = [path for path, place in zip(self.runs, places, strict=True) if places.count(place) > 1]
        if twice:
            raise ConfigError(f"{twice[0]} is named twice: leave it out once")
        if self.reference is not None and self.reference.resolve() not in places:
            raise ConfigError(f"--reference {self.reference} is none of the runs: name it among them as well")
        if self.overwrite and self.output_dir is None:
            raise ConfigError("--overwrite needs --output-dir")

    @property
    def ordered(self) -> tuple[Path, ...]:
        """The runs, the reference first."""
        if self.reference is None:
            return self.runs
        place = self.reference.resolve()
        return tuple(sorted(self.runs, key=lambda path: path.resolve() != place))


@dataclass(frozen=True, kw_only=True)
class CompareConfig:
    """All options of `aam compare`."""

    compare: CompareOptions
