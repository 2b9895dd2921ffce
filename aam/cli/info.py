"""`aam info`: say what a file or folder is, and what is in it."""

from __future__ import annotations

from pathlib import Path

from aam.cli.info_files import describe_file
from aam.cli.info_folders import WEIGHTS, describe_model, describe_run
from aam.cli.terminal import Terminal
from aam.config import InfoConfig
from aam.errors import InputError
from aam.files.run_directory import RunDirectory

Facts = list[tuple[str, str]]


def run(config: InfoConfig) -> None:
    """Find out what the path leads to, and print what is in it."""
    path = config.info.path
    title, facts = _describe(path)
    console = Terminal()
    console.print(f"{path}: {title}")
    width = max((len(name) for name, _ in facts), default=0)
    for name, value in facts:
        console.print(f"  {name:<{width}}  {value}")


def _describe(path: Path) -> tuple[str, Facts]:
    if not path.is_dir():
        return describe_model(path) if path.suffix == ".safetensors" else describe_file(path)
    if RunDirectory(path).config.is_file():
        return describe_run(path)
    if (path / WEIGHTS).is_file():
        return describe_model(path / WEIGHTS)
    raise InputError(
        path, f"holds neither a run (config.yaml) nor a model ({WEIGHTS})", "give a file or another folder"
    )
