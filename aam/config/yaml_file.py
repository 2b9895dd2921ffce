"""The YAML file of ``--config``: a flat mapping of names to text, which the options' own types then make sense of.

No value is interpreted here (``no``, ``1e-3`` and ``0012`` stay text), so that the type of the option decides, and
not YAML's rules. Tags, anchors and nested mappings are refused: a flat file needs none, and attacks do.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from aam.errors import InputError
from aam.files.limits import limits
from aam.text import decode_text, read_bytes, shorten

MOST_DEPTH = 2
NULLS = ("", "~", "null", "Null", "NULL")
FLAT = "the file is flat: one `name: value` per line"


def read_config_file(path: Path) -> dict[str, Any]:
    """Value by name: text, None, or a list of them.

    Raises
    ------
    InputError
        If the file is not such a mapping; with the line.
    """
    most = limits().config_bytes
    content = read_bytes(path, most + 1)
    if len(content) > most:
        raise InputError(path, f"has more than {most:,} bytes", "is it a configuration?")
    text = decode_text(content, path)
    try:
        _check_events(path, text)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        raise InputError(path, f"{_line(error.problem_mark)}{error.problem or error.context}", FLAT) from None
    except yaml.YAMLError as error:
        raise InputError(path, shorten(str(error).split("\n", 1)[0], 80), FLAT) from None
    return dict(_items(path, root))


def _line(mark: Any) -> str:
    return "" if mark is None else f"line {mark.line + 1}: "


def _check_events(path: Path, text: str) -> None:
    """Refuse what could do harm, or grow, before anything is built from it."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = _line(event.start_mark)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise InputError(path, f"{line}anchors and aliases (& and *) are not accepted", "write the value out")
        if tag := getattr(event, "tag", None):
            raise InputError(path, f"{line}tags ({shorten(tag)}) are not accepted", "leave out what starts with !")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MOST_DEPTH:
            raise InputError(path, f"{line}values are nested too deeply", FLAT)


def _items(path: Path, root: yaml.Node | None) -> Iterator[tuple[str, Any]]:
    if not isinstance(root, yaml.MappingNode):
        raise InputError(path, "holds no options", FLAT)
    seen: set[str] = set()
    for key, value in root.value:
        line = _line(key.start_mark)
        if not isinstance(key, yaml.ScalarNode):
            raise InputError(path, f"{line}expected a name, got a list or mapping", FLAT)
        name = key.value.replace("-", "_")
        if name in seen:
            raise InputError(path, f"{line}key '{shorten(key.value)}' repeated", "leave one of them")
        seen.add(name)
        yield key.value, _value(path, value)


def _value(path: Path, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return None if node.style is None and node.value in NULLS else node.value
    if isinstance(node, yaml.SequenceNode):
        return [_value(path, item) for item in node.value]
    raise InputError(path, f"{_line(node.start_mark)}expected a value, got a mapping", FLAT)
