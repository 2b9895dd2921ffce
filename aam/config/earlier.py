"""Earlier samples of the same subject as further inputs, in longitudinal studies."""

from __future__ import annotations

from dataclasses import dataclass

from aam.config.option import Section, option
from aam.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class EarlierOptions(Section):
    """Earlier samples: what was found in the same subject before."""

    earlier_samples: int = option(
        0,
        "Earlier samples of the same subject that a prediction reads besides its own sample; needs --group-column and "
        "--time-column.",
        at_least=0,
        at_most=20,
        usual="Read so many earlier samples of a subject",
    )
    subject_column: str | None = option(None, "Column of subjects.", derived="--group-column")
    time_column: str | None = option(
        None,
        "Column of the time of each sample: numbers, or dates such as 2026-03-31. Only differences are read.",
        usual="Column of times, for --earlier-samples",
    )
    earlier_within: float | None = option(
        None, "Read earlier samples no older than this, in the unit of --time-column (days, for dates).", above=0
    )

    @property
    def is_asked_for(self) -> bool:
        """Whether earlier samples are read."""
        return self.earlier_samples > 0

    def check(self) -> None:
        """Refuse columns that nothing would read, and earlier samples without a time."""
        given = {
            "--subject-column": self.subject_column,
            "--time-column": self.time_column,
            "--earlier-within": self.earlier_within,
        }
        unread = [name for name, value in given.items() if value is not None]
        if unread and not self.is_asked_for:
            raise ConfigError(f"{unread[0]} needs --earlier-samples")
        if self.is_asked_for and self.time_column is None:
            raise ConfigError("--earlier-samples needs --time-column: what is earlier?")

    def check_groups(self, group_column: str | None) -> None:
        """Refuse a split that could put samples of one subject on two sides.

        Raises
        ------
        ConfigError
            Without a column of groups.
        """
        if self.is_asked_for and group_column is None:
            wanted = self.subject_column or "SUBJECT"
            raise ConfigError(
                f"--earlier-samples needs --group-column {wanted}: a subject must be on one side of a split"
            )
