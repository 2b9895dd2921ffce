"""The report in a browser, on the screen of a telephone and on that of a computer."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from aam.report.build import build_report
from tests.report.blends import write_blend, write_blend_of_classes
from tests.report.run_directories import write_classification

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
LEAST_PIXELS = 9
WIDTHS = (400, 1280)
# What is seen: the widths of the page, texts beyond the edge of their drawing, and the sizes of all letters.
MEASURE = """
document.addEventListener("load", event => {
  const frame = event.target;
  if (frame.tagName !== "IFRAME") return;
  const page = frame.contentDocument, root = page.documentElement, sizes = [], beyond = [];
  for (const text of page.querySelectorAll("svg text")) {
    const edge = text.ownerSVGElement.getBoundingClientRect(), own = text.getBoundingClientRect();
    if (!edge.width || !text.textContent.trim()) continue;
    const scale = text.getScreenCTM();
    sizes.push(parseFloat(frame.contentWindow.getComputedStyle(text).fontSize) * Math.hypot(scale.a, scale.b));
    if (own.left < edge.left - 1 || own.right > edge.right + 1) beyond.push(text.textContent);
  }
  const cut = [...page.querySelectorAll("section")].filter(one => one.scrollWidth > one.clientWidth + 1);
  const widths = [root.clientWidth, root.scrollWidth], least = Math.min(...sizes);
  const found = {widths, least, drawn: sizes.length, cut: cut.map(one => one.id), beyond};
  frame.setAttribute("data-found", JSON.stringify(found));
}, true);
"""


def look(page: Path, widths: Sequence[int]) -> list[dict[str, Any]]:
    """What a browser makes of a page at widths in pixels; it must complain of nothing.

    The page stands in frames of these widths, since windows have a least width, and the frames are measured from
    outside, since the page lets no script run.
    """
    outer = page.with_name("frames.html")
    frames = "".join(f'<iframe src="{page.name}" width="{width}" height="900"></iframe>' for width in widths)
    style = "<style>iframe { border: 0 }</style>"
    outer.write_text(f"<!doctype html>{style}<script>{MEASURE}</script><body>{frames}</body>")
    assert BROWSER is not None
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files"]
    options += ["--virtual-time-budget=3000", "--enable-logging=stderr", "--window-size=1400,1000"]
    words = [BROWSER, *options, f"--user-data-dir={page.with_name('profile')}", "--dump-dom", outer.as_uri()]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
    found = [json.loads(html.unescape(match)) for match in re.findall(r'data-found="([^"]*)"', done.stdout)]
    assert len(found) == len(widths)
    return found


@pytest.mark.skipif(BROWSER is None, reason="needs Chromium")
@pytest.mark.parametrize("kind", ["numbers", "classes", "many classes"])
def test_pages_are_readable_at_both_widths(kind: str, tmp_path: Path) -> None:
    if kind == "numbers":
        write_blend(tmp_path)
    elif kind == "classes":
        write_blend_of_classes(tmp_path, ["gill", "hindgut of a carp", "midgut", "skin"])
    else:
        write_classification(tmp_path, [f"site {i:02d}" for i in range(14)], size=150)
    page = build_report(tmp_path)
    for width, found in zip(WIDTHS, look(page, WIDTHS), strict=True):
        assert found["drawn"] > 50
        assert width - 20 <= found["widths"][0] == found["widths"][1] <= width
        assert found["cut"] == []
        assert found["beyond"] == []
        assert found["least"] >= LEAST_PIXELS
