"""The page of `aam train --categorical-help`: which covariates to give to the model, and how."""

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
    "Some of what you want to predict depends on more than microbes: season, site, sex, the pH of the soil. Such "
    "columns of the sample sheet are covariates. Name words with --categorical-columns and numbers with "
    "--numeric-columns, and the model is told them for every sample, in training and whenever it predicts.",
    "They help where microbes mean different things in different places: where an ASV tells age in winter and "
    "nothing in summer. What is learned of them is learned from the training samples alone.",
)

WHEN_NOT = (
    "Leave out a column that gives the answer away: one that was measured after the outcome, that was made from it, "
    "or that goes with it in your study alone (all cases from one hospital, all controls from another). The model "
    "would look good here and fail elsewhere. Ask of each column: will I know it of a new sample, before I know the "
    "answer?",
    "Leave out ids, and columns that are nearly ids: a level with one or two samples teaches nothing about others. "
    "If samples of one subject or site must be predicted from those of others, hold whole groups out "
    "(--group-column).",
    "The random forest in the report gets the same covariates. Run once without them as well: what they add is the "
    "difference between the two reports, and if it is nothing, do without.",
)

WHICH_FUSION = {
    "concat": "Start here. A small network reads the sample's vector and the covariates together.",
    "add": "For few samples. It has the fewest weights: covariates are added to the sample's vector, and the head "
    "makes of both what it can.",
    "gmu": "When a covariate counts in some samples and not in others: gates, which microbes and covariates open, "
    "let it in.",
    "cross-attention": "When a covariate changes which microbes matter. Each covariate looks through the ASVs of the "
    "sample anew. Slower, and for larger studies.",
    "perceiver": "The same for many covariates: a few latent vectors read ASVs and covariates together. The slowest, "
    "with the most weights.",
}

AFTER_FUSION = (
    "All of them start as a model without covariates. Change the fusion only for one that is better on held-out "
    "samples in several folds (--cv 5): one split is luck.",
)

HIERARCHY = (
    "Where levels lie within others (city>state>country, the finest first), say so. A city then starts as its state "
    "and learns only in what it differs, so cities with few samples borrow from their state. A city that the model "
    "has never seen is treated as its state.",
)

SCALING = (
    "If the level of a column shifts or stretches the numbers as a whole (one laboratory measures everything 10 "
    "percent too high), --conditional-output-scaling gives each level a scale and a bias of the prediction. It is "
    "for numeric targets, and beside the fusion, not in its place.",
)

UNKNOWN = (
    "New samples may have levels that training has not seen, or none. Both are 'unknown'; you are told how many there "
    "are. So that the model knows what to do with them, some levels are hidden from it in training "
    "(--unknown-level-rate). A missing number counts as the mean, and the model is told that it is missing. The "
    "columns themselves must be in the sheet of `aam predict`.",
)

TRAIN = "aam train --table table.biom --metadata metadata.tsv --metadata-column age"
COMMANDS = {
    "One column": ("--output-dir runs/season", "--categorical-columns season"),
    "Words, numbers and places": (
        "--output-dir runs/places --categorical-columns season",
        "--numeric-columns ph,depth --categorical-hierarchy 'city>state>country'",
    ),
    "Other ASVs matter in other seasons": (
        "--output-dir runs/attention --categorical-columns season",
        "--categorical-fusion cross-attention",
    ),
    "Laboratories that measure differently": (
        "--output-dir runs/labs --categorical-columns season,lab",
        "--conditional-output-scaling lab",
    ),
    "What do they add? The same without": ("--output-dir runs/without",),
}


def covariate_help() -> str:
    """A page, 80 columns wide, that helps to choose covariates; the options are described as everywhere else."""
    fusions = _described({kind: (text, "") for kind, text in WHICH_FUSION.items()})
    options = _described(
        {flag(f.name): (f.metadata["help"], default_words(f)) for f in dataclasses.fields(CovariateOptions)}
    )
    sections = {
        "What covariates are for": _paragraphs(FOR_WHAT),
        "When not to use them": _paragraphs(WHEN_NOT),
        f"Which {flag('categorical_fusion')}": [*fusions, "", *_paragraphs(AFTER_FUSION)],
        "Places within places": _paragraphs(HIERARCHY),
        "Outputs that differ in scale": _paragraphs(SCALING),
        "Unknown levels and missing numbers": _paragraphs(UNKNOWN),
        "Commands to copy": [*_commands()],
        "All options": options,
    }
    pages = ["\n".join([title, "-" * len(title), *lines]) for title, lines in sections.items()]
    return "\n\n".join(["Covariates: what else the model is told of a sample", *pages]) + "\n"


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
