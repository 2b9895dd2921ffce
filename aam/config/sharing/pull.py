"""`aam pull`."""

from __future__ import annotations

from dataclasses import dataclass

from aam.config.option import REQUIRED, Section, option
from aam.config.sharing.repository import check_repository


@dataclass(frozen=True, kw_only=True)
class PullOptions(Section):
    """Pull: a model of a hub, and the name that it gets here."""

    repository: str = option(REQUIRED, "Model on the hub: OWNER/NAME.", usual=True)
    revision: str | None = option(
        None,
        "Branch, tag or commit; its commit is recorded.",
        derived="the newest commit of the main branch",
        usual="Branch, tag or commit",
    )
    name: str | None = option(None, "Name in the index of models.", derived="NAME", usual="Name in the index")
    overwrite: bool = option(False, "Replace a model of the same name.", usual=True)
    yes: bool = option(False, "Download without asking.", usual=True)
    progress: bool = option(True, "Show a progress bar; where there is no terminal, a line every 30 seconds.")

    def check(self) -> None:
        """Refuse what is no name on a hub."""
        check_repository(self.repository)


@dataclass(frozen=True, kw_only=True)
class PullConfig:
    """All options of `aam pull`."""

    pull: PullOptions
