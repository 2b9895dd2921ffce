"""The page of `aam train --categorical-help`: how to choose covariates."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Iterator

from aam.config import CovariateOptions
from aam.config.option import flag
from aam.config.reference import default_words

COVARIATE_HELP_FLAG = "--categorical-help"
WIDTH = 80
INDENT = "  "

FOR_WHAT = (
    "Covariates are metadata columns that the model uses as inputs beside the ASVs: season, site, sex, soil pH. Name "
    "categories with --categorical-columns and numbers with --numeric-columns.",
    "They help where the same ASV means different things in different contexts. Their levels, means and standard "
    "deviations come from the training samples alone.",
)

WHEN_NOT = (
    "Leave out columns that leak the answer: measured after the outcome, derived from it, or confounded with it in "
    "your study (all cases from one hospital). Ask of each column: will I know it for a new sample before I know the "
    "answer?",
    "Leave out ids and near-ids: a level with one or two samples teaches nothing about others. To predict samples of "
    "new subjects or sites, hold out whole groups (--group-column).",
    "The random forest baseline gets the same covariates. Run once without them: the difference between the two "
    "reports is what they add.",
)

WHICH_FUSION = {
    "concat": "Start here. A small network reads the sample vector and the covariates together.",
    "add": "For few samples: covariates are added to the sample vector, with the fewest weights.",
    "gmu": "If a covariate matters in some samples only: gates, opened by ASVs and covariates, let it in.",
    "cross-attention": "If a covariate changes which ASVs matter: each covariate attends to the ASVs of the sample. "
    "Slower; for larger studies.",
    "perceiver": "The same for many covariates: a few latent vectors attend to ASVs and covariates. The slowest, with "
    "the most weights.",
}

AFTER_FUSION = (
    "Every fusion starts as a model without covariates. Change it only if another one is better in cross-validation "
    "(--cv 5).",
)

HIERARCHY = (
    "Declare nested levels, finest first: city>state>country. A city then starts as its state and learns the "
    "difference, so that cities with few samples borrow from their state; an unknown city is treated as its state.",
)

SCALING = (
    "If a level shifts or stretches the numbers as a whole (one laboratory measures everything 10 percent too high), "
    "--conditional-output-scaling gives each level its own output scale and bias. For numeric targets only, and in "
    "addition to the fusion.",
)

UNKNOWN = (
    "New samples may have missing or unseen levels; `aam predict` reports how many. To prepare the model, a fraction "
    "of the values is masked in training (--unknown-level-rate). A missing number counts as the mean, with a flag that "
    "it is missing. The metadata given to `aam predict` must have the columns.",
)

TRAIN = "aam train --table table.biom --metadata metadata.tsv --metadata-column age"
COMMANDS = {
    "One column": ("--output-dir runs/season", "--categorical-columns season"),
    "Categories, numbers and nested levels": (
        "--output-dir runs/places --categorical-columns season",
        "--numeric-columns ph,depth --categorical-hierarchy 'city>state>country'",
    ),
    "ASVs that matter in some seasons only": (
        "--output-dir runs/attention --learners network --categorical-columns season",
        "--categorical-fusion cross-attention",
    ),
    "Laboratories that measure differently": (
        "--output-dir runs/labs --learners network --categorical-columns season,lab",
        "--conditional-output-scaling lab",
    ),
    "Without covariates, for comparison": ("--output-dir runs/without",),
}


def covariate_help() -> str:
    """A page, 80 columns wide, that helps to choose covariates; options are described as in ``--help``."""
    fusions = _described({kind: (text, "") for kind, text in WHICH_FUSION.items()})
    options = _described(
        {flag(f.name): (f.metadata["help"], default_words(f)) for f in dataclasses.fields(CovariateOptions)}
    )
    sections = {
        "What covariates are for": _paragraphs(FOR_WHAT),
        "When not to use them": _paragraphs(WHEN_NOT),
        f"Which {flag('categorical_fusion')}": [*fusions, "", *_paragraphs(AFTER_FUSION)],
        "Nested levels": _paragraphs(HIERARCHY),
        "Outputs that differ in scale": _paragraphs(SCALING),
        "Unknown levels and missing numbers": _paragraphs(UNKNOWN),
        "Example commands": [*_commands()],
        "All options": options,
    }
    pages = ["\n".join([title, "-" * len(title), *lines]) for title, lines in sections.items()]
    return "\n\n".join(["Covariates: metadata columns as inputs", *pages]) + "\n"


def _paragraphs(texts: tuple[str, ...]) -> list[str]:
    return "\n\n".join(_wrap(text, "") for text in texts).split("\n")


def _described(words: dict[str, tuple[str, str]]) -> list[str]:
    """Names, and what they mean, indented below them."""
    lines = []
    for name, (text, default) in words.items():
        lines += [name, _wrap(f"{text} [{default}]" if default else text, INDENT)]
    return lines


def _commands() -> Iterator[str]:
    for title, options in COMMANDS.items():
        yield f"# {title}"
        yield f" \\\n{INDENT}".join([TRAIN, *options])


def _wrap(text: str, indent: str) -> str:
    return textwrap.fill(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
