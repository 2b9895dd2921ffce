"""YAML files of options: mappings of names to text, which the options' own types then make sense of.

No value is interpreted here (``no``, ``1e-3`` and ``0012`` stay text), so that the type of the option decides, and
not YAML's rules. Tags and anchors are refused, and mappings nested deeper than a file needs: attacks need them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from aam.errors import InputError
from aam.files.limits import limits
from aam.text import decode_text, read_bytes, shorten

NULLS = ("", "~", "null", "Null", "NULL")


class _Shape(NamedTuple):
    """How deep a file may be nested, and what it should look like, in words."""

    depth: int
    words: str
    nested: bool


FLAT = _Shape(2, "the file is flat: one `name: value` per line", False)


def read_config_file(path: Path) -> dict[str, Any]:
    """Value by name of a flat file, such as that of ``--config``: text, None, or a list of them.

    Raises
    ------
    InputError
        If the file is not such a mapping; with the line.
    """
    return _read(path, FLAT)


def read_nested_file(path: Path, depth: int, words: str) -> dict[str, Any]:
    """Value by name of a file in which values may be mappings themselves.

    Parameters
    ----------
    path
        The file.
    depth
        How many mappings and lists may lie in one another.
    words
        What the file should look like, for messages.

    Raises
    ------
    InputError
        If the file is not such a mapping; with the line.
    """
    return _read(path, _Shape(depth, words, True))


def read_nested_text(text: str, source: Path, depth: int, words: str) -> dict[str, Any]:
    """The same of a text that is a part of a file; ``source`` is the file, for messages."""
    return _parse(text, source, _Shape(depth, words, True))


def _read(path: Path, shape: _Shape) -> dict[str, Any]:
    most = limits().config_bytes
    content = read_bytes(path, most + 1)
    if len(content) > most:
        raise InputError(path, f"has more than {most:,} bytes", "is it a configuration?")
    return _parse(decode_text(content, path), path, shape)


def _parse(text: str, path: Path, shape: _Shape) -> dict[str, Any]:
    try:
        _check_events(path, text, shape)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        problem = f"{_line(error.problem_mark)}{error.problem or error.context}"
        raise InputError(path, problem, shape.words) from None
    except yaml.YAMLError as error:
        raise InputError(path, shorten(str(error).split("\n", 1)[0], 80), shape.words) from None
    if not isinstance(root, yaml.MappingNode):
        raise InputError(path, "holds no options", shape.words)
    return dict(_items(path, root, shape))


def _line(mark: Any) -> str:
    return "" if mark is None else f"line {mark.line + 1}: "


def _check_events(path: Path, text: str, shape: _Shape) -> None:
    """Refuse what could do harm, or grow, before anything is built from it."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = _line(event.start_mark)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise InputError(path, f"{line}anchors and aliases (& and *) are not accepted", "write the value out")
        if tag := getattr(event, "tag", None):
            raise InputError(path, f"{line}tags ({shorten(tag)}) are not accepted", "leave out what starts with !")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > shape.depth:
            raise InputError(path, f"{line}values are nested too deeply", shape.words)


def _items(path: Path, root: yaml.MappingNode, shape: _Shape) -> Iterator[tuple[str, Any]]:
    seen: set[str] = set()
    for key, value in root.value:
        line = _line(key.start_mark)
        if not isinstance(key, yaml.ScalarNode):
            raise InputError(path, f"{line}expected a name, got a list or mapping", shape.words)
        name = key.value.replace("-", "_")
        if name in seen:
            raise InputError(path, f"{line}key '{shorten(key.value)}' repeated", "leave one of them")
        seen.add(name)
        yield key.value, _value(path, value, shape)


def _value(path: Path, node: yaml.Node, shape: _Shape) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return None if node.style is None and node.value in NULLS else node.value
    if isinstance(node, yaml.SequenceNode):
        return [_value(path, item, shape) for item in node.value]
    if isinstance(node, yaml.MappingNode) and shape.nested:
        return dict(_items(path, node, shape))
    raise InputError(path, f"{_line(node.start_mark)}expected a value, got a mapping", shape.words)
