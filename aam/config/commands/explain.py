"""`aam explain`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aam.config.model_input import ModelInputOptions
from aam.config.option import REQUIRED, Section, option, same_as
from aam.config.sections import StudyOptions, TableOptions
from aam.errors import ConfigError

AUTO = "auto"
OF_MODEL = (
    *("methods", "levels", "samples", "max_samples", "group_column", "taxonomy", "tree", "root", "missing_tips"),
    *("by_learner", "draws", "batch_size", "seed", "device", "progress"),
)
"""Options that are asked for a model and a study in memory as well."""
LEVELS = ("asv", "clade", "domain", "phylum", "class", "order", "family", "genus", "species")
Level = Literal["auto", "asv", "clade", "domain", "phylum", "class", "order", "family", "genus", "species"]


@dataclass(frozen=True, kw_only=True)
class ExplainOptions(ModelInputOptions):
    """Explanation: which predictions are explained, how, and by what."""

    model: Path = option(
        REQUIRED,
        "Model folder, run directory, or run directory of a cross-validation.",
        usual="Model folder or run (of a cross-validation, too)",
        names_model=True,
    )
    more_models: tuple[Path, ...] = option(
        (),
        "Further models of the same targets, such as of other seeds; effects are pooled, and intervals hold how much "
        "they differ.",
        names_model=True,
    )
    tree: Path | None = option(
        None,
        "Tree whose clades are explained: Newick or .qza. Without it, clades are made from the DNA of the ASVs.",
        usual="Tree whose clades are explained; otherwise of their DNA",
    )
    root: Literal["auto", "given", "midpoint"] = same_as(StudyOptions, "root")
    clip_negative_branches: bool = same_as(StudyOptions, "clip_negative_branches")
    missing_tips: Literal["error", "drop"] = option(
        "error", "ASVs that are not tips of the tree: stop, or keep them out of all clades."
    )
    taxonomy: Path | None = option(
        None,
        "Taxonomy of the ASVs, which names them and their clades: QIIME 2 TSV or .qza.",
        usual="Taxonomy, which names ASVs and clades",
    )
    samples: tuple[str, ...] = option(
        (),
        "Samples to explain: ids, or a file with one a line.",
        derived="the test samples of the run (of a cross-validation, those of each fold), where the table has them; "
        "otherwise all",
        usual="Samples to explain: ids, or a file with one a line",
    )
    max_samples: int | Literal["all"] | None = option(
        None,
        "Explain at most so many samples, drawn at random and evenly over groups.",
        at_least=2,
        derived="100; fewer, and at least 20, where removal would need more than 20,000 predictions",
        usual="Explain at most so many samples, drawn over groups",
    )
    max_groups: int = option(
        500, "Explain at most so many groups of ASVs of a level: those that most samples have.", at_least=1
    )
    group_column: str | None = option(
        None,
        "Metadata column of groups (subjects, plots), which intervals draw whole.",
        derived="that of the training run, where the metadata have it",
    )
    methods: tuple[str, ...] = option(
        (AUTO,),
        "Methods: 'auto', or names such as removal; an unknown name lists all.",
        usual="Methods; an unknown name lists all",
    )
    levels: tuple[Level, ...] = option(
        (AUTO,),
        "What is explained: ASVs, clades, and ranks of --taxonomy; 'auto' takes all that there are.",
        usual="asv, clade, or ranks of --taxonomy",
    )
    by_learner: bool = option(False, "Explain each learner of a blend beside the whole.", usual=True)
    draws: int = option(
        1,
        "Times that the reads of each sample are drawn anew (to the depth of the model, or 80% of them), so that "
        "intervals hold the noise of sequencing; and random permutations of methods that permute.",
        at_least=1,
        at_most=100,
    )

    refit_parts: bool = option(
        False,
        "Fit the learners anew with the microbiome alone, the covariates alone, and both, on the labelled samples of "
        "the run, and compare them on groups that they have not seen.",
    )

    def check(self) -> None:
        """Refuse what cannot go together."""
        super().check()
        for name in ("methods", "levels"):
            chosen = getattr(self, name)
            if not chosen:
                raise ConfigError(f"--{name} names at least one, or 'auto'")
            if AUTO in chosen and len(chosen) > 1:
                raise ConfigError(f"--{name}: 'auto' stands alone")
            if len(set(chosen)) < len(chosen):
                raise ConfigError(f"--{name} names one twice")
        if self.taxonomy is None and (ranks := [one for one in self.levels if one not in (AUTO, "asv", "clade")]):
            raise ConfigError(f"--levels {ranks[0]} needs --taxonomy")
        if self.tree is None and self.missing_tips != "error":
            raise ConfigError("--missing-tips needs --tree")


@dataclass(frozen=True, kw_only=True)
class ExplanationFolderOptions(Section):
    """Output: the folder of an explanation."""

    output_dir: Path = option(REQUIRED, "Folder to create.", usual=True)
    overwrite: bool = option(False, "Replace the files of an earlier explanation.", usual=True)
    interactive: bool = option(
        False,
        "Also write report_interactive.html, a page on which one can point at samples and groups; needs the extra "
        "'interactive' (plotly).",
        usual="Also write a page to point at samples and groups",
    )
    h5ad: bool = option(
        False,
        "Also write explanation.h5ad: AnnData with counts and metadata of the explained samples, and the effects of "
        "ASVs.",
    )
    samples_table: bool = option(
        False,
        "Write the effect of each group in each sample (samples.tsv.gz) for all groups, not for the most important "
        "ones alone.",
    )


@dataclass(frozen=True, kw_only=True)
class ExplainInMemoryConfig:
    """All options of `aam explain` but its output."""

    table: TableOptions
    explain: ExplainOptions


@dataclass(frozen=True, kw_only=True)
class ExplainConfig(ExplainInMemoryConfig):
    """All options of `aam explain`."""

    output: ExplanationFolderOptions
