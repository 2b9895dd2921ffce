from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aam.config import AugmentationOptions, TableOptions
from aam.data.readers.strand import reverse_complement
from aam.data.readers.table import read_table
from aam.data.targets.kinds import NUMBERS
from aam.errors import ConfigError
from aam.models.folder.weights import load_model
from aam.training.plan.augmentation import augmentation_lines
from tests.factories import write_biom
from tests.program import Run, run_command
from tests.training.small_runs import prepare_small


def test_mixtures_have_the_same_levels(study: Path) -> None:
    prepared = prepare_small(study, augment="mixup=1", categorical_columns=["group"])
    assert prepared.inputs.covariates is not None
    level_N = prepared.inputs.covariates.category_NC[:, 0]
    data = prepared.data.train_dataset(prepared.split.train)
    partners = [data[0, position].partner for position in range(len(data))]
    pairs = [(row, one.row) for row, one in zip(prepared.split.train, partners, strict=True) if one is not None]
    assert len(pairs) > 20
    assert all(level_N[row] == level_N[other] for row, other in pairs)
    assert {other for _, other in pairs} <= set(prepared.split.train)


def test_mixtures_of_classes_have_shares_and_numbers_means(study: Path) -> None:
    numbers = prepare_small(study, augment="mixup=1")
    target_BT = next(iter(numbers.data.train_dataloader())).target_BT
    assert target_BT is not None
    assert target_BT.shape[1] == 1
    classes = prepare_small(study, augment="mixup=1", metadata_column="group", classifier=True)
    share_BC = next(iter(classes.data.train_dataloader())).target_BT
    assert share_BC is not None
    assert share_BC.is_floating_point()
    np.testing.assert_allclose(share_BC.sum(dim=1), 1, rtol=1e-6)
    assert ((share_BC > 0).sum(dim=1) == 2).any()
    held_out = next(iter(classes.data.val_dataloader())).target_BT
    assert held_out is not None
    assert not held_out.is_floating_point()


def test_cutmix_keeps_the_class(study: Path) -> None:
    classes = prepare_small(study, augment="cutmix=1", metadata_column="group", classifier=True)
    share_BC = next(iter(classes.data.train_dataloader())).target_BT
    assert share_BC is not None
    assert share_BC.max(dim=1).values.tolist() == pytest.approx([1] * len(share_BC))


def test_a_kind_that_cannot_be_mixed(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(NUMBERS), "mixed_as", None)
    with pytest.raises(ConfigError, match="--augment mixup: such targets cannot be mixed"):
        prepare_small(study, augment="mixup=0.5")
    assert prepare_small(study, augment="drop=0.5").data.augmentation is not None


def test_what_is_said_and_kept(train: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(augment="trim=0.8,mixup=.25") == 0
    line = (
        "training samples are augmented in every epoch: mixup 0.25 (share of the samples that are mixed with another)"
    )
    assert f"{line}, trim 0.8 (lowest share of the bases)" in capsys.readouterr().out
    _, description = load_model(tmp_path / "run" / "model")
    assert description.record["augmentation"] == "mixup=0.25, trim=0.8"
    assert augmentation_lines(AugmentationOptions()) == ()


def test_a_network_of_both_strands_takes_tables_of_either(train: Run, study: Path, tmp_path: Path) -> None:
    read = read_table(TableOptions(table=(study / "table.biom",)))
    turned = [reverse_complement(str(sequence)) for sequence in read.sequences]
    write_biom(tmp_path / "turned.biom", read.counts.toarray(), list(read.sample_ids), turned)
    codes = {}
    for augment in ("drop=0.1", "reverse-complement=0.5"):
        assert train("--overwrite", augment=augment) == 0
        options = {"model": tmp_path / "run", "table": tmp_path / "turned.biom", "output": tmp_path / "p.tsv"}
        codes[augment] = run_command("predict", small=False, **options)
    assert codes == {"drop=0.1": 2, "reverse-complement=0.5": 0}
