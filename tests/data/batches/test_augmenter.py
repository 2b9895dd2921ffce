from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from aam.alphabet import decode
from aam.config import AugmentationOptions, SamplingOptions
from aam.data.augmentation import Drawn
from aam.data.batches.augmenter import Augmenter, ChangedSequences, together, whole_reads
from aam.data.batches.batch import Batch
from aam.data.batches.dataset import Collate, SampleDataset
from aam.data.batches.loaders import LoaderOptions, StudyDataModule, TrainingChanges
from aam.data.batches.mixture import Mixture
from aam.data.batches.truths import DrawnSamples, Truth
from aam.data.distances.dissimilarity import bray_curtis
from aam.data.study.covariates import Covariates
from aam.data.study.split import Split
from aam.data.study.study import Study, load_study
from tests.data.study_files import make_study, random_counts, write_study

COUNTS = random_counts(20, 40)
SPLIT = Split(np.arange(14), np.arange(14, 20), np.arange(0))
EVERYTHING = (
    *("cutmix=0.3", "mixup=0.3", "phylomix=0.3", "contaminate=0.2", "drop=0.3", "depth=0.3"),
    *("sequencing-errors=0.02", "trim=0.7", "reverse-complement=0.5"),
)


def drawn_distances(drawn: DrawnSamples) -> np.ndarray:
    return bray_curtis(drawn.counts_BA)


def augmenter_of(study: Study, *augment: str, seed: int = 7, **more: Any) -> Augmenter:
    found = Augmenter.of(AugmentationOptions(augment=augment), study, SPLIT.train, seed, **more)
    assert found is not None
    return found


def module(*augment: str, workers: int = 0, num_classes: int = 0, study: Study | None = None) -> StudyDataModule:
    study = study or make_study(COUNTS, rarefy_depth=150)
    target = np.arange(20).reshape(-1, 1)
    target = target % num_classes if num_classes else np.sqrt(target).astype(np.float32)
    collate = Collate.of(study, (Truth("distance", "pairs", drawn_distances),), target)
    options = LoaderOptions(batch_size=4, num_workers=workers, seed=7)
    changes = None
    if augment:
        augmenter = augmenter_of(study, *augment, class_N=target[:, 0] if num_classes else None)
        sequences = ChangedSequences.of(augmenter, list(map(str, study.table.sequences)))
        changes = TrainingChanges(augmenter, Mixture(num_classes), sequences)
    return StudyDataModule(study, SPLIT, collate, SamplingOptions(token_limit=12), options, changes)


def plain(batch: Batch) -> dict[str, Any]:
    found = {name: value.tolist() for name, value in vars(batch).items() if isinstance(value, torch.Tensor)}
    return found | {"truths": batch.truths.pairs["distance"].tolist(), "bases": batch.bases}


def by_sample(study: Study, epoch: int, augmenter: Augmenter) -> dict[str, Any]:
    data = SampleDataset(study, np.arange(len(study)), SamplingOptions(), 7, augmenter)
    found = {}
    for row in SPLIT.train:
        sample = data[epoch, int(row)]
        partner = sample.partner
        other = None if partner is None else (study.sample_ids[partner.row], partner.share)
        reads = dict(zip(study.table.sequences[sample.asvs], sample.counts.tolist(), strict=True))
        found[study.sample_ids[row]] = (reads, other, sample.sequences)
    return found


def test_workers_give_the_same_augmented_batches() -> None:
    alone, together_ = module(*EVERYTHING).train_dataloader(), module(*EVERYTHING, workers=2).train_dataloader()
    for epoch in range(2):
        alone.batch_sampler.set_epoch(epoch)
        together_.batch_sampler.set_epoch(epoch)
        assert [plain(batch) for batch in together_] == [plain(batch) for batch in alone]


def test_a_sample_is_changed_alike_in_any_company_and_order() -> None:
    study = make_study(COUNTS, rarefy_depth=150)
    permuted = np.concatenate([np.random.default_rng(0).permutation(14), np.arange(14, 20)])
    shuffled = study.take(permuted)
    own, other = augmenter_of(study, *EVERYTHING), augmenter_of(shuffled, *EVERYTHING)
    first = by_sample(study, 3, own)
    assert by_sample(shuffled, 3, other) == first
    assert by_sample(study, 4, own) != first
    assert by_sample(study, 3, augmenter_of(study, *EVERYTHING, seed=8)) != first


def test_one_augmentation_leaves_another_as_it_is() -> None:
    study = make_study(COUNTS, rarefy_depth=150)
    alone, beside = augmenter_of(study, "mixup=0.6"), augmenter_of(study, "mixup=0.6", "trim=0.5")
    for sample_id, (reads, other, _) in by_sample(study, 1, alone).items():
        assert by_sample(study, 1, beside)[sample_id][:2] == (reads, other)


def test_partners_are_of_the_training_part_and_the_same_class() -> None:
    study = make_study(COUNTS, rarefy_depth=150)
    class_N = np.arange(20) % 3
    augmenter = augmenter_of(study, "cutmix=1", class_N=class_N)
    data = SampleDataset(study, SPLIT.train, SamplingOptions(), 7, augmenter)
    pairs = [(row, data[epoch, row].partner) for epoch in range(20) for row in range(14)]
    others = {partner.row for _, partner in pairs if partner is not None}
    assert others == set(range(14))
    assert all(partner is not None and partner.row != row for row, partner in pairs)
    assert all(partner is None or class_N[partner.row] == class_N[row] for row, partner in pairs)


def test_samples_of_other_levels_are_never_mixed() -> None:
    study = make_study(COUNTS, rarefy_depth=150)
    alike_N = np.array([0] * 13 + [1] * 7)  # the last training sample is alone
    augmenter = augmenter_of(study, "mixup=1", alike_N=alike_N)
    data = SampleDataset(study, SPLIT.train, SamplingOptions(), 7, augmenter)
    assert data[0, 13].partner is None
    assert all(data[0, row].partner is not None for row in range(13))


def test_shares_of_samples_are_those_of_the_strengths() -> None:
    study = make_study(COUNTS, rarefy_depth=150)
    data = SampleDataset(study, SPLIT.train, SamplingOptions(), 7, augmenter_of(study, "mixup=0.2", "phylomix=0.5"))
    mixed = [data[epoch, row].partner is not None for epoch in range(60) for row in range(14)]
    assert np.mean(mixed) == pytest.approx(0.7, abs=0.05)


def test_a_mixture_has_the_reads_of_the_first_and_the_mean() -> None:
    """Composition and target of a mixup, by hand."""
    study = make_study(COUNTS, rarefy_depth=150)
    plain_data = SampleDataset(study, SPLIT.train, SamplingOptions(), 7)
    data = module("mixup=1", study=study)
    samples = [data.train_dataset(SPLIT.train)[2, row] for row in range(14)]
    batch = data.train_collate()(samples)
    for row, sample in enumerate(samples):
        assert sample.partner is not None
        other, share = sample.partner
        first, second = plain_data[2, row], plain_data[2, other]
        dense = np.zeros((3, 40))
        for place, one in enumerate((first, second, sample)):
            dense[place, one.all_asvs] = one.all_counts
        assert dense[2].sum() == dense[0].sum()
        expected = (share * dense[0] / dense[0].sum() + (1 - share) * dense[1] / dense[1].sum()) * dense[0].sum()
        assert np.abs(dense[2] - expected).max() < 1
        assert batch.target_BT is not None
        assert float(batch.target_BT[row, 0]) == pytest.approx(share * row**0.5 + (1 - share) * other**0.5, abs=1e-5)


def test_classes_become_shares_of_both() -> None:
    data = module("mixup=0.5", num_classes=3)
    samples = [data.train_dataset(SPLIT.train)[0, row] for row in range(14)]
    target = data.train_collate()(samples).target_BT
    assert target is not None
    expected = np.zeros((14, 3))
    for row, sample in enumerate(samples):
        other, share = (row, 1.0) if sample.partner is None else sample.partner
        expected[row, row % 3] += share
        expected[row, other % 3] += 1 - share
    np.testing.assert_allclose(target.numpy(), expected, atol=1e-6)
    assert {sample.partner is None for sample in samples} == {True, False}


def test_distances_are_of_the_augmented_counts() -> None:
    data = module("mixup=0.5", "depth=0.2")
    samples = [data.train_dataset(SPLIT.train)[0, row] for row in range(6)]
    counts = np.zeros((6, 40))
    for row, sample in enumerate(samples):
        counts[row, sample.all_asvs] = sample.all_counts
    batch = data.train_collate()(samples)
    for one in range(6):
        for other in range(6):
            expected = np.abs(counts[one] - counts[other]).sum() / (counts[one] + counts[other]).sum()
            assert float(batch.truths.pairs["distance"][one, other]) == pytest.approx(expected, abs=1e-6)


def test_held_out_samples_stay_as_they_are() -> None:
    augmented, usual = module(*EVERYTHING), module()
    for found, expected in zip(augmented.val_dataloader(), usual.val_dataloader(), strict=True):
        assert plain(found) == plain(expected)
    for found, expected in zip(augmented.fixed_loader(SPLIT.train), usual.fixed_loader(SPLIT.train), strict=True):
        assert plain(found) == plain(expected)


def test_each_changed_asv_is_there_once() -> None:
    """Every place of a sample has its ASV, read as the sample's number says."""
    data = module("reverse-complement=0.5", "trim=0.6")
    samples = [data.train_dataset(SPLIT.train)[1, row] for row in range(14)]
    batch = data.train_collate()(samples)
    texts = list(map(decode, batch.tokens_UL.numpy()))
    assert list(map(len, texts)) == list(batch.bases) == sorted(batch.bases)
    complement = str.maketrans("ACGT", "TGCA")
    keys = set()
    for row, sample in enumerate(samples):
        share, is_turned = sample.sequences
        for place, asv in enumerate(sample.asvs):
            whole = data.study.table.sequences[asv]
            kept = whole[: max(1, round(share * len(whole)))]
            index = int(batch.index_BS[row, place])
            assert texts[index] == (kept.translate(complement)[::-1] if is_turned else kept)
            assert int(batch.asvs_U[index]) == asv
            keys.add((int(asv), sample.sequences))
    assert len(batch.asvs_U) == len(keys)


def test_errors_are_shared_by_the_samples_of_an_epoch() -> None:
    data = module("sequencing-errors=0.1")
    samples = [data.train_dataset(SPLIT.train)[1, row] for row in range(14)]
    batch = data.train_collate()(samples)
    assert len(np.unique(batch.asvs_U.numpy())) == len(batch.asvs_U)
    assert list(map(decode, batch.tokens_UL.numpy())) != list(data.study.table.sequences[batch.asvs_U.numpy()])


def test_means_of_weights_and_numbers_and_equal_levels() -> None:
    data = module("mixup=1")
    number, category = np.arange(40, dtype=np.float32).reshape(20, 2), np.ones((20, 1), dtype=np.int64)
    weight = np.arange(20, dtype=np.float32)
    covariates = Covariates(category_NC=category, number_NM=number)
    collate = dataclasses.replace(data.train_collate(), covariates=covariates, weight_N=weight)
    samples = [data.train_dataset(SPLIT.train)[0, row] for row in range(4)]
    batch = collate(samples)
    for row, sample in enumerate(samples):
        assert sample.partner is not None
        other, share = sample.partner
        assert batch.number_BM is not None
        assert batch.weight_B is not None
        np.testing.assert_allclose(batch.number_BM[row], share * number[row] + (1 - share) * number[other], rtol=1e-5)
        assert float(batch.weight_B[row]) == pytest.approx(share * row + (1 - share) * other, abs=1e-5)
    assert batch.category_BC is not None
    assert batch.category_BC.dtype == torch.int64


def test_what_one_of_two_samples_lacks_is_missing_from_both() -> None:
    values = np.array([[1.0, np.nan], [3.0, 5.0]], dtype=np.float32)
    both, share = np.array([[0, 0], [1, 0]]), np.array([0.5, 1.0], dtype=np.float32)
    found = Mixture().targets(values, both, share)
    np.testing.assert_array_equal(found, [[2.0, np.nan], [1.0, np.nan]])
    alone = Mixture().targets(values, np.array([[1], [0]]), np.array([1.0], dtype=np.float32))
    np.testing.assert_array_equal(alone, [[3.0, 5.0]])


def test_whole_reads_have_the_total_and_the_mean() -> None:
    abundance = np.array([0.5, 0.25, 0.149, 0.1, 0.001])
    found = np.array([whole_reads(abundance, 33, np.random.default_rng(seed)) for seed in range(3000)])
    assert (found.sum(axis=1) == 33).all()
    assert (np.abs(found - 33 * abundance) < 1).all()
    np.testing.assert_allclose(found.mean(axis=0), 33 * abundance, atol=0.04)


def test_samples_side_by_side() -> None:
    asvs, reads = together(Drawn(np.array([1, 5]), np.array([3, 4])), Drawn(np.array([0, 5]), np.array([7, 8])))
    assert asvs.tolist() == [0, 1, 5]
    assert reads.tolist() == [[0, 3, 4], [7, 0, 8]]


def test_the_tree_of_the_study_gives_the_clades(tmp_path: Path) -> None:
    files = write_study(tmp_path)
    study = load_study(files.table(), files.study(), SamplingOptions(rarefy_depth=50), None)
    augmenter = Augmenter.of(AugmentationOptions(augment=("phylomix=1",)), study, np.arange(len(study)), 1)
    assert augmenter is not None
    assert augmenter.outline is not None
    assert study.phylogeny is not None
    assert augmenter.outline.tip_A is study.phylogeny.tip_A
