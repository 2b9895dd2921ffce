from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.load.__main__ import keep
from benchmarks.load.curve import Curve, curves


def record(*rows: tuple[str, float]) -> dict[str, Any]:
    figures = {"seconds": 1.0, "peak": 0.5, "limits": {}, "right": True, "note": ""}
    return {
        "conditions": {},
        "rows": [{**figures, "what": f"{what}: some", "own": own, "processor": 9 * own} for what, own in rows],
    }


def test_a_curve_has_a_point_for_each_size(tmp_path: Path) -> None:
    path = tmp_path / "load.json"
    records = {
        "parts-1m": record(("aam train", 2.0)),
        "L1": record(("read", 7.0)),
        "parts-1k": record(("aam train", 0.1), ("aam predict", 0.2)),
    }
    assert curves(records, "own") == {
        "aam train": Curve([1_000, 1_000_000], [0.1, 2.0]),
        "aam predict": Curve([1_000], [0.2]),
    }
    assert curves(records, "processor")["aam predict"].values == [1.8]
    keep(path, "L1", records["L1"])
    assert not path.with_suffix(".png").exists()
    keep(path, "parts-1k", records["parts-1k"])
    assert path.with_suffix(".png").read_bytes()[:4] == b"\x89PNG"
    assert "aam predict" in path.with_suffix(".md").read_text()
