from __future__ import annotations

from pathlib import Path

import pytest

from aam.config import SplitOptions
from aam.data.study.split import check_lists, read_lists
from aam.errors import InputError


def options(folder: Path, **lists: str) -> SplitOptions:
    paths = {}
    for name, content in lists.items():
        paths[f"{name}_samples"] = folder / f"{name}.txt"
        paths[f"{name}_samples"].write_text(content)
    return SplitOptions(**paths)  # type: ignore[arg-type]


def test_lists_in_the_order_of_the_parts(tmp_path: Path) -> None:
    lists = read_lists(options(tmp_path, val="s2\n", test="s3\n", train="s1\n\n s4 \n"))
    assert [(path.stem, ids) for path, ids in lists] == [("train", ["s1", "s4"]), ("val", ["s2"]), ("test", ["s3"])]
    check_lists(lists, {"s1", "s2", "s3", "s4"})
    assert read_lists(SplitOptions()) == []


def test_each_list_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_lists(options(tmp_path, train="s1\ns1\n", val="s2\n", test=""))
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["train.txt", "test.txt"]


def test_everything_that_is_wrong_with_the_samples(tmp_path: Path) -> None:
    lists = read_lists(options(tmp_path, train="s1\nx\ny\n", val="s1\ns2\nz\n"))
    with pytest.raises(InputError) as caught:
        check_lists(lists, {"s1", "s2"})
    assert caught.value.problems == (
        "train.txt: 2 of 3 samples not in the table (first: x); take them out of the list",
        "val.txt: 1 sample also in train.txt (first: s1); each may be in one part",
        "val.txt: 1 of 3 samples not in the table (first: z); take them out of the list",
    )
