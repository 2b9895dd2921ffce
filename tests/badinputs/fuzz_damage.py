"""Ways to damage a sound file: at any byte, and where its format gives a text its structure.

Each takes the content and a source of randomness, and gives the damaged content; the same seed gives the same damage.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from typing import Any

Damage = Callable[[bytes, random.Random], bytes]

PIECES = (b"\0", b"\xff", b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\t", b"\n", b'"', b"-1", b"1e999")
WORDS = (
    "",
    " ",
    "0",
    "-1",
    "0.5",
    "1e999",
    "-1e-320",
    "1e18",
    "9007199254740993",
    "9" * 400,
    "nan",
    "inf",
    "0x10",
    "1_000",
    "1,5",
    "٣",
    "NA",
    "#",
    "#q2:types",
    "'",
    '"',
    '""',
    "(",
    ";",
    ",",
    "\t",
    "\n",
    "\r",
    "\x0b",
    "\x1c",
    "\x85",
    "\u2028",
    "\u202e",
    "\ufeff",
    "\ud7ff",
    "ﬀ",
    "é",
    "e\u0301",
    "İ",
    "🧬",
    "../../x",
    "=1+1",
    "<b>",
    "{}",
    "[]",
    "null",
    "true",
    "s1",
    "ACGT",
    "acgu-",
    "N" * 40,
    "x" * 20_000,
)
VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2,
    3.5,
    -0.0,
    1e308,
    1e19,
    float("nan"),
    float("inf"),
    2**31,
    2**53 + 1,
    2**63,
    2**64,
    10**40,
    "",
    "x",
    "0",
    "\0",
    "\n",
    "é🧬",
    "x" * 5_000,
    [],
    {},
    [[]],
    [None],
    [0, 1],
    {"id": None},
    {"x": [1]},
)
SEPARATORS = ("\t", ",", "\n")


def damage_bytes(content: bytes, rng: random.Random) -> bytes:
    """Flip, cut, splice or overwrite at a few random places."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        place = rng.randrange(len(changed) + 1)
        match rng.randrange(5):
            case 0 if place < len(changed):
                changed[place] ^= 1 << rng.randrange(8)
            case 1 if place < len(changed):
                changed[place] = rng.randrange(256)
            case 2:
                value = rng.choice(PIECES)
                changed[place : place + len(value)] = value
            case 3:
                del changed[place : place + rng.choice((1, 4, 64, len(changed)))]
            case _:
                start = rng.randrange(len(changed) + 1)
                changed[place:place] = changed[start : start + rng.choice((1, 8, 64))]
    return bytes(changed)


def damage_cells(content: bytes, rng: random.Random) -> bytes:
    """Swap, drop, add, repeat or replace cells and lines of a table of text, or change how it is encoded."""
    lines = content.decode().split("\n")
    for _ in range(rng.choice((1, 1, 2, 5))):
        place = rng.randrange(len(lines)) if lines else 0
        if rng.random() < 0.3:
            _damage_sequence(lines, rng, "\t".join(rng.choices(WORDS, k=rng.randrange(4))))
        elif lines:
            separator = max(SEPARATORS[:2], key=lines[place].count)
            cells = lines[place].split(separator)
            _damage_sequence(cells, rng, rng.choice(WORDS))
            lines[place] = separator.join(cells)
    text = rng.choice(("\n", "\n", "\n", "\n", "\r\n", "\r")).join(lines)
    encoding = rng.choice(("utf-8", "utf-8", "utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1"))
    return text.encode(encoding, "replace")


def damage_json(content: bytes, rng: random.Random) -> bytes:
    """Replace, drop, add or move values of a JSON text, repeat a key, or nest it deeply."""
    tree = json.loads(content)
    for _ in range(rng.choice((1, 1, 2, 4))):
        tree = change_tree(tree, rng)
    text = json.dumps(tree, ensure_ascii=rng.random() < 0.5)
    match rng.randrange(20):
        case 0:
            depth = rng.choice((10, 900, 5_000, 200_000))
            text = text.replace("null", "[" * depth + "]" * depth, 1)
        case 1:
            text = re.sub(r'("\w+"): ', rf"\1: {rng.choice(('0', '[]', '{}'))}, \1: ", text, count=1)
        case 2:
            text += rng.choice((" ", "\n", "x", "}", text))
    return text.encode(errors="replace")


def change_tree(tree: Any, rng: random.Random) -> Any:
    """A JSON tree in which one value, chosen by walking down, is another."""
    if not isinstance(tree, (dict, list)) or not tree or rng.random() < 0.1:
        return _other_value(tree, rng)
    keys = list(tree) if isinstance(tree, dict) else list(range(len(tree)))
    key = rng.choice(keys)
    changed: Any = dict(tree) if isinstance(tree, dict) else list(tree)
    match rng.randrange(8):
        case 0:
            del changed[key]
        case 1:
            other = rng.choice(keys)
            changed[key], changed[other] = tree[other], tree[key]
        case 2 if isinstance(changed, dict):
            changed[rng.choice(WORDS)] = rng.choice(VALUES)
        case 2:
            changed.insert(key, rng.choice((*VALUES, tree[key])))
        case _:
            changed[key] = change_tree(tree[key], rng)
    return changed


def damage_yaml(content: bytes, rng: random.Random) -> bytes:
    """Replace values of a flat YAML file, repeat or drop lines, and use what a flat file does not need."""
    lines = content.decode().split("\n")
    odd = ("&a [x]", "*a", "!!python/object:os.system x", "{a: 1}", "[[[[1]]]]", "'", '"\\x', "|\n  x", "- x", "? x")
    for _ in range(rng.choice((1, 1, 2, 4))):
        place = rng.randrange(len(lines)) if lines else 0
        if rng.random() < 0.25:
            _damage_sequence(lines, rng, rng.choice(("x: 1", "<<: {}", "---", "...", "%YAML 9", "[" * 5_000, *odd)))
        elif lines:
            name = lines[place].partition(":")[0]
            value = rng.choice((*odd, *WORDS, *map(str, VALUES), "2000-01-01", "1:30", "~", "0o7", ".5", "1e3"))
            lines[place] = f"{name}: {value}"
    return "\n".join(lines).encode(errors="replace")


def damage_newick(content: bytes, rng: random.Random) -> bytes:
    """Move, drop, repeat or replace the tokens of a tree."""
    tokens = re.findall(r"'(?:[^']|'')*'|[()\[\]:;,]|[^()\[\]:;,']+", content.decode())
    odd = ("(" * 3_000, "()", "[", "]", "[[x]]", "''", "'", ":", "::", ";", ",", ")", "_", ":-1", ":1e400", ":1e308")
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        _damage_sequence(tokens, rng, rng.choice((*odd, *WORDS)))
    return "".join(tokens).encode(errors="replace")


def _other_value(value: Any, rng: random.Random) -> Any:
    """Another value of the same type, or any."""
    match rng.randrange(4):
        case 0 if isinstance(value, str):
            return damage_bytes(value.encode(errors="replace"), rng).decode(errors="replace")
        case 0 if isinstance(value, (int, float)):
            return rng.choice((-value, value + 1, value * 2, value / 3, str(value), [value]))
        case 1 if isinstance(value, str):
            return rng.choice(WORDS)
    return rng.choice(VALUES)


def _damage_sequence(items: list[str], rng: random.Random, new: str) -> None:
    """One change of a list of cells, lines or tokens, in place."""
    place = rng.randrange(len(items)) if items else 0
    match rng.randrange(6):
        case 0 if items:
            del items[place]
        case 1 if items:
            other = rng.randrange(len(items))
            items[place], items[other] = items[other], items[place]
        case 2 if items:
            items[place:place] = items[place : place + rng.choice((1, 1, 3, 50))]
        case 3 if items:
            items[place] += new
        case 4:
            items.insert(place, new)
        case _ if items:
            items[place] = new
