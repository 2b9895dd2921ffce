from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from aam.models import vector_cache as sample_store
from aam.models.vector_cache import SampleParts, in_memory, on_disk


def batches() -> Iterator[SampleParts]:
    """Three batches of different sizes, with parts of several types and widths."""
    generator = torch.Generator().manual_seed(0)
    for first, size in ((0, 4), (4, 1), (5, 6)):
        yield {
            "rows_B": torch.arange(first, first + size),
            "vector_BD": torch.randn(size, 3, generator=generator),
            "category_BC": torch.randint(0, 9, (size, 2), generator=generator),
            "target_BT": torch.randn(1, size, generator=generator).T,
        }


def test_samples_on_disk_are_those_in_memory_to_the_bit(tmp_path: Path) -> None:
    held, mapped = in_memory(batches()), on_disk(batches(), tmp_path)
    assert held["rows_B"].tolist() == list(range(11))
    assert list(mapped) == list(held)
    for name, part in held.items():
        assert mapped[name].dtype == part.dtype
        assert torch.equal(mapped[name], part), name
        assert torch.equal(mapped[name][torch.tensor([9, 0, 3])], part[torch.tensor([9, 0, 3])])


def test_nothing_is_left_in_the_folder(tmp_path: Path) -> None:
    mapped = on_disk(batches(), tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert mapped["rows_B"][-1] == 10


def test_a_folder_that_takes_nothing_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        on_disk(batches(), tmp_path / "absent")


def test_a_disk_that_is_full_is_an_error_of_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample_store.tempfile, "TemporaryFile", lambda dir: Path("/dev/full").open("w+b"))  # noqa: SIM115
    with pytest.raises(OSError, match="No space left on device"):
        on_disk(batches(), tmp_path)
