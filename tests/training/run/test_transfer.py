"""What is taken over from an encoder of another study, and what is refused or told of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from aam.alphabet import PAD
from aam.config import TrainConfig
from aam.config.option import from_flat
from aam.errors import ConfigError
from aam.models.folder.description import ModelDescription
from aam.models.folder.weights import save_model
from aam.models.sequence_encoder import SelfSupervision, SequenceEncoder
from aam.training.run.transfer import (
    Pretrained,
    adopt_sizes,
    preprocessing_notes,
    read_encoder,
    sampling_notes,
    transfer,
)
from tests.models.model_cases import REGRESSION, fresh_encoder, fresh_predictor, model_options, tokens

DATA = {"trim_length": None, "max_bp": 150, "rarefy_depth": 1000, "token_limit": 1024, "asv_sampling": "abundance"}
PRETRAINING = SelfSupervision(encoder_type="unifrac", nucleotides=True, counts=True)


def pretrained(folder: Path, supervision: SelfSupervision = PRETRAINING, **changes: Any) -> Pretrained:
    """An encoder as a pre-training run leaves it, read back from the disk."""
    encoder = fresh_encoder(supervision, seed=3, **changes)
    description = ModelDescription(
        options=encoder.options, supervision=supervision, predictor=None, data=DATA, record={}
    )
    save_model(folder, encoder.state_dict(), description)
    return read_encoder(folder)


def config(**options: Any) -> TrainConfig:
    given = {"table": ["t.biom"], "metadata": "m.tsv", "metadata_column": "age", "output_dir": "run"}
    return from_flat(TrainConfig, {**given, "learners": "network", "pretrained_encoder": "encoder", **options})


SMALL: dict[str, Any] = {"nucleotide_patch": 3, "count_embedding_method": "add", "asv_layers": 2, "sample_layers": 0}


def test_sizes_that_are_not_asked_for_are_the_encoders(tmp_path: Path) -> None:
    found = pretrained(tmp_path, **SMALL)
    model = adopt_sizes(config(dropout=0.3), found).model
    assert model.layers == (2, 0, 1)
    assert (model.embedding_dim, model.nucleotide_patch, model.count_embedding_method) == (16, 3, "add")
    assert model.dropout == 0.3, "what is no part of the weights is chosen anew"
    fresh = SequenceEncoder(model, PRETRAINING)
    loaded, lines = transfer(fresh, found)
    assert loaded == set(fresh.state_dict())
    assert all(torch.equal(tensor, found.state[name]) for name, tensor in fresh.state_dict().items())
    assert lines[1].startswith("using the encoder's layer sizes: --embedding-dim 16, --attention-heads 2")
    assert "--asv-layers 2, --sample-layers 0, --nucleotide-patch 3" in lines[1]
    assert adopt_sizes(config(embedding_dim=16, attention_heads=2, **SMALL), found).model.layers == (2, 0, 1)


@pytest.mark.parametrize(
    ("asked", "wanted", "has"),
    [
        ({"embedding_dim": 24}, "--embedding-dim 24", "--embedding-dim 16"),
        ({"attention_heads": 8}, "--attention-heads 8", "--attention-heads 2"),
        ({"attention_layers": 3}, "--attention-layers 3", "--attention-layers 1"),
        ({"asv_layers": 1}, "--asv-layers 1", "--asv-layers 2"),
        ({"sample_layers": 1}, "--sample-layers 1", "--sample-layers 0"),
        ({"nucleotide_patch": 1}, "--nucleotide-patch 1", "--nucleotide-patch 3"),
        ({"count_embedding": False}, "--no-count-embedding", "--count-embedding"),
        ({"count_embedding_method": "concat"}, "--count-embedding-method concat", "--count-embedding-method add"),
        ({"num_soft_clades": 7}, "--num-soft-clades 7", "--num-soft-clades 20"),
    ],
)
def test_a_size_that_the_encoder_has_not(tmp_path: Path, asked: dict[str, Any], wanted: str, has: str) -> None:
    found = pretrained(tmp_path, **SMALL)
    with pytest.raises(ConfigError) as caught:
        adopt_sizes(config(**asked), found)
    expected = f"{wanted}, but the encoder of {tmp_path} has {has}: leave the option out, or pre-train another encoder"
    assert str(caught.value) == expected


def test_all_sizes_that_differ_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        adopt_sizes(config(embedding_dim=64, nucleotide_patch=1), pretrained(tmp_path))
    assert str(caught.value) == (
        f"--embedding-dim 64, --nucleotide-patch 1, but the encoder of {tmp_path} has --embedding-dim 16, "
        "--nucleotide-patch 5: leave the options out, or pre-train another encoder"
    )


def test_the_encoder_inside_a_fine_tuned_model(tmp_path: Path) -> None:
    predictor = fresh_predictor(REGRESSION)
    supervision = predictor.base.supervision
    description = ModelDescription(
        options=predictor.base.options, supervision=supervision, predictor=predictor.plan, data=DATA, record={}
    )
    save_model(tmp_path, predictor.state_dict(), description)
    found = read_encoder(tmp_path)
    assert found.state.keys() == predictor.base.state_dict().keys()
    adopt_sizes(config(), found)


def test_an_encoder_works_with_longer_sequences_than_it_saw(tmp_path: Path) -> None:
    """Places are computed: a table of places would end with the longest sequence of pre-training."""
    found = pretrained(tmp_path)
    encoder = SequenceEncoder(model_options(), PRETRAINING).eval()
    transfer(encoder, found)
    long = torch.from_numpy(tokens(num_asvs=4, longest=400))
    cut = long.clone()
    cut[:, 100:] = PAD
    with torch.no_grad():
        whole_UD, cut_UD = encoder.asv_encoder(long).asv_UD, encoder.asv_encoder(cut).asv_UD
    assert torch.isfinite(whole_UD).all()
    assert not torch.allclose(whole_UD[0], cut_UD[0]), "what lies beyond counts"


def test_other_treatment_of_the_sequences_is_told(tmp_path: Path) -> None:
    found = pretrained(tmp_path)
    assert preprocessing_notes(config(max_bp=150), found) == []
    assert preprocessing_notes(config(max_bp=100), found) == [], "shorter ones hold no place that is new"
    longer, trimmed = preprocessing_notes(config(max_bp=251), found), preprocessing_notes(config(trim_length=90), found)
    assert longer == [
        "the encoder saw at most 150 bases of a sequence, this run has up to 251: the last 101 are new to it "
        "(--trim-length 150 leaves them out)"
    ]
    assert trimmed == ["the encoder was trained with --trim-length none, this run has 90"]
    assert preprocessing_notes(config(reverse_complement="no"), found) == []
    assert preprocessing_notes(config(reverse_complement="yes"), found) == [
        "the encoder was trained with --reverse-complement no, this run has yes"
    ]


def test_other_sampling_is_told(tmp_path: Path) -> None:
    found = pretrained(tmp_path)
    assert sampling_notes(config(rarefy_depth=1000), found) == []
    assert sampling_notes(config(rarefy_depth="none", token_limit=512), found) == [
        "the encoder was trained with --rarefy-depth 1000, --token-limit 1024; "
        "this run has --rarefy-depth none, --token-limit 512"
    ]


def test_kept_nucleotides_need_an_encoder_that_knows_them(tmp_path: Path) -> None:
    without = pretrained(tmp_path, SelfSupervision(encoder_type="unifrac"))
    with pytest.raises(ConfigError, match="was trained without nucleotides"):
        adopt_sizes(config(skip_nuc_predictions=False), without)
    adopt_sizes(config(skip_nuc_predictions=False, nuc_penalty=1), without)
    adopt_sizes(config(), without)
    adopt_sizes(config(skip_nuc_predictions=False), pretrained(tmp_path))
