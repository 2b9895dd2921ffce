from __future__ import annotations

import numpy as np
import pytest
import torch

from aam.data.batches.batch import Batch, Sample, Truths, encoded_batch, make_batch
from aam.data.batches.corruption import Corruption, hide_abundances, mask_bases
from aam.data.batches.rank_batch import local_batch

NUM_ASVS, LENGTH = 30, 12
rng = np.random.default_rng(5)
TOKENS = rng.integers(1, 5, (NUM_ASVS, LENGTH)).astype(np.uint8)
LENGTHS = rng.integers(6, LENGTH + 1, NUM_ASVS)
TOKENS[np.arange(LENGTH) >= LENGTHS[:, None]] = 0


def whole_batch(num_samples: int) -> Batch:
    """Samples of many sizes that share ASVs, with something hidden, and all that is learned without labels."""
    draws = np.random.default_rng(num_samples)
    samples = []
    for row in range(num_samples):
        asvs = np.sort(draws.choice(NUM_ASVS, draws.integers(2, 15), replace=False))
        counts = draws.integers(1, 9, len(asvs))
        samples.append(Sample(100 + row, asvs, counts, asvs, counts))
    batch = make_batch(samples, TOKENS, LENGTHS)
    generator = torch.Generator().manual_seed(1)
    batch.corruption = Corruption(
        mask_bases(batch.tokens_UL, 0.3, "random", generator), hide_abundances(batch.mask_BS, 0.3, generator)
    )
    distances_BB = torch.arange(num_samples**2, dtype=torch.float32).reshape(num_samples, num_samples)
    taxonomy_U = torch.randint(-1, 4, (len(batch.asvs_U),), generator=generator)
    number_B = torch.arange(num_samples) + 0.5
    batch.truths = Truths(pairs={"distance": distances_BB}, samples={"own": number_B}, asvs={"taxonomy": taxonomy_U})
    batch.target_BT = torch.arange(num_samples)[:, None].float()
    return batch


def reads(batch: Batch, sample: int) -> list[tuple[int, float]]:
    """(ASV, reads) of a sample."""
    is_there = batch.mask_BS[sample]
    asvs = batch.asvs_U[batch.index_BS[sample][is_there]]
    return list(zip(asvs.tolist(), batch.counts_BS[sample][is_there].tolist(), strict=True))


def hidden_places(batch: Batch) -> list[tuple[int, int]]:
    """(row of the study, ASV) of the abundances that are hidden."""
    assert batch.corruption is not None
    assert batch.corruption.hidden_BS is not None
    sample, place = batch.corruption.hidden_BS.nonzero(as_tuple=True)
    return sorted(zip(batch.rows_B[sample].tolist(), batch.asvs_U[batch.index_BS[sample, place]].tolist(), strict=True))


def encoded_asvs(whole: Batch, batch: Batch) -> list[int]:
    """The ASVs whose sequences a share, or the whole batch, holds."""
    share = batch.share
    return whole.asvs_U.tolist() if share is None else whole.asvs_U[share.rank :: share.world_size].tolist()


def asked_bases(whole: Batch, batch: Batch) -> list[tuple[int, int]]:
    """(ASV, base) of the masked bases that the loss counts."""
    assert batch.corruption is not None
    assert batch.corruption.masked_M is not None
    width = batch.tokens_UL.shape[1]
    places = batch.corruption.masked_M
    asvs = encoded_asvs(whole, batch)
    return [(asvs[place // width], place % width) for place in places.tolist()]


@pytest.mark.parametrize(("num_samples", "processes"), [(8, 2), (9, 2), (7, 3), (5, 5)])
def test_the_shares_of_all_processes_are_the_whole_batch(num_samples: int, processes: int) -> None:
    batch = whole_batch(num_samples)
    shares = [local_batch(batch, rank, processes) for rank in range(processes)]
    assert sorted(row for share in shares for row in share.rows_B.tolist()) == sorted(batch.rows_B.tolist())
    assert sorted(place for share in shares for place in hidden_places(share)) == hidden_places(batch)
    assert sorted(place for share in shares for place in asked_bases(batch, share)) == sorted(asked_bases(batch, batch))
    assert sorted(asv for share in shares for asv in encoded_asvs(batch, share)) == sorted(batch.asvs_U.tolist())
    for counted in ("samples", "bases", "abundances", "asvs"):
        assert sum(share.share.of(counted, "taxonomy") for share in shares if share.share) == pytest.approx(1)  # type: ignore[arg-type]


def test_a_share_hides_what_the_whole_batch_hides() -> None:
    batch = whole_batch(9)
    for rank in range(3):
        share = local_batch(batch, rank, 3)
        assert share.rows_B.tolist() == [100 + rank, 103 + rank, 106 + rank]
        assert share.target_BT is not None
        assert share.target_BT.flatten().tolist() == [rank, 3.0 + rank, 6.0 + rank]
        for own, place in enumerate(range(rank, 9, 3)):
            asvs, global_asvs = (
                some.asvs_U[some.index_BS[row][some.mask_BS[row]]].tolist()
                for some, row in ((share, own), (batch, place))
            )
            assert asvs == global_asvs
            assert (
                share.counts_BS[own][share.mask_BS[own]].tolist()
                == batch.counts_BS[place][batch.mask_BS[place]].tolist()
            )
        assert share.layout.lengths == batch.layout.lengths[rank::3]
        assert share.tokens_UL.shape[1] == max(share.bases)
        assert torch.equal(share.truths.pairs["distance"], batch.truths.pairs["distance"][rank::3])
        assert share.truths.samples["own"].tolist() == [rank + 0.5, rank + 3.5, rank + 6.5]
        assert share.global_index_U is not None
        assert torch.equal(batch.asvs_U[share.global_index_U], share.asvs_U)
        places = {asv: place for place, asv in enumerate(batch.asvs_U.tolist())}
        assert share.corruption is not None
        assert batch.corruption is not None
        for own, asv in enumerate(encoded_asvs(batch, share)):
            masked = batch.corruption.masked_UL[places[asv], : share.tokens_UL.shape[1]]  # type: ignore[index]
            assert torch.equal(share.corruption.masked_UL[own], masked)  # type: ignore[index]
            assert torch.equal(share.tokens_UL[own], batch.tokens_UL[places[asv], : share.tokens_UL.shape[1]])


def test_a_process_without_asvs_encodes_a_dummy() -> None:
    samples = [Sample(row, *(np.array([3, 7]), np.array([2, 1])) * 2) for row in range(4)]
    batch = make_batch(samples, TOKENS, LENGTHS)
    batch.corruption = Corruption(torch.ones_like(batch.tokens_UL, dtype=torch.bool))
    shares = [local_batch(batch, rank, 4) for rank in range(4)]
    assert [len(share.tokens_UL) for share in shares] == [1, 1, 1, 1]
    assert [share.share.bases > 0 for share in shares if share.share] == [True, True, False, False]
    assert shares[3].asvs_U.tolist() == batch.asvs_U.tolist()


def test_an_asv_of_several_processes_has_its_taxon_in_one() -> None:
    batch = whole_batch(6)
    known = [
        asv
        for rank in range(2)
        for share in [local_batch(batch, rank, 2)]
        for asv, taxon in zip(share.asvs_U.tolist(), share.truths.asvs["taxonomy"].tolist(), strict=True)
        if taxon >= 0
    ]
    assert sorted(known) == sorted(batch.asvs_U[batch.truths.asvs["taxonomy"] >= 0].tolist())


def test_distances_that_are_of_the_own_samples_already_stay() -> None:
    batch = whole_batch(7)
    own = batch.truths.pairs["distance"][1::2]
    batch.truths = Truths(pairs={"distance": own})
    share = local_batch(batch, 1, 2)
    assert torch.equal(share.truths.pairs["distance"], own)


def test_samples_whose_vectors_are_known() -> None:
    vectors_BD = torch.arange(10.0).reshape(5, 2)
    share = local_batch(encoded_batch(torch.arange(5), vector_BD=vectors_BD), 1, 2)
    assert share.rows_B.tolist() == [1, 3]
    assert share.vector_BD is not None
    assert torch.equal(share.vector_BD, vectors_BD[[1, 3]])
    assert share.share is not None
    assert share.share.samples == pytest.approx(0.4)
