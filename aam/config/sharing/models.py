"""`aam models`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aam.config.option import Section, option
from aam.config.sharing.statement import StatementOptions
from aam.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class ModelsOptions(Section):
    """Models: the models of your index, which go by names."""

    name: str | None = option(
        None,
        "Model to show or, with --remove, to remove; with --add, the name that the model shall have.",
        derived="all are listed; with --add, the name of its folder",
        usual="Model to show, add or remove; without, all are listed",
    )
    add: Path | None = option(
        None,
        "Model folder or run directory of which a copy enters the index.",
        usual="Model folder or run to add a copy of",
        names_model=True,
    )
    remove: bool = option(False, "Remove the model from the index.", usual="Remove the model from the index")
    output: Path | None = option(None, "Table to write of all models (.tsv, .csv, also with .gz).", usual=True)
    overwrite: bool = option(False, "Replace a model of the same name, or the table.", usual=True)

    def check(self) -> None:
        """Refuse what does not go together."""
        if self.remove and (self.name is None or self.add is not None):
            raise ConfigError("--remove needs the name of a model, and no --add")
        if self.output is not None and (self.name is not None or self.add is not None):
            raise ConfigError("--output lists all models: leave out the name and --add")
        if self.overwrite and self.output is None and self.add is None:
            raise ConfigError("--overwrite needs --add or --output")


@dataclass(frozen=True, kw_only=True)
class ModelsConfig:
    """All options of `aam models`."""

    models: ModelsOptions
    card: StatementOptions

    def __post_init__(self) -> None:
        if self.card.given and self.models.add is None:
            raise ConfigError(f"--{next(iter(self.card.given))} is written into the card of a model that --add adds")
