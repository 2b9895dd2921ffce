"""Writes what the tests of this folder compare with.

``python -m tests.reference.make``
    writes ``numbers.json`` anew, whole.
``python -m tests.reference.make numbers CASE/SECTION ...``
    writes only these sections, after a change that was meant: ``two_targets/report``, or ``regression`` for all of one
    case.
``python -m tests.reference.make models``
    writes the stored model folders of the format that this program writes, such as ``format4/``, anew.

Every digit of the numbers is that of the processor and the libraries that ``numbers.json`` names.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import sklearn
import torch

from aam.models.folder.migrations import FORMAT
from tests.reference.cases import CASES, HERE, Workplace
from tests.reference.stored_models import MODELS, write_predictions

NUMBERS = HERE / "numbers.json"


def machine() -> dict[str, Any]:
    """What the last digits depend on."""
    libraries = {library.__name__: library.__version__ for library in (torch, np, scipy, sklearn)}
    kernels = torch.backends.cpu.get_cpu_capability()
    return {"kernels": kernels, "threads": torch.get_num_threads(), **{k: str(v) for k, v in libraries.items()}}


def read_numbers() -> dict[str, Any]:
    """The stored numbers: ``machine``, and ``cases`` by name and section."""
    return json.loads(NUMBERS.read_text(encoding="utf-8"))


def numbers_of(case: str) -> dict[str, Any]:
    """Run a case in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        # What is stored went through JSON: so does what is compared with it.
        return json.loads(json.dumps(CASES[case](Workplace(Path(folder) / "work"))))


def write_numbers(sections: list[str]) -> None:
    """Write the stored numbers anew: all, or some sections."""
    stored = read_numbers() if sections else {"machine": machine(), "cases": {}}
    if stored["machine"] != machine():
        raise SystemExit(f"the other sections are of {stored['machine']}, this is {machine()}: write all of them")
    cases = stored["cases"]
    for case in CASES if not sections else sorted({name.split("/")[0] for name in sections}):
        found = numbers_of(case)
        if not sections or case in sections:
            cases[case] = found
        for section in (name.partition("/")[2] for name in sections if name.startswith(f"{case}/")):
            cases[case][section] = found[section]
    NUMBERS.write_text(_as_text(stored), encoding="utf-8")


def _as_text(stored: dict[str, Any]) -> str:
    """JSON with each section on a line of its own, for readable differences."""
    cases = []
    for case, sections in stored["cases"].items():
        lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in sections.items())
        cases.append(f" {json.dumps(case)}: {{\n{lines}\n }}")
    return f'{{\n"machine": {json.dumps(stored["machine"])},\n"cases": {{\n' + ",\n".join(cases) + "\n}\n}\n"


def write_models() -> None:
    """Train the stored models of the present format, and write what they predict."""
    names = [name for name in MODELS if name.startswith(f"format{FORMAT}/")]
    if not names:
        raise SystemExit(f"no models of format {FORMAT} are to be stored")
    with tempfile.TemporaryDirectory() as folder:
        work = Workplace(Path(folder) / "work")
        for name in names:
            made = work.folder / Path(name).name
            MODELS[name](work, made.name)
            shutil.rmtree(HERE / name, ignore_errors=True)
            shutil.copytree(made / "model" if (made / "model").exists() else made, HERE / name)
            write_predictions(work, name)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as cache:
        os.environ["AAM_CACHE_DIR"] = cache
        what, *chosen = sys.argv[1:] or ["numbers"]
        if what == "models" and not chosen:
            write_models()
        elif what == "numbers":
            write_numbers(chosen)
        else:
            raise SystemExit(__doc__)
