from __future__ import annotations

import json
import re
import zlib
from pathlib import Path

import numpy as np
import pytest
import yaml
from matplotlib.image import imread

from aam.cli.main import main
from aam.report.build import read_page
from aam.report.figure_files import figure_bytes
from aam.report.figures.run import histograms
from aam.report.style import INK, MUTED, PAPER
from tests.report.blends import write_blend_of_two
from tests.report.run_directories import write_classification, write_pretraining, write_regression


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished run of three classes."""
    return finished(write_classification(made(tmp_path / "run"), ["gill", "gut", "skin"], test=True))


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def finished(folder: Path) -> Path:
    (folder / "finished.json").write_text("{}")
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_figures_are_named_by_what_they_show(run: Path, tmp_path: Path) -> None:
    assert main(["report", str(run), "--figures", str(tmp_path / "new" / "figures")]) == 0
    shown = ["baselines", "confusion", "learning-curves", "ordination", "reads-asvs", "reliability", "roc"]
    assert names(tmp_path / "new" / "figures") == [f"{name}.pdf" for name in shown]
    assert not (run / "report.html").exists()


def test_all_formats_of_numbers(tmp_path: Path) -> None:
    run = finished(write_regression(made(tmp_path / "run")))
    assert main(["report", str(run), "--figures", str(tmp_path / "figures"), "--format", "png,svg,png"]) == 0
    assert {path.suffix for path in (tmp_path / "figures").iterdir()} == {".png", ".svg"}
    assert {"predicted-observed.png", "residuals.svg"} <= set(names(tmp_path / "figures"))


def test_the_figures_of_targets_have_their_names(tmp_path: Path) -> None:
    shown = [
        picture.name for section in read_page(write_blend_of_two(tmp_path)).sections for picture in section.pictures
    ]
    assert {"residuals-month_of_life", "residuals-mass", "learners-mass"} <= set(shown)


def test_stand_in_colours_become_those_of_print() -> None:
    figure = histograms([5, 10, 1000], [1, 2, 3], 3, 7)
    svg = figure_bytes(figure, "svg").decode()
    assert not [colour for colour in (INK, MUTED, PAPER) if colour in svg]
    assert "<text" not in svg


def test_png_is_white_at_its_edge(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(figure_bytes(histograms([5, 10], [1, 2], 2, None), "png"))
    pixels = imread(tmp_path / "a.png")
    assert pixels.shape[1] == round(9.6 * 300)
    assert (pixels[0] == 1).all()
    assert np.isclose(pixels[..., :3].min(), 0, atol=0.02)


def test_pdf_has_its_fonts_in_it() -> None:
    first, second = (figure_bytes(histograms([5, 10], [1, 2], 2, None), "pdf") for _ in range(2))
    assert first == second
    text = first + b"".join(
        zlib.decompress(found) for found in re.findall(rb"stream\r?\n(x.*?)\r?\nendstream", first, re.DOTALL)
    )
    assert b"/FontFile2" in text
    assert b"/Type3" not in text


def test_figures_that_are_there_need_overwrite(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["report", str(run), "--figures", str(made(tmp_path / "figures"))]
    (tmp_path / "figures" / "roc.pdf").write_text("mine")
    assert main(words) == 2
    assert "figures: holds 1 figure already (first: roc.pdf); --overwrite" in capsys.readouterr().err
    assert names(tmp_path / "figures") == ["roc.pdf"]
    assert main([*words, "--overwrite"]) == 0
    assert (tmp_path / "figures" / "roc.pdf").read_bytes().startswith(b"%PDF")


def test_the_page_is_written_anew(tmp_path: Path) -> None:
    run = finished(write_pretraining(tmp_path))
    assert main(["report", str(run)]) == 0
    assert "The encoder was pre-trained" in (run / "report.html").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["none"], "none: no such folder; give the --output-dir of aam train or aam pretrain"),
        (["."], "is not a run directory; give the --output-dir"),
        (["RUN", "--format", "png"], "--format needs --figures"),
        (["RUN", "--overwrite"], "--overwrite is for --figures"),
        (
            ["RUN", "--figures", "f", "--format", "jpg"],
            "--format: unknown 'jpg'; choose from pdf, svg, ",
        ),
        (["RUN", "--figures", "RUN/data.json"], "data.json: is not a folder; --figures names a folder"),
    ],
)
def test_one_line_says_what_is_wrong(
    words: list[str],
    message: str,
    run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(made(tmp_path / "empty"))
    assert main(["report", *(word.replace("RUN", str(run)) for word in words)]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert message in said[0]


def test_an_unfinished_run_is_said(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "finished.json").unlink()
    assert main(["report", str(run)]) == 2
    assert "run: the run is not finished; continue it with --resume-from" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("file", "changes"),
    [
        ("data.json", {"num_asvs": "many"}),
        ("data.json", {"samples": {"train": 1.5}}),
        ("data.json", {"samples": {}}),
        ("data.json", {"flow": [1]}),
        ("data.json", {"flow": [{"step": "Table"}]}),
        ("data.json", {"reads_per_sample": ["x"]}),
        ("data.json", {"sequence_lengths": {"min": 1}}),
        ("data.json", {"rarefy_depth": [1]}),
        ("config.yaml", {"cv": "x"}),
        ("config.yaml", {"cv": 2}),
    ],
)
def test_a_changed_record_is_one_line(
    file: str, changes: dict[str, object], run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = yaml.safe_load((run / file).read_text())
    write = json.dumps if file == "data.json" else yaml.safe_dump
    (run / file).write_text(write({**content, **changes}))
    assert main(["report", str(run)]) == 2
    assert capsys.readouterr().err == f"error: {file}: damaged: a part of the record of the run is wrong\n"
