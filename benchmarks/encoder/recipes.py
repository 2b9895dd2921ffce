"""How encoders are pre-trained: the settings that are compared, each a change of the first, and what runs them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aam
from aam.files.atomic import write_text
from benchmarks.encoder.dna_tree import newick_of
from benchmarks.encoder.studies import BASES, read_tables, tables_of

EPOCHS = 1
"""Epochs over the pool in a comparison: some 200 steps of 32 samples."""
BASE: dict[str, Any] = {
    "embedding_dim": 64,
    "attention_layers": 1,
    "nucleotide_patch": 10,
    "num_soft_clades": 256,
    "rarefy_depth": 1000,
    "batch_size": 32,
    "validation_size": 0.05,
    "encoder_type": "bray_curtis",
}
RECIPES: dict[str, dict[str, Any]] = {
    "bray_curtis": {},
    "unifrac": {"encoder_type": "unifrac"},
    "weighted_unifrac": {"encoder_type": "weighted_unifrac"},
    "aitchison": {"encoder_type": "aitchison"},
    "jaccard": {"encoder_type": "jaccard"},
    "nucleotides": {"encoder_type": None, "penalty": 0, "count_penalty": 0},
    "counts": {"encoder_type": None, "penalty": 0, "nuc_penalty": 0},
    "counts, patch 5": {"encoder_type": None, "penalty": 0, "nuc_penalty": 0, "nucleotide_patch": 5},
    "counts, width 128": {"encoder_type": None, "penalty": 0, "nuc_penalty": 0, "embedding_dim": 128},
    "counts, 2 layers": {"encoder_type": None, "penalty": 0, "nuc_penalty": 0, "attention_layers": 2},
    "counts, half masked": {"encoder_type": None, "penalty": 0, "nuc_penalty": 0, "count_mask_ratio": 0.5},
    "nucleotides, counts": {"encoder_type": None, "penalty": 0},
    "unifrac alone": {"encoder_type": "unifrac", "nuc_penalty": 0, "count_penalty": 0},
    "unifrac, patch 5": {"encoder_type": "unifrac", "nucleotide_patch": 5},
    "unifrac, width 128": {"encoder_type": "unifrac", "embedding_dim": 128},
    "unifrac, 2 layers": {"encoder_type": "unifrac", "attention_layers": 2},
    "unifrac, 4 layers of ASVs": {"encoder_type": "unifrac", "asv_layers": 4},
    "unifrac, depth 5,000": {"encoder_type": "unifrac", "rarefy_depth": 5000},
}
"""Options of `aam pretrain` by the name of the recipe; they change those of ``BASE``."""


def name_of(recipe: str, epochs: int) -> str:
    """How an encoder is named in tables."""
    return f"{recipe}, {epochs} epochs" if epochs > EPOCHS else recipe


def run_folder(work: Path, name: str) -> Path:
    """Folder of the run of an encoder on the pool without the studies that it is judged on."""
    return work / "runs" / "".join(letter if letter.isalnum() else "-" for letter in name)


def needs_tree(recipe: str) -> bool:
    """Whether the recipe learns a distance on a tree."""
    options = BASE | RECIPES[recipe]
    return "unifrac" in (options["encoder_type"] or "")


def pretrained(recipe: str, studies: Sequence[str], data: Path, folder: Path, **changes: Any) -> Path:
    """The run that pre-trains an encoder on studies; one that is finished is not repeated.

    Parameters
    ----------
    recipe
        Name of the recipe.
    studies
        Names of the studies. Their metadata are never read.
    data
        Folder of the studies.
    folder
        The run's folder; the tree lies beside it.
    changes
        Further options, such as the number of epochs.
    """
    if (folder / "model" / "model.safetensors").is_file():
        return folder
    options = {"epochs": EPOCHS, "seed": 42} | BASE | RECIPES[recipe] | changes
    if needs_tree(recipe):
        name = hashlib.sha256(" ".join(studies).encode()).hexdigest()[:8]
        options["tree"] = tree_of(studies, data, folder.parent / f"tree_{name}.nwk")
    aam.pretrain(
        table=tables_of(studies, data),
        trim_length=BASES,
        cache=False,
        progress=False,
        device="cpu",
        overwrite=True,
        output_dir=folder,
        **{name: value for name, value in options.items() if value is not None},
    )
    return folder


def tree_of(studies: Sequence[str], data: Path, path: Path) -> Path:
    """The file of a tree of all sequences of studies, made from their DNA where it is not there."""
    if not path.is_file():
        study = read_tables(studies, data)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, newick_of(study.tokens, study.table.sequences.tolist()))
    return path
