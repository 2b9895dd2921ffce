from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pytest

from aam.config.json_dataclass import need, read_plain


@dataclass(frozen=True)
class Facts:
    name: str
    kind: Literal["a", "b"]
    size: float = 1.0
    numbers: tuple[int, ...] = ()
    parent: str | None = None


SOUND: dict[str, Any] = {"name": "x", "kind": "b", "size": 2, "numbers": [1, 2], "parent": None}


def test_a_dataclass_is_read_and_lists_become_tuples() -> None:
    assert read_plain(Facts, SOUND) == Facts("x", "b", 2, (1, 2), None)
    assert read_plain(Facts, {"name": "x", "kind": "a"}) == Facts("x", "a")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": 3}, "'name' of Facts cannot be 3"),
        ({"kind": "c"}, "'kind' of Facts cannot be 'c'"),
        ({"kind": ["a"]}, "'kind' of Facts"),
        ({"size": True}, "'size' of Facts cannot be True"),
        ({"size": float("nan")}, "'size' of Facts cannot be nan"),
        ({"size": 10**40}, "'size' of Facts"),
        ({"numbers": [1, 2.5]}, "'numbers' of Facts"),
        ({"numbers": [1, 2**63]}, "'numbers' of Facts"),
        ({"numbers": {"1": 2}}, "'numbers' of Facts"),
        ({"parent": 0}, "'parent' of Facts"),
        ({"other": 1}, "unknown 'other'"),
        ({"name": "y" * 1_000, "kind": "z" * 1_000}, r"cannot be 'z+\.\.\."),
    ],
)
def test_what_is_of_another_type_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        read_plain(Facts, {**SOUND, **changes})
    assert len(str(caught.value)) < 100


@pytest.mark.parametrize("values", [None, 3, "x", [SOUND]])
def test_what_is_no_object_is_refused(values: Any) -> None:
    with pytest.raises(ValueError, match="Facts is not a JSON object"):
        read_plain(Facts, values)


def test_what_is_lacking_is_named() -> None:
    with pytest.raises(ValueError, match="Facts lacks 'kind'"):
        read_plain(Facts, {"name": "x"})


def test_need() -> None:
    need(True, "no problem")
    with pytest.raises(ValueError, match="a problem"):
        need(False, "a problem")
