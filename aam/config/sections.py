"""The groups of options that commands share. Every option is declared here or in ``commands.py``, once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from aam.config.option import REQUIRED, Section, option
from aam.config.types import OneOf
from aam.errors import ConfigError

DISTANCES = OneOf("aam.data.distances.measure")
OBJECTIVES = OneOf("aam.models.objectives")
DistanceKind = Annotated[str, DISTANCES]
EncoderType = Annotated[str, OBJECTIVES]
Root = Literal["auto", "given", "midpoint"]
MatchIds = Literal["exact", "loose"]
LARGEST_SEED = 2**32 - 1  # of scikit-learn


@dataclass(frozen=True, kw_only=True)
class TableOptions(Section):
    """Data: the feature table and what describes its ASVs."""

    table: tuple[Path, ...] = option(
        REQUIRED,
        "Feature table: BIOM 2.1 (HDF5), BIOM 1.0 (JSON), TSV, a QIIME 2 .qza, AnnData (.h5ad, .h5td), mothur's "
        ".shared or .count_table, or a sequence table of DADA2 (CSV or .rds). Repeat it to merge studies by sequence.",
        usual="BIOM, TSV, .qza, .h5ad ...; repeat it to merge",
    )
    table_layer: str | None = option(
        None,
        "Which part of the table holds the reads: of AnnData 'X', 'raw' or the name of a layer, of mothur's .shared a "
        "label such as 0.03.",
        derived="X, or the only part",
    )
    sequences: tuple[Path, ...] = option(
        (),
        "ASV sequences as FASTA or .qza, if the table's ASV ids are not sequences.",
        usual="FASTA of the ASVs, if their ids are not DNA",
    )
    trim_length: int | None = option(
        None,
        "Trim every sequence to this many bases; ASVs that become identical are summed.",
        at_least=10,
        usual="Trim every sequence to this many bases",
    )
    reverse_complement: Literal["auto", "yes", "no"] | None = option(
        None,
        "Read sequences as their reverse complements; 'auto': those of tables that fit the first one (in prediction, "
        "the model) far better that way.",
        derived="no; in prediction, as in training",
    )
    max_bp: int | None = option(
        None, "Longest sequence accepted, in bases.", at_least=10, derived="the longest sequence of the table"
    )
    cache: bool = option(True, "Cache large parsed tables and trees in the user's cache folder.")


@dataclass(frozen=True, kw_only=True)
class StudyOptions(Section):
    """Study: tree, distances, taxonomy and metadata of the table."""

    tree: Path | None = option(
        None,
        "Rooted phylogeny of the ASVs: Newick, .qza or TreeData (.h5td).",
        usual="Phylogeny of the ASVs: Newick or .qza",
        derived="the table, if it is TreeData (.h5td) with one tree in vart",
    )
    root: Root = option(
        "auto",
        "Root of the tree: 'given' believes it, 'midpoint' makes one, 'auto' takes it if the file shows one.",
    )
    clip_negative_branches: bool = option(False, "Set negative branch lengths of the tree to 0.")
    missing_tips: Literal["error", "drop"] = option(
        "error",
        "ASVs that are not tips of the tree: stop, or drop them (and report the reads lost).",
    )
    distances: Path | None = option(
        None,
        "Precomputed distance matrix to use instead of the tree: .npy, .h5, .csv, .tsv or .qza.",
        alias="unifrac-matrix",
    )
    distance_ids: Path | None = option(None, "Sample ids of a .npy distance matrix, one per line.")
    taxonomy: Path | None = option(None, "Taxonomy of the ASVs: QIIME 2 TSV or .qza.")
    taxonomy_level: int = option(
        6,
        "Taxonomic level for --encoder-type taxonomy: 1 domain ... 6 genus, 7 species.",
        at_least=1,
        at_most=8,
    )
    metadata: Path | None = option(
        None,
        "Sample metadata: tab-separated, in QIIME 2 format, a QIIME 2 .qza, or AnnData (its obs).",
        usual="Sample metadata, tab-separated; has the target",
        derived="the table, if it is AnnData (.h5ad, .h5td) with columns in obs",
    )
    where: str | None = option(
        None,
        "Use only samples that match this SQL condition on the metadata: \"site == 'skin'\".",
        usual="Use only samples that match this SQL condition",
    )
    not_missing: tuple[str, ...] = option(
        (), "Words that are values in columns of text, though they usually mean a missing one: NA, say, for sodium."
    )
    match_ids: MatchIds = option(
        "exact",
        "How ids of table and metadata match: as written, or also where they differ in ways that R and spreadsheets "
        "change ids (case, leading zeros, X before a digit, dots for dashes); each such match is logged.",
    )
    study_column: str = option(
        "study",
        "Name of the column, made from the file names, that identifies the table when several are merged.",
        usual="Column that names the study",
    )


@dataclass(frozen=True, kw_only=True)
class SamplingOptions(Section):
    """Sampling: how many reads and ASVs per sample the model sees."""

    rarefy_depth: int | Literal["auto", "none"] = option(
        "auto",
        "Reads drawn per sample without replacement, anew in every epoch; 'none' uses all reads; "
        "'auto' is the depth that keeps 95% of the samples, at most 5,000.",
        at_least=1,
    )
    token_limit: int = option(1024, "Maximum number of ASVs per sample.", at_least=2)
    asv_sampling: Literal["abundance", "random", "first"] = option(
        "abundance", "Which ASVs to keep when a sample exceeds the token limit."
    )


@dataclass(frozen=True, kw_only=True)
class SplitOptions(Section):
    """Split: training, validation and test samples."""

    validation_size: float = option(
        0.2, "Fraction of samples used to choose the best epoch.", above=0, below=1, alias="val-size"
    )
    test_size: float = option(
        0.0,
        "Fraction of samples held out for the final evaluation.",
        at_least=0,
        below=1,
        usual="Share of samples held out as a test",
    )
    stratify: bool = option(True, "Stratify the split by class, or by quantile of the target (not for a given split).")
    group_column: str | None = option(
        None,
        "Column of groups (subjects, plots) that are never split; a given split is checked for it.",
        usual="Column of subjects or plots: kept whole",
    )
    split_column: str | None = option(None, "Column that assigns each sample to train, validation or test.")
    train_samples: Path | None = option(None, "File of training sample ids, one per line.")
    val_samples: Path | None = option(None, "File of validation sample ids, one per line.")
    test_samples: Path | None = option(None, "File of test sample ids, one per line.")

    def check(self) -> None:
        """Refuse sizes that leave nothing to train on, and two ways to split at once."""
        if self.validation_size + self.test_size >= 1:
            raise ConfigError("--validation-size and --test-size together must be below 1")
        lists = self.train_samples is not None or self.val_samples is not None
        others = {"--val-samples": self.val_samples, "--test-samples": self.test_samples}
        alone = [name for name, path in others.items() if path is not None and self.train_samples is None]
        if alone:
            raise ConfigError(f"{alone[0]} needs --train-samples")
        if lists and (self.split_column or self.test_size > 0):
            raise ConfigError("lists of samples cannot be combined with --split-column or --test-size")
        if self.split_column and self.test_size > 0:
            raise ConfigError("--split-column cannot be combined with --test-size")

    def check_validation(self) -> None:
        """Refuse lists of samples without one for validation, where that part has a use."""
        if self.train_samples is not None and self.val_samples is None:
            raise ConfigError("--train-samples and --val-samples go together")


@dataclass(frozen=True, kw_only=True)
class ModelOptions(Section):
    """Model: size and components."""

    embedding_dim: int = option(128, "Embedding width.", at_least=8)
    attention_heads: int = option(4, "Attention heads; must divide --embedding-dim.", at_least=1)
    attention_layers: int = option(
        2, "Transformer layers at each of the three levels: ASV, sample and encoder.", at_least=1
    )
    asv_layers: int | None = option(
        None, "Transformer layers over nucleotides.", at_least=0, derived="--attention-layers"
    )
    sample_layers: int | None = option(
        None, "Transformer layers over the ASVs of a sample.", at_least=0, derived="--attention-layers"
    )
    encoder_layers: int | None = option(
        None, "Further layers over the ASVs of a sample, before pooling.", at_least=0, derived="--attention-layers"
    )
    nucleotide_patch: int = option(5, "Neighbouring bases per token.", at_least=1)
    dropout: float = option(0.1, "Dropout in the transformer layers.", at_least=0, below=1)
    count_embedding: bool = option(True, "Add the relative abundance of each ASV to its vector.")
    count_embedding_method: Literal["add", "concat", "film"] = option(
        "film", "How abundance enters: added, concatenated, or as a scale and shift (FiLM)."
    )
    num_soft_clades: int = option(
        512,
        "Soft clades: learned groups of related sequences whose log abundances describe a sample; 0 for none.",
        at_least=0,
    )
    gradient_checkpointing: bool | None = option(
        None,
        "Recompute activations in the backward pass: less memory, a third to a half more time.",
        derived="on if the memory plan needs it",
    )
    asv_chunk_size: int | None = option(
        None,
        "Maximum number of distinct ASVs encoded at once; 0 suits the device.",
        at_least=0,
        derived="0, or 256 if the memory plan needs it",
    )

    def check(self) -> None:
        """Refuse a width that the heads do not divide."""
        if self.embedding_dim % self.attention_heads:
            raise ConfigError(
                f"--embedding-dim {self.embedding_dim} is not a multiple of --attention-heads {self.attention_heads}"
            )

    @property
    def layers(self) -> tuple[int, int, int]:
        """Number of layers at the ASV, sample and encoder level."""
        levels = (self.asv_layers, self.sample_layers, self.encoder_layers)
        asv, sample, encoder = (self.attention_layers if n is None else n for n in levels)
        return asv, sample, encoder


@dataclass(frozen=True, kw_only=True)
class ObjectiveOptions(Section):
    """Self-supervised objective: what the encoder learns without labels."""

    encoder_type: EncoderType | None = option(
        None,
        "Objective of the sample vector: a distance between samples, Faith PD, taxonomy, or all combined.",
        derived="unifrac with a tree or given distances, else bray_curtis; none in fine-tuning",
    )
    unifrac_normalized: bool = option(True, "Normalise weighted UniFrac to 0..1.")
    unifrac_alpha: float = option(0.5, "Weight of abundant lineages in generalised UniFrac.", at_least=0, at_most=1)
    penalty: float | None = option(
        None,
        "Weight of the --encoder-type loss.",
        at_least=0,
        derived="1; in fine-tuning 0 without --encoder-type",
    )
    nuc_penalty: float | None = option(
        None, "Weight of the masked-nucleotide loss.", at_least=0, derived="1 in pre-training, 0 in fine-tuning"
    )
    count_penalty: float | None = option(
        None, "Weight of the relative-count loss.", at_least=0, derived="1 in pre-training, 0 in fine-tuning"
    )
    nuc_mask_ratio: float = option(0.15, "Fraction of bases masked.", at_least=0, below=1)
    nuc_mask_strategy: Literal["random", "span"] = option("random", "Mask single bases, or spans of three to five.")
    count_mask_ratio: float = option(
        0.15, "Fraction of ASVs per sample whose abundance is masked and predicted.", above=0, at_most=1
    )


@dataclass(frozen=True, kw_only=True)
class RunOptions(Section):
    """Run: output, report, device and resuming."""

    output_dir: Path = option(REQUIRED, "Run directory to create.", usual=True)
    overwrite: bool = option(
        False, "Replace a finished run in the output directory.", usual="Replace a finished run in it"
    )
    report: bool = option(True, "Write report.html.")
    seed: int = option(42, "Random seed.", at_least=0, at_most=LARGEST_SEED, usual=True)
    device: Literal["auto", "cpu", "cuda"] = option(
        "auto", "Device; 'auto' uses a GPU if there is one.", usual="Where the network computes"
    )
    num_workers: int | None = option(
        None, "Worker processes that prepare batches.", at_least=0, derived="0 on a CPU, up to 4 with a GPU"
    )
    mixed_precision: Literal["none", "bf16", "fp16"] | None = option(
        None,
        "Mixed precision; weights stay in float32.",
        derived="bf16 on a GPU that supports it, else none",
    )
    tf32: bool = option(False, "Allow TF32 matrix multiplication on NVIDIA GPUs.")
    compile_model: bool = option(
        False, "Compile the transformer layers with torch.compile: takes about a minute, faster steps on a GPU."
    )
    resume_from: Path | None = option(
        None,
        "Run directory to resume exactly where it stopped; --epochs may differ.",
        usual="Continue a run that was stopped",
    )
    checkpoint_minutes: float = option(
        15.0,
        "Minutes between checkpoints within an epoch; 0 saves only at the start of each epoch.",
        at_least=0,
    )
    progress: bool = option(True, "Show a progress bar; where there is no terminal, a line every 30 seconds.")
    verbose: bool = option(
        False,
        "Also show derived values and other details, which the log file of a run always has.",
        usual="Show all details",
    )

    def later_seed(self, steps: int) -> int:
        """The seed so many further on; after the largest comes 0."""
        return (self.seed + steps) % (LARGEST_SEED + 1)
