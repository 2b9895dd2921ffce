"""Options for several studies in one run."""

from aam.config.studies.options import (
    ADVERSARY,
    CENTRE,
    CLASS,
    COVARIATE,
    STUDY,
    BalanceOptions,
    StudiesOptions,
    check_studies,
)

__all__ = [
    "ADVERSARY",
    "CENTRE",
    "CLASS",
    "COVARIATE",
    "STUDY",
    "BalanceOptions",
    "StudiesOptions",
    "check_studies",
]
