from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aam.errors import InputError
from aam.evaluation.run_results import read_run
from aam.report.build import build_report
from aam.report.figures.novelty import FARTHEST, novelty_chart
from aam.report.sections.novelty import novelty_section
from tests.report.pages import Page, check_self_contained
from tests.report.run_directories import write_regression


def with_novelty(folder: Path, novelty: str = "", number: int = 6) -> Path:
    """A run whose first test samples are unlike those of training."""
    write_regression(folder, test=True)
    path = folder / "test_predictions.tsv"
    header, *rows = path.read_text().splitlines()
    lines = [f"{header}\tfamiliar_reads\tnovelty\twarning"]
    for place, row in enumerate(rows):
        new = place < number
        lines.append(f"{row}\t{0.5 if new else 1}\t{novelty or (1.5 if new else 0.5)}\t{'shallow' if new else ''}")
    path.write_text("\n".join(lines) + "\n")
    return folder


def test_new_samples_are_counted_and_judged(tmp_path: Path) -> None:
    page = Page(build_report(with_novelty(tmp_path)))
    check_self_contained(page)
    assert "6 of 60 test samples (10 %) are unlike the training samples; 5 % are expected" in page.words.replace(
        "\u00a0", " "
    )
    assert "On average 95 % of a sample's reads" in page.words.replace("\u00a0", " ")
    section = novelty_section(read_run(tmp_path))
    assert section is not None
    warnings, errors = section.tables
    assert [cell.text for cell in warnings.rows[0]] == ["shallow", str(read_run(tmp_path).novelty.sample_ids[0]), "6"]
    table = read_run(tmp_path).predictions["test"]["month_of_life"]
    mistakes = np.abs(table.observed - table.predicted)
    assert float(errors.rows[0][2].text) == pytest.approx(mistakes[:6].mean(), rel=0.01)
    assert float(errors.rows[0][1].text) == pytest.approx(mistakes[6:].mean(), rel=0.01)


def test_too_few_new_samples_are_not_judged(tmp_path: Path) -> None:
    section = novelty_section(read_run(with_novelty(tmp_path, number=1)))
    assert section is not None
    assert "1 of 60 test samples (2 %) is unlike" in section.text[0]
    assert len(section.tables) == 1


def test_a_run_that_does_not_say_has_no_section(tmp_path: Path) -> None:
    write_regression(tmp_path, test=True)
    assert read_run(tmp_path).novelty is None
    assert novelty_section(read_run(tmp_path)) is None


def test_damaged_novelty_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a number is needed"):
        read_run(with_novelty(tmp_path, novelty="much"))


def test_extreme_novelty_is_in_the_last_bar() -> None:
    figure = novelty_chart(np.array([0.1, 99.0, np.nan]), np.array([0.5, np.nan, 1.0]))
    new, known = figure.axes
    heights = [bar.get_height() for bar in new.patches]  # type: ignore[attr-defined]
    assert (heights[-1], sum(heights)) == (1, 2)
    assert new.patches[-1].get_x() + new.patches[-1].get_width() <= FARTHEST  # type: ignore[attr-defined]
    assert sum(bar.get_height() for bar in known.patches) == 2  # type: ignore[attr-defined]
