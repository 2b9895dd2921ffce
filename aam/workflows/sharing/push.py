"""`aam push`: a model to a hub, with what its author states in its card."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aam.config.sharing.push import PushConfig
from aam.errors import ConfigError
from aam.models.folder.container import read_manifest
from aam.models.folder.front_matter import LABELS, read_card, stated_in
from aam.models.folder.paths import CARD, find_weights
from aam.text import format_bytes
from aam.version import __version__
from aam.workflows.sharing.entry import FILES
from aam.workflows.sharing.hub import Hub
from aam.workflows.sharing.index import copy_model


@dataclass(frozen=True)
class PushPlan:
    """What would be sent: exactly the files of a folder of its own.

    Attributes
    ----------
    hub, repository
        Where to.
    folder
        The copy of the model, with the card as it would be.
    source
        The model folder.
    is_new, is_public
        Whether the repository would be made, and whether everybody can see it.
    message
        Of the commit.
    notes
        What the user should know.
    """

    hub: Hub
    repository: str
    folder: Path
    source: Path
    is_new: bool
    is_public: bool
    message: str
    notes: tuple[str, ...]

    @property
    def files(self) -> list[str]:
        """The names of the files."""
        return [name for name in FILES if (self.folder / name).is_file()]

    def lines(self) -> Iterator[str]:
        """The plan in words."""
        kind = "PUBLIC: everybody can see it" if self.is_public else "private"
        state = "new" if self.is_new else "there already"
        yield f"push: {self.source} to {self.hub.endpoint}/{self.repository} ({state}, {kind})"
        for name in self.files:
            yield f"  {name:<17}  {format_bytes((self.folder / name).stat().st_size)}"
        yield from (f"note: {note}" for note in self.notes)


@contextmanager
def push_plan(config: PushConfig) -> Iterator[PushPlan]:
    """Check a model, write its card, and ask the hub whether there is such a repository; nothing is sent.

    Raises
    ------
    CheckpointError
        If there is no model, it is damaged, or the hub refuses the token.
    ConfigError
        If the extra is not installed, or the repository is seen by others than was asked for.
    InputError
        If the card cannot be read.
    RunError
        If the hub cannot be reached.
    """
    options = config.push
    source = find_weights(options.model).parent
    with tempfile.TemporaryDirectory(prefix="aam-push-") as scratch:
        folder = Path(scratch) / "model"
        copy_model(source, folder, config.card)
        hub = Hub()
        hub.check_signed_in()
        was_private = hub.is_private(options.repository)
        if was_private is not None and was_private == options.public:
            kind, remedy = ("private", "leave out --public") if was_private else ("public", "add --public")
            raise ConfigError(f"{hub.endpoint}/{options.repository} is {kind}: {remedy}, or choose another name")
        yield PushPlan(
            hub=hub,
            repository=options.repository,
            folder=folder,
            source=source,
            is_new=was_private is None,
            is_public=options.public,
            message=options.message or _message(folder),
            notes=tuple(_notes(folder)),
        )


def push(plan: PushPlan) -> str:
    """Send the files of a plan in one commit; returns the commit.

    Raises
    ------
    CheckpointError, RunError
        If the hub refuses it, or cannot be reached.
    """
    if plan.is_new:
        plan.hub.create(plan.repository, private=not plan.is_public)
    return plan.hub.upload(plan.repository, plan.folder, plan.files, plan.message)


def _message(folder: Path) -> str:
    targets = read_manifest(folder).targets
    what = "encoder" if targets is None else f"model of {', '.join(targets.columns)}"
    return f"AAM {__version__}: {what}"


def _notes(folder: Path) -> Iterator[str]:
    """What goes with a model that its author may not think of, and what its card does not say."""
    manifest = read_manifest(folder)
    if manifest.reference is not None or manifest.familiarity is not None:
        yield "who has the model has sequences, and perhaps counts and target values, of training samples (SECURITY.md)"
    yield "its description and card name the columns, classes and input files of the study"
    stated = stated_in(read_card(folder)[1]).given
    if (folder / CARD).is_file() and (lacking := [name for name in LABELS if name not in stated]):
        yield f"the card does not state: {', '.join(f'--{name}' for name in lacking)}"
