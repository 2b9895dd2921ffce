"""The documents agree with the program: links lead somewhere, flags exist, the reference page is up to date."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from aam import config
from aam.cli.covariate_help import COVARIATE_HELP_FLAG
from aam.config.commands.train import EvaluationOptions, TransferOptions
from aam.config.option import fields, flag, is_switch
from aam.config.target import HeadOptions, LossOptions, TargetOptions

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "configs/README.md")
DOCUMENTS = [*(ROOT / page for page in PAGES), *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
PLACE = re.compile(r"\]\(([^)#]*)#([^)]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*[a-z0-9](?![\w-]*\*)")
SCRIPT = re.compile(r"^```(?:bash\n|text\n#!).*?^```", re.MULTILINE | re.DOTALL)
GENERAL_FLAGS = {
    "--help-all",
    "--install-completion",
    "--help",
    "--version",
    "--config",
    "--print-config",
    COVARIATE_HELP_FLAG,
}
SUPERVISED = (
    TargetOptions,
    HeadOptions,
    LossOptions,
    config.LearnerOptions,
    config.CovariateOptions,
    TransferOptions,
    EvaluationOptions,
)
COMMANDS = [getattr(config, name) for name in config.__all__ if name.endswith("Config")]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def known_flags() -> set[str]:
    known = set(GENERAL_FLAGS)
    for command in COMMANDS:
        for _, field, hint in fields(command):
            names = [field.name, *([field.metadata["alias"]] if field.metadata["alias"] else [])]
            known |= {flag(name) for name in names}
            if is_switch(hint):
                known |= {flag(f"no_{name}") for name in names}
            if field.metadata["negative"]:
                known.add(flag(field.metadata["negative"]))
    return known


def written_flags(path: Path) -> set[str]:
    """Flags that a document uses outside of whole scripts.

    Of the tables for those who come from elsewhere, only the second column counts.
    """
    text = SCRIPT.sub("", path.read_text())
    if path.name == "migrating.md":
        rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")]
        text = "\n".join(row[1] for row in rows if len(row) == 3)
    return set(FLAG.findall(text))


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_links_lead_to_files(path: Path) -> None:
    targets = [target for target in LINK.findall(path.read_text()) if "://" not in target]
    assert [target for target in targets if not (path.parent / target).exists()] == []


def test_guide_and_chapters_explain_each_supervised_option() -> None:
    text = "".join((ROOT / "docs" / name).read_text() for name in ("guide.md", "supervised.md", "certainty.md"))
    said = set(FLAG.findall(text))
    own = {field.name for section in SUPERVISED for field in dataclasses.fields(section)}
    names_of = {
        field.name: {flag(name) for name in (field.name, f"no_{field.name}", field.metadata["negative"]) if name}
        for _, field, _ in fields(config.TrainConfig)
        if field.name in own
    }
    assert [name for name, names in names_of.items() if not names & said] == []


def places_of(path: Path) -> set[str]:
    """What a link may name behind ``#``: the headings, as GitHub spells them."""
    words = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(path.read_text()))
    return {word.replace(" ", "-") for word in words}


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_links_lead_to_headings(path: Path) -> None:
    links = [(target, place) for target, place in PLACE.findall(path.read_text()) if "://" not in target]
    files = {target: path.parent / target if target else path for target, _ in links}
    assert [(target, place) for target, place in links if place not in places_of(files[target])] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_flags_exist(path: Path) -> None:
    others = {"--to-tsv", "--no-deps", "--require-hashes", "--no-build-isolation"}  # of biom and pip
    others |= {"--index-url", "--sign"}  # of pip and git
    # of torchrun, srun and sbatch, whose scripts tests/docs/test_cluster.py looks at
    others |= {"--standalone", "--nproc-per-node", "--ntasks", "--gpus-per-node", "--gpus-per-task"}
    others |= {"--signal", "--kill-on-bad-exit", "--open-mode", "--signals-to-handle"}
    others |= {"--minutes", "--keep"}  # of the fuzzer
    others |= {"--links"}  # of tools/docsite
    others |= {"--logdir", "--backend-store-uri"}  # of tensorboard and mlflow
    others |= {
        "--build-arg",
        "--cap-drop",
        "--file",
        "--gpus",
        "--network",
        "--no-healthcheck",
        "--nv",
        "--profile",
    }  # of docker
    others |= {"--read-only", "--rm", "--shm-size", "--tag", "--tmpfs", "--user", "--volume"}
    others |= {"--lrr"}  # mistyped on purpose
    assert written_flags(path) - known_flags() - others == set()


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_files_that_are_named_exist(path: Path) -> None:
    named = set(re.findall(r"`((?:aam|tests|tools|benchmarks|docs)/[\w./-]+)`", path.read_text()))
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


def test_tests_of_the_failures_exist() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / "faults.md").read_text()))
    assert sorted(name for name in named if not (ROOT / "tests" / "faults" / f"{name}.py").exists()) == []
