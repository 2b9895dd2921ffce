"""A network that reads earlier samples: it starts as one that does not, and reads nothing where there are none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from aam.data.batches.batch import Batch, make_batch
from aam.data.batches.sample import Sample
from aam.models.folder.description import ModelDescription, build_model
from aam.models.sequence_encoder import SelfSupervision
from aam.models.sequence_predictor import SequencePredictor
from tests.models.model_cases import (
    CLASSES,
    REGRESSION,
    all_weights_move,
    fresh_encoder,
    model_options,
    predictor_plan,
    study,
)

SAMPLES, TOKENS = study(8)
LENGTHS = (TOKENS > 0).sum(axis=1)


def longitudinal(last_gap: float = 3.0) -> list[Sample]:
    """Four samples: with two earlier ones, with none, with one, with one of another."""
    first, second, third, fourth = SAMPLES[:4]
    return [
        replace(first, earlier=((1.0, SAMPLES[4]), (last_gap, SAMPLES[5]))),
        second,
        replace(third, earlier=((0.5, SAMPLES[6]),)),
        replace(fourth, earlier=((2.0, SAMPLES[4]),)),
    ]


def batch_of(samples: list[Sample]) -> Batch:
    return make_batch(samples, TOKENS, LENGTHS)


def predictor(moved: bool = True) -> SequencePredictor:
    plan = replace(predictor_plan(REGRESSION), reads_earlier=True)
    model = SequencePredictor(fresh_encoder(), plan).eval()
    if moved:
        all_weights_move(model)
    return model


@torch.no_grad()
def predicted(model: SequencePredictor, samples: list[Sample]) -> torch.Tensor:
    return model.predict(model(batch_of(samples)))[:, 0]


def test_it_starts_as_the_network_without_them() -> None:
    model = predictor(moved=False)
    with torch.no_grad():
        read = model(batch_of(longitudinal())).reading
        alone = model(batch_of(SAMPLES[:4])).reading
    torch.testing.assert_close(read.vector_BD, alone.vector_BD)  # type: ignore[union-attr]


def test_only_samples_with_earlier_ones_change() -> None:
    model = predictor()
    change = predicted(model, longitudinal()) - predicted(model, SAMPLES[:4])
    assert (change.abs() > 1e-4).tolist() == [True, False, True, True]


def test_who_is_in_the_batch_does_not_matter() -> None:
    model, samples = predictor(), longitudinal()
    together = predicted(model, samples)
    alone = torch.cat([predicted(model, [sample]) for sample in samples])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


def test_time_and_reads_of_earlier_samples_are_read() -> None:
    model = predictor()
    own = predicted(model, longitudinal())
    later = predicted(model, longitudinal(last_gap=9.0))
    assert (later - own).abs()[0] > 1e-5
    torch.testing.assert_close(later[1:], own[1:])
    other = longitudinal()
    other[2] = replace(other[2], earlier=((0.5, SAMPLES[7]),))
    changed = (predicted(model, other) - own).abs() > 1e-5
    assert changed.tolist() == [False, False, True, False]


def test_gradients_reach_the_encoder_through_earlier_samples() -> None:
    model = predictor()
    batch = batch_of(longitudinal())
    vectors = torch.randn(len(batch.asvs_U), model.base.options.embedding_dim, requires_grad=True)
    encoded = model(batch, None, vectors)
    model.predict(encoded)[2].sum().backward()
    only_past = set(SAMPLES[6].asvs.tolist()) - set(SAMPLES[2].asvs.tolist())
    places = [place for place, asv in enumerate(batch.asvs_U.tolist()) if asv in only_past]
    assert vectors.grad is not None
    assert (vectors.grad[places].abs().sum(dim=1) > 0).all()
    others = set(range(len(batch.asvs_U))) - {
        place for place, asv in enumerate(batch.asvs_U.tolist()) if asv in {*SAMPLES[6].asvs, *SAMPLES[2].asvs}
    }
    assert (vectors.grad[sorted(others)] == 0).all()


@pytest.mark.parametrize("reads", [True, False])
def test_its_description_says_so(reads: bool) -> None:
    plan = replace(predictor_plan(CLASSES), reads_earlier=reads)
    data = {"trim_length": None, "rarefy_depth": None, "reverse_complement": "no", "max_bp": 17}
    data |= {"token_limit": 100, "asv_sampling": "abundance", "study_column": None}
    one = ModelDescription(options=model_options(), supervision=SelfSupervision(), predictor=plan, data=data, record={})
    model = build_model(ModelDescription.from_dict(one.to_dict()))
    assert isinstance(model, SequencePredictor)
    assert (model.earlier_fusion is not None) == reads
    content = one.to_dict()
    content["members"][0]["predictor"]["earlier"] = np.pi
    with pytest.raises(ValueError, match="neither true nor false"):
        ModelDescription.from_dict(content)
