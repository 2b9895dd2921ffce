"""Run the tutorials: each script of ``docs/tutorials`` as a notebook, and as a page with what it printed and drew.

``python -m tools.tutorials`` (``make tutorials``) writes the notebooks to ``build/tutorials``, and the pages and their
pictures beside the scripts. The scripts are the one source: a page is never edited.
"""

from __future__ import annotations

import base64
import io
import os
import re
import resource
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "tutorials"
SCRIPTS = sorted(FOLDER.glob("*.py"))
DATA = ("mouse", "mouse-clock")
"""Folders beside the scripts that they read."""
PICTURES = "pictures"
NOTEBOOKS = ROOT / "build" / "tutorials"
SHELL = "%%bash\n"
WIDTH, COLOURS = 900, 128
TERMINAL_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def notebook_of(script: Path) -> Any:
    """The notebook that a script stands for, without outputs."""
    notebook = jupytext.read(script, fmt="py:percent")
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return notebook


def execute(notebook: Any, folder: Path) -> Any:
    """Run a notebook in a folder that has the data; returns it with its outputs.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        With the cell and its traceback, if one fails.
    """
    for name in DATA:
        shutil.copytree(FOLDER / name, folder / name, dirs_exist_ok=True)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    shutil.copy(FOLDER.parent / "examples" / "slurm_folds.sbatch", folder)
    environment = {**os.environ, "PATH": path}
    client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}})
    return client.execute(env=environment)


def page_of(notebook: Any, script: Path) -> tuple[str, dict[str, bytes]]:
    """The page of a notebook as Markdown, and its pictures by name."""
    parts: list[str] = []
    pictures: dict[str, bytes] = {}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        parts.append(code_block(cell.source))
        parts += [f"```text\n{text}\n```" for text in texts_of(cell)]
        for picture in pictures_of(cell):
            name = f"{script.stem}-{len(pictures) + 1}.png"
            pictures[name] = picture
            parts.append(f"![{cell.metadata['figure']}]({PICTURES}/{name})")
    made = f"*This page is [{script.name}]({script.name}) with what it printed, made by `make tutorials`.*"
    return "\n\n".join([*parts, made, ""]), pictures


def code_block(source: str) -> str:
    """A cell as a block of Markdown; commands of ``aam`` alone as the other pages show them."""
    if not source.startswith(SHELL):
        return f"```python\n{source}\n```"
    commands = source.removeprefix(SHELL)
    lines = commands.replace("\\\n", " ").splitlines()
    is_plain = all(line.startswith("aam ") and not line.rstrip().endswith("&") for line in lines)
    return f"```{'console' if is_plain else 'bash'}\n{commands}\n```"


def texts_of(cell: Any) -> Iterator[str]:
    """What a cell printed, and what it returned."""
    printed = "".join(output.text for output in cell.get("outputs", []) if output.output_type == "stream")
    if printed.strip():
        yield _plain(printed)
    for output in cell.get("outputs", []):
        if output.output_type == "execute_result" and "image/png" not in output.data:
            yield _plain(output.data["text/plain"])


def pictures_of(cell: Any) -> Iterator[bytes]:
    """The pictures that a cell drew."""
    for output in cell.get("outputs", []):
        if output.output_type in ("display_data", "execute_result") and "image/png" in output.data:
            yield _small(base64.b64decode(output.data["image/png"]))


def _small(picture: bytes) -> bytes:
    """A picture of few colours and a page's width, for a repository keeps every version."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image.thumbnail((WIDTH, 2 * WIDTH), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(file, "png", optimize=True)
    return file.getvalue()


def _plain(text: str) -> str:
    lines = TERMINAL_COLOURS.sub("", text).strip("\n").splitlines()
    return "\n".join(line.rstrip() for line in lines)


def write(script: Path) -> float:
    """Run one script, and write its notebook and its page; returns the seconds that its processes computed."""
    before = _seconds()
    with tempfile.TemporaryDirectory() as folder:
        notebook = execute(notebook_of(script), Path(folder))
    seconds = _seconds() - before
    page, pictures = page_of(notebook, script)
    NOTEBOOKS.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, NOTEBOOKS / f"{script.stem}.ipynb")
    (FOLDER / PICTURES).mkdir(exist_ok=True)
    for old in (FOLDER / PICTURES).glob(f"{script.stem}-*.png"):
        old.unlink()
    for name, picture in pictures.items():
        (FOLDER / PICTURES / name).write_bytes(picture)
    script.with_suffix(".md").write_text(page, encoding="utf-8")
    return seconds


def _seconds() -> float:
    """What processes that have ended computed."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime


def main(words: Sequence[str]) -> None:
    """Run the scripts whose names begin with one of the words, or all."""
    for script in SCRIPTS:
        if not words or script.name.startswith(tuple(words)):
            print(f"{script.name}: {write(script):.0f} seconds of computing", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
