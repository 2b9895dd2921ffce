"""`aam push`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aam.config.option import REQUIRED, Section, option
from aam.config.sharing.repository import check_repository
from aam.config.sharing.statement import StatementOptions


@dataclass(frozen=True, kw_only=True)
class PushOptions(Section):
    """Push: a model, and where on a hub it goes."""

    model: Path = option(
        REQUIRED,
        "Model folder, run directory, or name of a model of the index (`aam models`).",
        usual="Model folder, run directory or name",
        names_model=True,
    )
    repository: str = option(REQUIRED, "Where it goes on the hub: OWNER/NAME.", usual=True)
    public: bool = option(False, "Let everybody see it; else it is private.", usual=True)
    message: str | None = option(None, "Message of the commit.", derived="the version of AAM and the target")
    yes: bool = option(False, "Send without asking.", usual=True)

    def check(self) -> None:
        """Refuse what is no name on a hub."""
        check_repository(self.repository)


@dataclass(frozen=True, kw_only=True)
class PushConfig:
    """All options of `aam push`."""

    push: PushOptions
    card: StatementOptions
