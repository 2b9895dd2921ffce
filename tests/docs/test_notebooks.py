"""The tutorials that are notebooks run, find what they say, and are what their pages show."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat
import pytest

from tools.tutorials import FOLDER, PICTURES, SCRIPTS, SHELL, execute, notebook_of, page_of

NAMES = [script.stem for script in SCRIPTS]
MAE = "['age']['mae']"
# Expression at the end of the notebook -> what the text says of it, and by how much the value may differ.
STATED: dict[str, dict[str, tuple[str, float, float]]] = {
    "1-first-model": {
        f"result.metrics{MAE}": ("off by 0.72 weeks", 0.72, 0.03),
        "result.judgements['age'].results['guess']['mae'].value": ("off by 1.48 weeks", 1.48, 0.01),
        "float(error)": ("is off by 0.58 weeks", 0.58, 0.03),
        "int(inside)": ("all 45", 45, 1),
    },
    "2-explaining": {
        "len(explanation.sample_ids)": ("the four mice", 45, 0),
        "float((removal['effect'].abs() > 0).mean())": ("`effect` is in weeks", 1, 0),
    },
    "3-several-studies": {
        "result.metrics['exposure']['balanced_accuracy']": ("# 95 %, on mice", 0.95, 0.03),
        "found.metrics['exposure']['balanced_accuracy']": ("Hardly: 61 %", 0.61, 0.1),
        "float((answers.predicted == 'IHH').mean())": ("most of these mice `IHH`", 0.9, 0.2),
        "float(by_study['unlike_training'].min())": ("all 46 samples", 1, 0.05),
        "len(shown)": ("Neither study tells the other's", 4, 0),
    },
    "4-pretraining": {
        "float(curve['train_loss'].iloc[-1] < curve['train_loss'].iloc[0])": ("both still fall", 1, 0),
        f"scratch.metrics{MAE} - tuned.metrics{MAE}": ("No difference to speak of", 0, 0.25),
    },
    "5-qiime2": {"len(open('runs/new-mice.tsv').readlines())": ("predict mice that the model has not met", 46, 0)},
    "6-phyloseq-mothur": {
        f"from_r.metrics{MAE} - from_mothur.metrics{MAE}": ("The same reads, the same result", 0, 1e-9),
        f"from_r.metrics{MAE}": ("485 ASVs in 139 samples", 0.72, 0.03),
        "counts.shape[1]": ("485 ASVs", 485, 0),
    },
    "7-anndata": {
        f"result.metrics{MAE}": ("No `metadata` and no `sequences`", 0.71, 0.03),
        "len(age)": ("all 16 mice", 184, 0),
    },
    "8-cluster": {
        "len({open(f'runs/{run}/cv_predictions.tsv').read() for run in ('two-at-once', 'joined')})": (
            "the result is the same",
            1,
            0,
        )
    },
}
RESULT = re.compile(r"^```text\n.*?^```\n\n", re.MULTILINE | re.DOTALL)
PICTURE = re.compile(rf"^!\[[^\]]+\]\({PICTURES}/([\w-]+\.png)\)\n\n", re.MULTILINE)


@pytest.mark.parametrize("name", NAMES)
def test_tutorial_runs(name: str, tmp_path: Path) -> None:
    script = FOLDER / f"{name}.py"
    notebook = notebook_of(script)
    expressions = list(STATED[name])
    notebook.cells.append(nbformat.v4.new_code_cell(f"import json\nprint(json.dumps([{', '.join(expressions)}]))"))
    cells = execute(notebook, tmp_path).cells
    found = json.loads(cells[-1].outputs[-1].text)
    text = " ".join(script.read_text(encoding="utf-8").split())
    for expression, value in zip(expressions, found, strict=True):
        words, stated, tolerance = STATED[name][expression]
        assert words in text
        assert value == pytest.approx(stated, abs=tolerance), expression
    _, pictures = page_of(notebook, script)
    assert len(pictures) == len([cell for cell in notebook.cells if "figure" in cell.metadata])


@pytest.mark.parametrize("name", NAMES)
def test_page_is_that_of_the_script(name: str) -> None:
    """But for what the notebook printed and drew: run `make tutorials`."""
    script = FOLDER / f"{name}.py"
    notebook = notebook_of(script)
    page = script.with_suffix(".md").read_text(encoding="utf-8")
    drawn = PICTURE.findall(page)
    assert RESULT.sub("", PICTURE.sub("", page)) == page_of(notebook, script)[0]
    assert len(drawn) == len([cell for cell in notebook.cells if "figure" in cell.metadata])
    assert all((FOLDER / PICTURES / picture).stat().st_size < 60_000 for picture in drawn)


def test_no_picture_is_left_over() -> None:
    pages = "".join(script.with_suffix(".md").read_text(encoding="utf-8") for script in SCRIPTS)
    assert sorted(PICTURE.findall(pages)) == sorted(path.name for path in (FOLDER / PICTURES).glob("*"))


def test_each_says_how_long_it_takes_and_what_is_next() -> None:
    for script in SCRIPTS:
        text = script.read_text(encoding="utf-8")
        assert re.search(r"[Tt]akes about \d+ seconds of\s+(# )?computing", text), script.name
        assert "## Next" in text
        assert "## What can go wrong" in text


def test_shell_cells_are_shown_as_commands() -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(f"{SHELL}{body}") for body in SHELLS])
    page, _ = page_of(notebook, Path("x.py"))
    assert page.startswith(f"```console\n{SHELLS[0]}\n```\n\n```bash\n{SHELLS[1]}\n```\n\n")


SHELLS = ("aam info a.biom\naam check --table a.biom \\\n  --metadata m.tsv", "aam info a.biom &\nwait")
