"""`aam pull`: a model of a hub, checked, into the user's index."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aam.config.sharing.pull import PullConfig
from aam.errors import InputError, RunError
from aam.files.atomic import sha256_file
from aam.files.model_index import MODEL, check_free, check_name, new_entry
from aam.models.folder.paths import CONFIG, WEIGHTS
from aam.progress import Bar
from aam.text import format_bytes, listed, shorten
from aam.workflows.sharing.checks import check_model, most_bytes
from aam.workflows.sharing.entry import FILES, write_entry
from aam.workflows.sharing.hub import Hub, Remote, refusal

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".npy", ".npz", ".h5", ".msgpack")
"""Ends of names of files that may hold code."""


@dataclass(frozen=True)
class PullPlan:
    """What would be downloaded.

    Attributes
    ----------
    hub, remote
        Where from.
    name
        Name in the index.
    files
        The files that are taken.
    left
        Those that are not.
    """

    hub: Hub
    remote: Remote
    name: str
    files: tuple[str, ...]
    left: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """The plan in words."""
        kind = "private" if self.remote.is_private else "public"
        yield f"pull: {self.remote.address} ({kind}), commit {self.remote.revision[:12]}, as {self.name}"
        for name in self.files:
            yield f"  {name:<17}  {format_bytes(self.remote.sizes[name] or 0)}"
        if self.left:
            pickles = [name for name in self.left if name.lower().endswith(PICKLES)]
            why = f" ({shorten(pickles[0], 40)} may hold code)" if pickles else ""
            yield f"left there: {listed([shorten(name, 40) for name in self.left])}{why}"


def plan_pull(config: PullConfig) -> PullPlan:
    """Ask the hub what a model consists of, and say what would be taken.

    Raises
    ------
    CheckpointError
        If the hub has no such model, it is no model of AAM, or a file is larger than it may be.
    ConfigError
        If the extra is not installed.
    InputError
        If the name cannot be one, or is taken.
    RunError
        If the hub cannot be reached.
    """
    options = config.pull
    name = check_name(options.repository.rpartition("/")[2] if options.name is None else options.name)
    check_free(name, overwrite=options.overwrite)
    hub = Hub()
    remote = hub.look(options.repository, options.revision)
    files = tuple(one for one in FILES if one in remote.sizes)
    for needed in (WEIGHTS, CONFIG):
        if needed not in files:
            raise refusal(remote.repository, f"is no model of AAM: it has no {needed}", f"look at {remote.address}")
    for one in files:
        _check_size(remote, one)
    return PullPlan(hub, remote, name, files, tuple(one for one in remote.sizes if one not in files))


def _check_size(remote: Remote, name: str) -> None:
    size = remote.sizes[name]
    if size is None or size < 0:
        raise refusal(remote.repository, f"the hub does not say how large {name} is", "nothing was downloaded")
    if size > most_bytes(name):
        problem = f"{name} has {format_bytes(size)}, at most {format_bytes(most_bytes(name))} are taken"
        remedy = "AAM_LIMITS=hub_bytes=NUMBER raises it" if name == WEIGHTS else f"look at {remote.address}"
        raise refusal(remote.repository, problem, remedy)


def pull(plan: PullPlan, config: PullConfig) -> Path:
    """Download a model, check it, and put it into the index; returns its model folder.

    Nothing is in the index before all is checked: what is interrupted leaves nothing.

    Raises
    ------
    CheckpointError
        If it is damaged, or no model of AAM.
    InputError
        If a file is not what the hub said.
    RunError
        If the hub cannot be reached, or the disk is full.
    """
    remote = plan.remote
    with new_entry(plan.name, overwrite=config.pull.overwrite) as place:
        _check_room(place, remote, plan.files)
        coming, model = place / "coming", place / MODEL
        model.mkdir()
        with Bar("downloading", "files", len(plan.files), wanted=config.pull.progress) as bar:
            for name in plan.files:
                _take(plan, name, coming, model)
                bar.advance()
        shutil.rmtree(coming)
        check_model(model)
        write_entry(place, model, source=remote.repository, endpoint=remote.endpoint, revision=remote.revision)
        final = place.parent / plan.name / MODEL
    return final


def _take(plan: PullPlan, name: str, coming: Path, model: Path) -> None:
    """Download a file, and see that it is the one that was announced."""
    plan.hub.download(plan.remote, name, coming)
    path = coming / name
    expected, found = plan.remote.sizes[name], path.stat().st_size
    if path.is_symlink() or found != expected:
        raise InputError(name, f"damaged: {found:,} bytes came, {expected:,} were announced", "pull it again")
    sum = plan.remote.sums.get(name)
    if sum is not None and sha256_file(path) != sum:
        raise InputError(name, "damaged: its checksum is not the hub's", "pull it again")
    path.replace(model / name)


def _check_room(place: Path, remote: Remote, files: tuple[str, ...]) -> None:
    needed, free = sum(remote.sizes[name] or 0 for name in files), shutil.disk_usage(place).free
    if free < needed:
        room = f"{format_bytes(needed)} are needed, {format_bytes(free)} are free"
        raise RunError(f"{place.parent}: not enough disk space: {room}")
