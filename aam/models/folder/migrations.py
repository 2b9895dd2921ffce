"""Model folders of older formats, brought to the present one step by step.

Each step is a pair of pure functions, from the description and the tensors' names of one format to those of the next.
They know JSON types alone and are never changed, so that a folder that could be read once can be read for ever. Whoever
changes the format adds the next pair here, and stores folders of the old one for the tests.

Formats 1 and 2 were of the development before any release, and are refused. Version 1.0.0 writes format 6;
docs/versions.md says which version may bring a new one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from aam.config.json_dataclass import need
from aam.errors import CheckpointError
from aam.text import shorten
from aam.version import __version__

FORMAT = 6
OLDEST = 3

Content = dict[str, Any]

# The quantiles that a model of format 3 learned where it named none.
QUANTILES_3 = [0.1, 0.5, 0.9]


class Migration(NamedTuple):
    """From one format to the next.

    ``content`` makes the new description of the old one; ``name`` the new name of a tensor, given the old description.
    """

    content: Callable[[Content], Content]
    name: Callable[[str, Content], str]


def check_format(weights: Path, config: Mapping[str, Any]) -> None:
    """Refuse a format that no migration leads from.

    Raises
    ------
    CheckpointError
        With the way out.
    """
    number, version = config["format"], shorten(str(config.get("aam")))
    if not OLDEST <= number <= FORMAT:
        remedy = "update it" if number > FORMAT else "train the model again"
        raise CheckpointError(
            f"{weights}: made by aam {version} (format {shorten(str(number))}); "
            f"this is aam {__version__} (format {FORMAT}): {remedy}"
        )


def is_newer(version: str) -> bool:
    """Whether a version is a later one than this program's; False of what is none."""
    numbers = [re.match(r"(\d{1,9})\.(\d{1,9})\.(\d{1,9})", text, re.ASCII) for text in (version, __version__)]
    found, own = (None if one is None else tuple(map(int, one.groups())) for one in numbers)
    return found is not None and own is not None and found > own


def to_present(content: Content) -> tuple[Content, Callable[[str], str]]:
    """The description in the present format, and what gives a tensor its present name.

    Parameters
    ----------
    content
        A description of format ``OLDEST`` or later; it is not changed.

    Raises
    ------
    ValueError
        If it lacks what its format has.
    """
    steps: list[tuple[Migration, Content]] = []
    for number in range(content["format"], FORMAT):
        steps.append((MIGRATIONS[number], content))
        content = MIGRATIONS[number].content(content)

    def rename(name: str) -> str:
        for migration, before in steps:
            name = migration.name(name, before)
        return name

    return content, rename


def content_of_3(old: Content) -> Content:
    """Format 4 lists members, each of a kind of its own; a model of format 3 was one network, or several alike."""
    for name in ("kind", "members", "model", "supervision", "predictor", "data", "record", "intervals", "aam"):
        need(name in old, f"'{name}' is lacking")
    members, predictor = old["members"], old["predictor"]
    need(isinstance(members, int) and not isinstance(members, bool), "'members' is not an integer")
    need(1 <= members <= MOST_MEMBERS_3, "a number of models is out of range")
    need(predictor is None or isinstance(predictor, dict), "'predictor' is not a JSON object")
    shared = dict.fromkeys(("targets", "covariate_spec")) if predictor is None else predictor
    own = ("head", "loss", "covariates")
    if predictor is not None:
        for name in ("targets", "covariate_spec", *own):
            need(name in predictor, f"'{name}' is lacking")
    network = {
        "kind": "network",
        "model": old["model"],
        "supervision": old["supervision"],
        "predictor": None if predictor is None else {name: predictor[name] for name in own},
    }
    return {
        "format": 4,
        "aam": old["aam"],
        "kind": old["kind"],
        "members": [network] * members,
        "weights": [],
        "targets": shared["targets"],
        "covariate_spec": shared["covariate_spec"],
        "outputs": _outputs_of_3(predictor),
        **{name: old[name] for name in ("data", "record", "intervals")},
    }


def _outputs_of_3(predictor: Content | None) -> Content:
    """What the decoder of predictions needs, which format 3 had among the options of the head and of the loss."""
    if predictor is None:
        return {"quantiles": [], "bounded_targets": False, "output_activation": "none"}
    head, loss = predictor["head"], predictor["loss"]
    need(isinstance(head, dict) and isinstance(loss, dict), "'head' or 'loss' is not a JSON object")
    quantiles = (loss.get("quantiles") or QUANTILES_3) if loss.get("loss_type") == "quantile" else []
    ends = {"bounded_targets": False, "output_activation": "none"}
    return {"quantiles": quantiles, **{name: head.get(name, usual) for name, usual in ends.items()}}


def name_of_3(name: str, old: Content) -> str:
    """Format 4 names the member of every tensor; format 3 named it where there were several."""
    return f"0.{name}" if old["members"] == 1 else name


def content_of_4(old: Content) -> Content:
    """Format 5 has a weight of each member for each target, and what members share; in format 4 one served all."""
    need(isinstance(old.get("weights"), list), "'weights' is no list")
    return {**old, "format": 5, "weights": [[weight] for weight in old["weights"]], "reference": None}


def same_name(name: str, old: Content) -> str:
    """The names stay."""
    return name


def content_of_5(old: Content) -> Content:
    """Format 6 says what the training data were like; of older models that is not known."""
    return {**old, "format": 6, "familiarity": None}


MOST_MEMBERS_3 = 100_000
MIGRATIONS = {
    3: Migration(content_of_3, name_of_3),
    4: Migration(content_of_4, same_name),
    5: Migration(content_of_5, same_name),
}
"""Format -> the way to the next one."""
