from __future__ import annotations

import torch

from aam.config import ModelOptions
from aam.models.sequence_encoder import SelfSupervision, SequenceEncoder
from benchmarks.step import ASVS, DISTINCT, SAMPLES, make_step_batch


def test_the_plain_way_gives_the_same_numbers() -> None:
    torch.manual_seed(0)
    options = ModelOptions(embedding_dim=16, attention_heads=2, attention_layers=1, num_soft_clades=8)
    model = SequenceEncoder(options, SelfSupervision(encoder_type="unifrac")).eval()
    plain, distinct = make_step_batch("plain"), make_step_batch("distinct")
    assert len(plain.tokens_UL) == SAMPLES * ASVS > DISTINCT >= len(distinct.tokens_UL)
    (head,) = model.task_heads()
    with torch.no_grad():
        compared = [head.compare(model(batch), batch).prediction for batch in (plain, distinct)]
    torch.testing.assert_close(*compared, rtol=1e-5, atol=1e-5)
