"""The bill of materials names what the lock files lock, with hashes, and what needs what."""

from __future__ import annotations

import json
from pathlib import Path

from tests.test_lock import both, declared
from tools import sbom

LOCK = """\
# made by hand
first==1.0 \\
    --hash=sha256:{a} \\
    --hash=sha256:{b}
    # via -c constraints.txt, aam (pyproject.toml)
second-part==2.0 ; sys_platform == 'linux' \\
    --hash=sha256:{a}
    # via first, third
""".format(a="a" * 64, b="b" * 64)


def test_a_lock_is_read() -> None:
    first, second = sbom.read_lock(LOCK)
    assert (first.name, first.version, first.marker, first.needed_by) == ("first", "1.0", None, {sbom.PROJECT})
    assert first.hashes == ("a" * 64, "b" * 64)
    assert (second.purl, second.marker) == ("pkg:pypi/second-part@2.0", "sys_platform == 'linux'")
    assert sbom.needs([first, second]) == {"first": {"second-part"}, "second-part": set(), "third": {"second-part"}}


def test_what_is_reached_from_a_name() -> None:
    graph = {"a": {"b"}, "b": {"c", "a"}, "d": {"a"}}
    assert sbom.reached({"a"}, graph) == {"a", "b", "c"}


def test_the_bill_is_that_of_the_locks() -> None:
    bill = sbom.bill()
    parts = {part["name"]: part for part in bill["components"]}
    locked = both()
    assert parts.keys() == locked.keys()
    assert {name: part["version"] for name, part in parts.items()} == {n: str(e.version) for n, e in locked.items()}
    for name, part in parts.items():
        assert len(part["externalReferences"][0]["hashes"]) == locked[name].hashes
    assert (parts["torch"]["scope"], parts["sympy"]["scope"], parts["pytest"]["scope"]) == (
        "required",
        "required",
        "optional",
    )
    refs = {part["bom-ref"] for part in bill["components"]}
    edges = {edge["ref"]: edge["dependsOn"] for edge in bill["dependencies"]}
    root = bill["metadata"]["component"]["bom-ref"]
    assert edges.keys() == refs | {root}
    assert {ref for found in edges.values() for ref in found} <= refs
    needed = {ref.removeprefix("pkg:pypi/").partition("@")[0] for ref in edges[root]}
    names = {sbom.normal(requirement.name) for requirement in declared()} - {"hatchling", "tensorboard"}
    assert names <= needed | {"hatchling"}


def test_the_bill_is_written_alike(tmp_path: Path) -> None:
    for name in ("one.json", "two.json"):
        assert sbom.main([str(tmp_path / "new" / name)]) == 0
    one, two = ((tmp_path / "new" / name).read_bytes() for name in ("one.json", "two.json"))
    assert one == two
    assert json.loads(one)["metadata"]["component"]["version"] == sbom.version()
