from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from aam.errors import InputError
from aam.report.build import build_report
from tests.report.pages import Page, check_self_contained
from tests.report.run_directories import (
    HOSTILE,
    read_json,
    write_classification,
    write_pretraining,
    write_regression,
)


def report(folder: Path) -> Page:
    path = build_report(folder)
    assert path == folder / "report.html"
    return Page(path)


def test_regression_with_a_test_part(tmp_path: Path) -> None:
    page = report(write_regression(tmp_path))
    check_self_contained(page)
    headline = (
        r"On 60 held-out test samples, the mean absolute error of month_of_life is \d\.\d\d; "
        r"\d\.\d\d for a random forest, \d\.\d\d for predicting the mean\."
    )
    assert re.search(headline, page.words)
    assert re.search(r"95 % CI 1\.\d\d to 2\.\d\d", page.words)
    assert "60 held-out validation samples" in page.words
    assert "slightly optimistic" not in page.words
    assert "10249.M001.01R" in page.words
    assert "aam train --table data/table.biom" in page.words
    assert "0f" * 32 in page.words
    assert "2.13.0" in page.words
    assert page.values("class").count("wide") == page.values("class").count("narrow") == 6


def test_without_a_test_part_validation_is_reported(tmp_path: Path) -> None:
    page = report(write_regression(tmp_path, test=False, forest=False))
    check_self_contained(page)
    assert "slightly optimistic" in page.words
    assert "On 60 held-out validation samples" in page.words
    assert "random forest" not in page.words.lower()
    assert "Random forest" not in page.source


@pytest.mark.parametrize("forest", [True, False])
def test_two_classes(tmp_path: Path, forest: bool) -> None:
    page = report(write_classification(tmp_path, ["healthy", "ill"], forest=forest))
    check_self_contained(page)
    assert re.search(r"the balanced accuracy of sample_type is \d\d %", page.words)
    assert "ill against healthy" in page.words
    assert ("Random forest" in page.words) == forest


def test_four_classes(tmp_path: Path) -> None:
    page = report(write_classification(tmp_path, ["gill", "hindgut", "midgut", "skin"], test=True))
    check_self_contained(page)
    assert "gill (area 0." in page.words
    assert "On 80 held-out test samples" in page.words
    assert "25 % for predicting the most frequent class" in page.words


def test_many_classes(tmp_path: Path) -> None:
    page = report(write_classification(tmp_path, [f"site {i:02d}" for i in range(14)], size=150))
    check_self_contained(page)
    assert "site 13" in page.words


def test_pretraining(tmp_path: Path) -> None:
    page = report(write_pretraining(tmp_path))
    check_self_contained(page)
    assert "The encoder was pre-trained on 450 samples without labels." in page.words
    assert re.search(r"Distance correlation", page.words)
    assert "Sample ordination" in page.words
    assert page.values("class").count("wide") == page.values("class").count("narrow") == 3


def test_a_bare_run_has_a_page_too(tmp_path: Path) -> None:
    write_regression(tmp_path)
    for name in ("metrics.csv", "sample_embeddings.tsv", "forest_predictions.tsv", "val_predictions.tsv"):
        (tmp_path / name).unlink()
    data = read_json(tmp_path / "data.json")
    for name in ("reads_per_sample", "asvs_per_sample", "sequence_lengths", "inputs", "environment", "model", "notes"):
        del data[name]
    (tmp_path / "data.json").write_text(json.dumps({**data, "rarefy_depth": None, "flow": []}))
    page = report(tmp_path)
    check_self_contained(page)
    assert "All reads were used" in page.words


def test_hostile_names_are_text_and_nothing_else(tmp_path: Path) -> None:
    write_regression(tmp_path, hostile=HOSTILE, test=False)
    lines = (tmp_path / "val_predictions.tsv").read_text().splitlines()
    lines[1] = "\t".join([HOSTILE, "20", "0.5"])
    (tmp_path / "val_predictions.tsv").write_text("\n".join(lines) + "\n")
    data = read_json(tmp_path / "data.json")
    data["flow"] = [{"step": "Table", "kept": 240, "dropped": 1, "reason": HOSTILE, "examples": [HOSTILE]}]
    data["targets"]["specs"][0]["column"] = HOSTILE  # type: ignore[index]
    data["command"] = HOSTILE
    data["notes"] = [HOSTILE]
    data["inputs"] = [{"path": HOSTILE, "sha256": HOSTILE, "bytes": 1}]
    (tmp_path / "data.json").write_text(json.dumps(data))
    page = report(tmp_path)
    check_self_contained(page)
    assert page.words.count(HOSTILE) >= 5
    assert HOSTILE not in page.source


def test_hostile_classes_are_text_in_the_figures(tmp_path: Path) -> None:
    classes = ["$\\frac{1}{0$", "<b onclick='x'>", "</svg><script>", "\u5fae\u751f\u7269"]
    page = report(write_classification(tmp_path, classes))
    check_self_contained(page)
    assert "b" not in page.tags or "onclick" not in {name for _, name, _ in page.attributes}
    assert all(name in page.words for name in classes)


def test_groups_in_the_predictions_make_grouped_intervals(tmp_path: Path) -> None:
    write_regression(tmp_path, test=False, forest=False)
    lines = (tmp_path / "val_predictions.tsv").read_text().splitlines()
    grouped = [f"{lines[0]}\tgroup", *(f"{line}\tbaby {row % 7}" for row, line in enumerate(lines[1:]))]
    (tmp_path / "val_predictions.tsv").write_text("\n".join(grouped) + "\n")
    assert "The bootstrap resamples whole groups (7 groups)." in report(tmp_path).words


def test_a_split_by_group_whose_groups_are_not_known_is_said(tmp_path: Path) -> None:
    write_regression(tmp_path)
    config = (tmp_path / "config.yaml").read_text().replace("group_column: null", "group_column: host")
    (tmp_path / "config.yaml").write_text(config)
    assert "Samples of one host are not independent" in report(tmp_path).words


def test_a_forest_of_other_samples_is_left_out_and_said(tmp_path: Path) -> None:
    write_regression(tmp_path)
    lines = (tmp_path / "forest_predictions.tsv").read_text().splitlines()
    (tmp_path / "forest_predictions.tsv").write_text("\n".join(line for line in lines if "T003" not in line) + "\n")
    words = report(tmp_path).words
    assert "The random forest did not predict all test samples and is left out there." in words
    assert re.search(r"month_of_life is \d\.\d\d; \d\.\d\d for predicting the mean", words)


def test_a_run_without_predictions_has_no_report(tmp_path: Path) -> None:
    write_regression(tmp_path, test=False)
    (tmp_path / "val_predictions.tsv").unlink()
    with pytest.raises(InputError, match="there are no predictions"):
        build_report(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.yaml", None, "config.yaml: cannot be read (No such file or directory)"),
        ("data.json", "{", "data.json: damaged"),
        ("val_predictions.tsv", "sample-id\tobserved\n", "val_predictions.tsv: column 'predicted' is missing"),
        ("val_predictions.tsv", "sample-id\tobserved\tpredicted\na\t1\tx\n", "val_predictions.tsv: a number is needed"),
        (
            "val_predictions.tsv",
            "sample-id\tobserved\tpredicted\na\t1\tnan\n",
            "val_predictions.tsv: 1 values are not finite",
        ),
        (
            "val_predictions.tsv",
            "sample-id\tobserved\tpredicted\na\t1\n",
            "val_predictions.tsv: the number of cells differs from the header's (3) in 1 line",
        ),
        ("metrics.csv", "epoch,val_loss\n0,what\n", "metrics.csv: a number is needed"),
        ("sample_embeddings.tsv", "sample-id\tpart\n", "sample_embeddings.tsv: not a table of"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, name: str, content: str | None, message: str) -> None:
    write_regression(tmp_path)
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=re.escape(message)) as raised:
        build_report(tmp_path)
    assert len(str(raised.value)) < 200
