from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import skbio

from aam.data.readers.table import read_raw_table
from benchmarks.load import make, soak
from benchmarks.load.__main__ import cells, keep
from benchmarks.load.child import Meter, held


def test_a_table_is_a_sound_one_whatever_its_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    total = make.write_table(tmp_path / "t.biom", samples=30, asvs=70, each=8)
    raw = read_raw_table(tmp_path / "t.biom")
    assert raw.counts.shape == (30, 70)
    assert np.diff(raw.counts.indptr).tolist() == [8] * 30
    assert raw.counts.data.sum() == total
    assert len(np.unique(raw.counts.indices)) == 70
    assert raw.asv_ids == list(make.sequences(70))
    monkeypatch.setattr(make, "COUNTS_AT_ONCE", 50)
    monkeypatch.setattr(make, "IDS_AT_ONCE", 7)
    make.write_table(tmp_path / "blocks.biom", samples=30, asvs=70, each=8)
    with h5py.File(tmp_path / "blocks.biom") as blocks:
        assert [name.decode() for name in blocks["sample/ids"][()]] == raw.sample_ids
        assert blocks["sample/matrix/data"].shape == (240,)


@pytest.mark.parametrize(("divide", "depth"), [(make.at_random, 30), (make.as_ladder, 99)])
def test_a_tree_has_its_shape(divide: make.Divide, depth: int, tmp_path: Path) -> None:
    make.write_tree(tmp_path / "t.nwk", make.tip_names(100), 100, divide)
    tree = skbio.TreeNode.read(str(tmp_path / "t.nwk"))
    assert [tip.name for tip in tree.tips()] == [f"t{number}" for number in range(100)]
    assert all(len(node.children) == 2 for node in tree.non_tips(include_self=True))
    deepest = max(len(tip.ancestors()) for tip in tree.tips())
    assert deepest == depth if divide is make.as_ladder else deepest <= depth


def test_distances_are_those_of_their_places(tmp_path: Path) -> None:
    places = make.write_distances(tmp_path / "d.npy", 9)
    np.testing.assert_array_equal(np.load(tmp_path / "d.npy"), np.abs(places[:, None] - places))
    assert len((tmp_path / "d.ids.txt").read_text().splitlines()) == 9


def test_a_meter_sees_what_a_block_takes() -> None:
    with Meter() as meter:
        total = np.ones(16_000_000).sum()
        kept = np.ones(8_000_000)
    row = meter.row("128 MB and then 64 MB", right=True, own=0.14)
    assert (total, kept.sum()) == (16_000_000, 8_000_000)
    assert 0.12 < row["peak"] < 0.14
    assert 0.06 < row["own"] < 0.14
    assert held(row)
    assert not held({**row, "limits": {"own": 0.01}})
    assert not held({**row, "right": False})


def test_results_of_a_case_replace_its_own_alone(tmp_path: Path) -> None:
    figures = {"seconds": 2.0, "processor": 1.0, "peak": 0.5, "own": 0.25}
    row = {"what": "a tree", **figures, "limits": {"own": 0.2}, "right": True, "note": ""}
    assert cells(row) == ("a tree", "2.0", "1.0", "0.50", "0.25", "0.2 GB own", "no", "")
    facts = {"date": "today"}
    for name, text in (("L4", "first"), ("L1", "other"), ("L4", "second")):
        keep(tmp_path / "load.json", name, {"conditions": facts, "rows": [{**row, "what": text}]})
    said = (tmp_path / "load.md").read_text()
    assert said.index("| L1 | other") < said.index("| L4 | second")
    assert "first" not in said


def looks(own: list[int], files: list[int]) -> list[soak.Look]:
    rest = {"part": 0, "threads": 2, "checkpoints": 2, "folder_bytes": 9}
    return [
        soak.Look(seconds=5.0 * number, own_bytes=own[number], files=files[number], epochs=number, **rest)
        for number in range(len(own))
    ]


def test_growth_is_judged_in_the_second_half() -> None:
    level = [10_000_000 * (1 + (number < 10)) for number in range(20)]
    assert soak.judge(looks(level, [5] * 20)) == []
    growing = [10_000_000 + 100_000 * number for number in range(20)]
    found = soak.judge(looks(growing, [5 + number // 4 for number in range(20)]))
    assert [problem.split(" grew")[0] for problem in found] == ["part 0: memory", "part 0: open files"]
