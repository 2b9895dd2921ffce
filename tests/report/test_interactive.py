"""The page with scripts: what it says needs no plotly, what it looks like does, and a browser too."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from aam.cli.commands.report import run
from aam.config import ReportConfig
from aam.config.commands.report import ReportOptions
from aam.errors import ConfigError
from aam.report.build import read_page
from aam.report.explanation.page import explanation_page
from aam.report.html import Page, Picture, Script, render, render_with_scripts
from aam.report.interactive import check_interactive, render_interactive, within_script
from aam.runs.layout import FINISHED
from tests.report.blends import write_blend, write_blend_of_classes
from tests.report.explanation.test_page import NASTY, full_view
from tests.report.test_narrow_screens import BROWSER

needs_plotly = pytest.mark.skipif(find_spec("plotly") is None, reason="needs plotly (aam[interactive])")
FIGURES = {"numbers": 1, "classes": 1, "explanation": 3}
"""Figures of a page to point at, at least."""


def page_of(kind: str, folder: Path) -> Page:
    if kind == "explanation":
        return explanation_page(full_view())
    if kind == "numbers":
        return read_page(write_blend(folder))
    return read_page(write_blend_of_classes(folder, ["gill", "gut", NASTY]))


def hovering(page: Page) -> list[Picture]:
    return [picture for section in page.sections for picture in section.pictures if picture.hover is not None]


@pytest.mark.parametrize("kind", FIGURES)
def test_figures_to_point_at_are_plain_json(kind: str, tmp_path: Path) -> None:
    found = [picture.hover() for picture in hovering(page_of(kind, tmp_path)) if picture.hover is not None]
    assert len(found) >= FIGURES[kind]
    for figure in found:
        text = json.dumps(figure, allow_nan=False)
        assert "<script>" not in text
        assert set(figure) == {"data", "layout"}
        for trace in figure["data"]:
            assert len(trace["x"]) == len(trace["y"])


@pytest.mark.parametrize("name", ["</script>", "<!--", "<script>"])
def test_data_cannot_end_its_script(name: str) -> None:
    text = within_script({"text": name})
    assert "<" not in text
    assert json.loads(text) == {"text": name}


def test_only_named_scripts_may_run() -> None:
    scripts = [Script("{}", ' type="application/json" id="plots"'), Script("let a = 1;")]
    page = Page(kicker="", title="", headline="", verdicts=[], tiles=[], sections=[], footer="")
    source = render_with_scripts(page, scripts, {})
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', source)
    assert policy is not None
    digest = base64.b64encode(hashlib.sha256(b"let a = 1;").digest()).decode()
    assert f"script-src 'sha256-{digest}';" in policy[1]
    assert "default-src 'none'" in policy[1]
    assert "unsafe-eval" not in policy[1]
    assert "<script" not in render(page)


def test_without_plotly_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with pytest.raises(ConfigError, match=r"pip install 'aam\[interactive\]'"):
        check_interactive()
    write_blend(tmp_path)
    (tmp_path / FINISHED).write_text("{}")
    with pytest.raises(ConfigError, match="needs plotly"):
        run(ReportConfig(report=ReportOptions(path=tmp_path, interactive=True)))
    assert not (tmp_path / "report.html").exists()


def test_figures_as_files_are_not_interactive(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--interactive is for the report"):
        ReportConfig(report=ReportOptions(path=tmp_path, interactive=True, figures=tmp_path))


@needs_plotly
def test_a_run_gets_a_second_page(tmp_path: Path) -> None:
    write_blend(tmp_path)
    (tmp_path / FINISHED).write_text("{}")
    run(ReportConfig(report=ReportOptions(path=tmp_path, interactive=True)))
    assert "<script" not in (tmp_path / "report.html").read_text()
    assert "Plotly.newPlot" in (tmp_path / "report_interactive.html").read_text()


@needs_plotly
@pytest.mark.parametrize("kind", FIGURES)
def test_plotly_knows_every_setting(kind: str, tmp_path: Path) -> None:
    from plotly.graph_objects import Figure

    for picture in hovering(page_of(kind, tmp_path)):
        assert picture.hover is not None
        figure = picture.hover()
        plain = json.loads(re.sub(r"var\(--[a-z]+\)", "#123456", json.dumps(figure)))
        Figure(plain)


@needs_plotly
@pytest.mark.skipif(BROWSER is None, reason="needs Chromium")
@pytest.mark.parametrize("kind", FIGURES)
def test_a_browser_draws_them_under_the_policy(kind: str, tmp_path: Path) -> None:
    page = page_of(kind, tmp_path)
    path = tmp_path / "page.html"
    path.write_text(render_interactive(page), encoding="utf-8")
    assert BROWSER is not None
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=8000", "--enable-logging=stderr"]
    words = [BROWSER, *options, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", path.as_uri()]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=True)
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
    assert len(re.findall(r'class="plot js-plotly-plot"', done.stdout)) == len(hovering(page))
