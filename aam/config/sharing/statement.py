"""What the author of a model states in its card, and no file says."""

from __future__ import annotations

from dataclasses import dataclass

from aam.config.option import Section, option
from aam.errors import ConfigError

LONGEST = 500


@dataclass(frozen=True, kw_only=True)
class StatementOptions(Section):
    """Card: what its author states of a model; what is left out stays as it was, or not stated."""

    licence: str | None = option(
        None,
        "Licence of the model: an SPDX identifier such as CC-BY-4.0, or a name.",
        alias="license",
        usual="Licence of the model, such as CC-BY-4.0",
    )
    region: str | None = option(None, "Region of 16S and primers, such as 'V4, 515F-806R'.", usual=True)
    population: str | None = option(
        None, "Hosts or sites of the samples, such as 'adults of the Netherlands'.", usual="Hosts or sites of samples"
    )
    citation: str | None = option(None, "What to cite: a reference or a DOI.", usual=True)

    def check(self) -> None:
        """Refuse what is no line of a card."""
        for name, value in self.given.items():
            if not value.strip() or not value.isprintable() or len(value) > LONGEST:
                raise ConfigError(f"--{name} must be one line of text of {LONGEST} characters at most")

    @property
    def given(self) -> dict[str, str]:
        """What is stated."""
        found = {name: getattr(self, name) for name in ("licence", "region", "population", "citation")}
        return {name: value for name, value in found.items() if value is not None}
