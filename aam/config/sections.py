"""The groups of options that commands share. Every option is declared here or in ``commands.py``, once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from aam.config.one_of import OneOf
from aam.config.option import REQUIRED, Section, option
from aam.errors import ConfigError

DISTANCES = OneOf("aam.data.distances.measure")
OBJECTIVES = OneOf("aam.models.objectives")
DistanceKind = Annotated[str, DISTANCES]
EncoderType = Annotated[str, OBJECTIVES]
LARGEST_SEED = 2**32 - 1  # of scikit-learn


@dataclass(frozen=True, kw_only=True)
class TableOptions(Section):
    """Data: the feature table and what describes its ASVs."""

    table: tuple[Path, ...] = option(
        REQUIRED,
        "Feature table: BIOM 2.1 (HDF5), BIOM 1.0 (JSON), TSV or a QIIME 2 .qza. "
        "Give it several times to merge studies by sequence.",
    )
    sequences: tuple[Path, ...] = option(
        (), "The ASVs' DNA as FASTA or .qza, where the table's ASV ids are hashes and not sequences."
    )
    trim_length: int | None = option(
        None, "Cut every sequence to this many bases; ASVs that become equal are summed.", at_least=10
    )
    max_bp: int | None = option(
        None, "Longest sequence accepted, in bases.", at_least=10, derived="the longest sequence of the table"
    )
    cache: bool = option(True, "Keep large tables and trees as read, in the user's cache folder, for the next start.")


@dataclass(frozen=True, kw_only=True)
class StudyOptions(Section):
    """Study: the tree, distances, taxonomy and sample sheet that go with the table."""

    tree: Path | None = option(None, "Rooted phylogeny of the ASVs: Newick or .qza.")
    root: Literal["given", "midpoint"] = option("given", "Use the tree's own root, or root it at its midpoint.")
    missing_tips: Literal["error", "drop"] = option(
        "error",
        "What to do with ASVs that are not tips of the tree: stop, or leave them out (the reads lost are told).",
    )
    distances: Path | None = option(
        None,
        "Pre-computed distances between samples instead of those of the tree: .npy, .h5, .csv, .tsv or .qza.",
        alias="unifrac-matrix",
    )
    distance_ids: Path | None = option(None, "Sample ids of a .npy distance matrix, one a line.")
    taxonomy: Path | None = option(None, "Taxonomy of the ASVs: a QIIME 2 style TSV or .qza.")
    taxonomy_level: int = option(
        6,
        "Taxonomic level that --encoder-type taxonomy learns: 1 domain ... 6 genus, 7 species.",
        at_least=1,
        at_most=8,
    )
    metadata: Path | None = option(None, "Sample sheet: a tab-separated file by QIIME 2's rules.")
    where: str | None = option(
        None, "Take only the samples for which this SQL condition on the sample sheet holds: \"site == 'skin'\"."
    )
    study_column: str = option(
        "study", "Column that tells the tables apart where several are merged (made from the files' names)."
    )


@dataclass(frozen=True, kw_only=True)
class SamplingOptions(Section):
    """Sampling: how many reads and ASVs of a sample the model sees."""

    rarefy_depth: int | Literal["auto", "none"] = option(
        "auto",
        "Reads drawn from each sample without replacement, anew in every epoch; 'none' uses all reads; "
        "'auto' is the depth that keeps 95% of the samples, 5,000 at most.",
        at_least=1,
    )
    token_limit: int = option(1024, "Most ASVs of one sample that the model sees.", at_least=2)
    asv_sampling: Literal["abundance", "random", "first"] = option(
        "abundance", "Which ASVs to keep in a sample that has more than the token limit."
    )


@dataclass(frozen=True, kw_only=True)
class SplitOptions(Section):
    """Split: which samples train, which choose the best model, which only judge it."""

    validation_size: float = option(
        0.2, "Share of the samples that choose the best model.", above=0, below=1, alias="val-size"
    )
    test_size: float = option(
        0.0, "Share of the samples held out until the end, to judge the chosen model.", at_least=0, below=1
    )
    stratify: bool = option(True, "Balance the parts by class, or by quantile of the target (not with groups by list).")
    group_column: str | None = option(
        None, "Column whose groups (subjects, plots) are never on two sides; a given split is checked for it."
    )
    split_column: str | None = option(None, "Column that says train, validation or test for each sample.")
    train_samples: Path | None = option(None, "File with the training samples' ids, one a line.")
    val_samples: Path | None = option(None, "File with the validation samples' ids, one a line.")
    test_samples: Path | None = option(None, "File with the test samples' ids, one a line.")

    def check(self) -> None:
        """Refuse sizes that leave nothing to train on, and two ways to split at once."""
        if self.validation_size + self.test_size >= 1:
            raise ConfigError("--validation-size and --test-size together must be below 1")
        lists = self.train_samples is not None or self.val_samples is not None
        if lists and (self.train_samples is None or self.val_samples is None):
            raise ConfigError("--train-samples and --val-samples go together")
        if self.test_samples is not None and not lists:
            raise ConfigError("--test-samples needs --train-samples and --val-samples")
        if lists and (self.split_column or self.test_size > 0):
            raise ConfigError("lists of samples cannot be combined with --split-column or --test-size")
        if self.split_column and self.test_size > 0:
            raise ConfigError("--split-column cannot be combined with --test-size")


@dataclass(frozen=True, kw_only=True)
class ModelOptions(Section):
    """Model: its size and parts."""

    embedding_dim: int = option(128, "Width of all vectors.", at_least=8)
    attention_heads: int = option(4, "Attention heads; must divide the width.", at_least=1)
    attention_layers: int = option(
        2, "Transformer layers at each of the three levels: ASV, sample and encoder.", at_least=1
    )
    asv_layers: int | None = option(None, "Layers over nucleotides.", at_least=0, derived="--attention-layers")
    sample_layers: int | None = option(None, "Layers over a sample's ASVs.", at_least=0, derived="--attention-layers")
    encoder_layers: int | None = option(
        None, "Further layers over a sample's ASVs, below the readout.", at_least=0, derived="--attention-layers"
    )
    nucleotide_patch: int = option(5, "Neighbouring bases that make one token; 1 is one token a base.", at_least=1)
    dropout: float = option(0.1, "Dropout in the transformer layers.", at_least=0, below=1)
    count_embedding: bool = option(True, "Give each ASV its abundance as a feature.")
    count_embedding_method: Literal["add", "concat", "film"] = option(
        "film", "How the abundance enters: added, concatenated, or scaling and shifting the ASV's vector."
    )
    num_soft_clades: int = option(
        512,
        "Learned groups of related sequences whose log abundance the sample's readout holds; 0 for none.",
        at_least=0,
    )
    gradient_checkpointing: bool | None = option(
        None,
        "Save memory by computing what the gradient needs a second time; costs a third to a half more time.",
        derived="on where the memory plan needs it",
    )
    asv_chunk_size: int | None = option(
        None,
        "Encode at most this many distinct ASVs at once; 0 for as many as suit the device.",
        at_least=0,
        derived="0, or 256 where the memory plan needs it",
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
    """Self-supervised objective: what is learned without labels."""

    encoder_type: EncoderType | None = option(
        None,
        "What the sample vector learns: distances between samples, Faith PD, taxonomy of the ASVs, or all of them.",
        derived="unifrac where there is a tree or given distances, else bray_curtis; nothing in fine-tuning",
    )
    unifrac_normalized: bool = option(True, "Normalise weighted UniFrac to lie in 0..1.")
    unifrac_alpha: float = option(0.5, "Weight of abundant lineages in generalised UniFrac.", at_least=0, at_most=1)
    penalty: float | None = option(
        None,
        "Weight of the encoder type's loss.",
        at_least=0,
        derived="1 in pre-training; in fine-tuning 1 if --encoder-type is given, else 0",
    )
    nuc_penalty: float | None = option(
        None, "Weight of the masked-nucleotide loss.", at_least=0, derived="1 in pre-training, 0 in fine-tuning"
    )
    count_penalty: float | None = option(
        None, "Weight of the loss of relative counts.", at_least=0, derived="1 in pre-training, 0 in fine-tuning"
    )
    nuc_mask_ratio: float = option(0.15, "Share of the bases that are masked.", at_least=0, below=1)
    nuc_mask_strategy: Literal["random", "span"] = option(
        "random", "Mask single bases, or runs of three to five neighbours."
    )
    count_mask_ratio: float = option(
        0.15, "Share of a sample's ASVs whose abundance is hidden and predicted.", above=0, at_most=1
    )


@dataclass(frozen=True, kw_only=True)
class RunOptions(Section):
    """Run: where the results go and what the run may use."""

    output_dir: Path = option(REQUIRED, "Run directory to make.")
    overwrite: bool = option(False, "Replace a finished run in the output directory.")
    seed: int = option(42, "Seed of everything random.", at_least=0, at_most=LARGEST_SEED)
    device: Literal["auto", "cpu", "cuda"] = option("auto", "Where to compute; 'auto' takes a GPU if there is one.")
    num_workers: int | None = option(
        None, "Processes that prepare batches.", at_least=0, derived="0 on a CPU, up to 4 with a GPU"
    )
    mixed_precision: Literal["none", "bf16", "fp16"] | None = option(
        None,
        "Precision of the model's arithmetic; the weights stay in full precision.",
        derived="bf16 on a GPU that has it, else none",
    )
    tf32: bool = option(False, "Let an NVIDIA GPU multiply 32-bit matrices with the precision of TF32.")
    compile_model: bool = option(
        False, "Compile the transformer layers with torch.compile: about a minute at the start, faster steps on a GPU."
    )
    resume_from: Path | None = option(None, "Run directory to continue, exactly where it stopped; --epochs may differ.")
    checkpoint_minutes: float = option(
        15.0,
        "Minutes after which the state of a run is saved in the middle of an epoch; it is saved at the start of each "
        "epoch anyway. 0 saves at no other time.",
        at_least=0,
    )
    progress: bool = option(True, "Show a progress bar.")

    def later_seed(self, steps: int) -> int:
        """The seed so many further on; after the largest comes 0."""
        return (self.seed + steps) % (LARGEST_SEED + 1)
