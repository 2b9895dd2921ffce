"""What the code never does, whatever it is given: no pickle, no network, no code from files, no shell."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from aam.config.commands.simulate import SimulateOptions
from aam.simulation.study import simulate_study
from tests.code_rules import findings, findings_of

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "aam"
SOURCES = sorted(PACKAGE.rglob("*.py"))
TEMPLATES = sorted((PACKAGE / "report" / "templates").glob("*.j2"))

# File and rule -> why it may.
EXCEPTIONS = {
    (
        "aam/__init__.py",
        "importlib.import_module runs code from text",
    ): "public names are loaded when they are first used, each from a module of a fixed table",
    (
        "aam/config/types.py",
        "importlib.import_module runs code from text",
    ): "registries are named by the fields of the configuration, in the code alone",
    (
        "aam/models/objectives/__init__.py",
        "importlib.import_module runs code from text",
    ): "imports the files of its own folder",
    (
        "aam/data/augmentation/__init__.py",
        "importlib.import_module runs code from text",
    ): "imports the files of its own folder",
    (
        "aam/evaluation/catalogue.py",
        "importlib.import_module runs code from text",
    ): "formulas are named in the code alone, and loaded when they are first computed",
    ("aam/__init__.py", "globals runs code from text"): "lists the names of the module itself",
    (
        "aam/cli/launch.py",
        "imports socket, which is for the network",
    ): "finds a free port of this machine, where the processes of a run meet",
    (
        "aam/cli/launch.py",
        "imports subprocess, which runs programs or code",
    ): "starts aam again, as the other processes of a run",
    (
        "aam/processes.py",
        "imports joblib, which reads pickles",
    ): "hands tasks to processes that it starts, and reads no file",
    (
        "aam/workflows/tune/helpers.py",
        "imports subprocess, which runs programs or code",
    ): "starts aam again, as further processes of a search",
    (
        "aam/workflows/runs/provenance.py",
        "imports subprocess, which runs programs or code",
    ): "asks git for the commit of the program's own folder",
    (
        "aam/training/checkpoints/sharded_checkpoint.py",
        "torch.load outside the checkpoint module",
    ): "reads the plain numbers of a checkpoint in parts, with weights_only",
    (
        "aam/cli/main.py",
        "importlib.import_module runs code from text",
    ): "the module of a command, whose name is one of a fixed list",
    (
        "aam/runs/directory.py",
        "imports socket, which is for the network",
    ): "asks for this machine's name, for the lock of a run",
    (
        "aam/training/distributed/collectives.py",
        "imports socket, which is for the network",
    ): "looks up the machine that the user names as the meeting place of a run's processes",
    (
        "aam/runs/tracking/wandb.py",
        "imports wandb, which is for the network",
    ): "only where `--logger wandb` asks for it, and offline unless the user's environment says otherwise",
    (
        "aam/workflows/sharing/hub.py",
        "imports huggingface_hub, which is for the network",
    ): "only where `aam pull` or `aam push` asks for it, which say first what comes or goes",
    (
        "aam/report/html.py",
        "markupsafe.Markup of what is no literal",
    ): "the drawings, whose texts matplotlib escaped, and the page's own style",
}

BAD_CODE = [
    "import pickle",
    "import _pickle as p",
    "from joblib import load",
    "import cloudpickle",
    "import marshal, os",
    "import socket",
    "from urllib.request import urlopen",
    "import http.client",
    "import xml.etree.ElementTree as tree",
    "import subprocess",
    "eval('1')",
    "exec(text)",
    "compile(text, 'x', 'exec')",
    "__import__(name)",
    "import importlib as i\ni.import_module(name)",
    "import os\nos.system('ls')",
    "from os import system as run\nrun('ls')",
    "import torch\ntorch.load('x')",
    "import torch\ntorch.load('x', weights_only=True)",
    "from torch import load\nload('x', weights_only=False)",
    "Module.load_from_checkpoint('x')",
    "import torch\ntorch.jit.load('x')",
    "import numpy as np\nnp.load('x')",
    "import numpy\nnumpy.load('x', allow_pickle=True)",
    "from numpy import load\nload('x', 'r')",
    "import numpy as np\nnp.save('x', a)",
    "import yaml\nyaml.load(text)",
    "import yaml\nyaml.load(text, Loader=yaml.UnsafeLoader)",
    "import yaml\nyaml.full_load(text)",
    "run('ls', shell=True)",
    "archive.extractall(folder)",
    "tarfile.open(path).extract(name)",
    "import tempfile\ntempfile.mktemp()",
    "import hashlib\nhashlib.md5(content)",
    "from hashlib import sha1\nsha1(content, usedforsecurity=True)",
    "import hashlib\nhashlib.new('md5')",
    "from jinja2 import Environment\nEnvironment()",
    "import jinja2\njinja2.Environment(autoescape=False)",
    "from jinja2 import Template\nTemplate(text)",
    "from markupsafe import Markup as M\nM(text)",
    "path.chmod(0o666)",
    "import os\nos.chmod(path, mode)",
    "path.mkdir(mode=0o777)",
    "connection.enable_load_extension(True)",
]
GOOD_CODE = [
    "import re\nre.compile('x')",
    "model.eval()",
    "import numpy as np\nnp.load('x', mmap_mode='r', allow_pickle=False)",
    "import yaml\nyaml.load(text, Loader=yaml.SafeLoader)",
    "import yaml\nyaml.safe_load(text)",
    "import hashlib\nhashlib.sha256(content)",
    "import hashlib\nhashlib.md5(content, usedforsecurity=False)",
    "from jinja2 import Environment\nEnvironment(autoescape=True)",
    "from markupsafe import Markup\nMarkup('<b>')",
    "path.mkdir(parents=True, exist_ok=True)",
    "path.chmod(0o600)",
]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_code_never_does(path: Path) -> None:
    assert [found for found in findings_of(path, ROOT) if found.key not in EXCEPTIONS] == []


def test_exceptions_are_needed() -> None:
    found = {found.key for path in SOURCES for found in findings_of(path, ROOT)}
    assert EXCEPTIONS.keys() - found == set()


@pytest.mark.parametrize("code", BAD_CODE)
def test_the_check_sees(code: str) -> None:
    assert list(findings(code, "aam/any.py"))


@pytest.mark.parametrize("code", GOOD_CODE)
def test_the_check_lets_pass(code: str) -> None:
    assert list(findings(code, "aam/any.py")) == []


def test_only_the_checkpoint_module_loads_with_torch() -> None:
    safe = "import torch\ntorch.load(path, weights_only=True)"
    assert list(findings(safe, "aam/training/checkpoints/checkpoint.py")) == []
    assert list(findings("import torch\ntorch.load(path)", "aam/training/checkpoints/checkpoint.py"))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_escape_everything(path: Path) -> None:
    # The scripts of an interactive page, which its policy names by their hashes; other pages have none.
    text = path.read_text(encoding="utf-8").replace("<script{{ attributes }}>{{ content }}</script>", "")
    assert not re.findall(r"\|\s*safe\b|autoescape|<script|\bon\w+=|https?:", text)


# Python tells of each of these before it happens. A connection within the machine is none to the network.
WATCHER = """
import sys

def watch(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind"):
        address = arguments[1]
        if not isinstance(address, tuple) or address[0] in ("127.0.0.1", "::1", "localhost"):
            return
    elif event == "pickle.find_class":
        if "aam" in arguments[0]:
            return
    elif event not in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "urllib.Request",
                       "ftplib.connect", "http.client.connect", "smtplib.connect", "os.system"):
        return
    print(f"forbidden: {event} {arguments}", file=sys.stderr, flush=True)
    import os
    os._exit(99)

sys.addaudithook(watch)
"""
JOB = """
import warnings
warnings.simplefilter("ignore")
from aam.cli.main import main
small = ["--embedding-dim", "16", "--attention-heads", "2", "--attention-layers", "1", "--num-soft-clades", "8",
         "--epochs", "1", "--rarefy-depth", "300"]
assert main(["train", "--table", "table.biom", "--tree", "tree.nwk", "--metadata", "metadata.tsv",
             "--metadata-column", "group", "--classifier", "--output-dir", "run", "--no-forest-baseline",
             "--learners", "network", *small]) == 0
assert main(["predict", "--model", "run", "--table", "table.biom", "--output", "predictions.tsv"]) == 0
assert main(["info", "run"]) == 0
"""


def watched(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", f"{WATCHER}\nsys.path.insert(0, {str(ROOT)!r})\n{code}"]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, timeout=300)


def test_a_whole_job_reaches_no_network_and_reads_no_pickle(tmp_path: Path) -> None:
    sizes = {"samples": 40, "asvs": 40, "asvs_per_sample": 15.0, "reads": 800, "sequence_length": 40}
    simulate_study(SimulateOptions(output_dir=tmp_path, progress=False, overwrite=True, **sizes))  # type: ignore[arg-type]
    run = watched(JOB, tmp_path)
    assert run.returncode == 0, run.stderr[-2000:]
    assert (tmp_path / "run" / "report.html").is_file()
    assert (tmp_path / "predictions.tsv").is_file()


@pytest.mark.parametrize(
    "code",
    [
        "import socket\nsocket.create_connection(('192.0.2.1', 80), timeout=0.1)",
        "import socket\nsocket.getaddrinfo('example.org', 80)",
        "import pickle\npickle.loads(b'cposix\\nsystem\\n.')",
    ],
)
def test_the_watcher_sees(code: str, tmp_path: Path) -> None:
    run = watched(code, tmp_path)
    assert run.returncode == 99
    assert "forbidden" in run.stderr
