"""The index of models, and model hubs, in Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aam.config import ModelsConfig, PullConfig, PushConfig, from_flat
from aam.config.keywords import Parameter, parameters_of, takes_options
from aam.config.sharing.statement import StatementOptions
from aam.files.columns import Columns
from aam.workflows.python_words import python_words


def _of(config: type, *left: str) -> dict[str, Parameter]:
    """The options of a command but some."""
    return {name: found for name, found in parameters_of(config).items() if name not in left}


def list_models() -> Columns:
    """The models of your index: `aam models`.

    Returns
    -------
    Columns
        A row for each model (columns of arrays; ``.to_frame()`` makes a data frame); ``name`` is what every function
        takes for a model folder, ``path`` its folder.
    """
    from aam.workflows.sharing.index import list_index

    with python_words():
        return list_index()


@takes_options(_of(ModelsConfig, "name", "add", "remove", "output"))
def add_model(folder: str | Path, name: str | None = None, **options: Any) -> Path:
    """Take a copy of a model into your index: `aam models --add`.

    Parameters
    ----------
    folder
        Model folder or run directory.
    name
        Its name; that of the folder if None.
    {parameters}

    Returns
    -------
    pathlib.Path
        The model folder in the index.

    Raises
    ------
    CheckpointError
        If there is no model, or it is damaged.
    ConfigError, InputError
        If the name cannot be one, or is taken.
    """
    from aam.files.model_index import resolved
    from aam.workflows.sharing.index import add_to_index

    with python_words():
        config = from_flat(ModelsConfig, {"add": str(folder), "name": name, **options})
        card: StatementOptions = config.card
        assert config.models.add is not None
        chosen = add_to_index(config.models.add, config.models.name, card, overwrite=config.models.overwrite)
        return resolved(Path(chosen))


def remove_model(name: str) -> None:
    """Remove a model from your index: `aam models NAME --remove`.

    Parameters
    ----------
    name
        Its name.

    Raises
    ------
    InputError
        If no model has the name.
    """
    from aam.workflows.sharing.index import remove_from_index

    with python_words():
        remove_from_index(name)


@takes_options(_of(PullConfig, "repository", "yes"))
def pull(repository: str, **options: Any) -> Path:
    """Download a model of a model hub, check it, and put it into your index: `aam pull`, without asking.

    Parameters
    ----------
    repository
        ``OWNER/NAME`` on the hub.
    {parameters}

    Returns
    -------
    pathlib.Path
        Its model folder in the index.

    Raises
    ------
    CheckpointError
        If the hub has no such model, you may not see it, or it is damaged or no model of AAM.
    ConfigError, InputError
        If the extra ``hub`` is not installed, or the name is taken.
    RunError
        If the hub cannot be reached.
    """
    from aam.workflows.sharing.pull import plan_pull
    from aam.workflows.sharing.pull import pull as download

    with python_words(options):
        config = from_flat(PullConfig, {"repository": repository, **options})
        return download(plan_pull(config), config)


@takes_options(_of(PushConfig, "model", "repository", "yes"))
def push(model: str | Path, repository: str, **options: Any) -> str:
    """Send a model to a model hub: `aam push`, without asking.

    Parameters
    ----------
    model
        Model folder, run directory, or name in your index.
    repository
        ``OWNER/NAME`` on the hub.
    {parameters}

    Returns
    -------
    str
        The commit.

    Raises
    ------
    CheckpointError
        If there is no model, it is damaged, or the hub refuses your token.
    ConfigError, InputError
        If the extra ``hub`` is not installed, or an option cannot be used.
    RunError
        If the hub cannot be reached.
    """
    from aam.workflows.sharing.push import push as send
    from aam.workflows.sharing.push import push_plan

    given = {"model": str(model), "repository": repository, **options}
    with python_words(), push_plan(from_flat(PushConfig, given)) as plan:
        return send(plan)
