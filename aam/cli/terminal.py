"""The terminal: text from files (ids, columns, classes, paths) is shown literally."""

from __future__ import annotations

from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from aam.text import printable


class Terminal(Console):
    """The standard output without markup and emoji codes, and without escape sequences of anyone but rich itself.

    A sample may be named ``[/b]`` or ``:bug:``; and an escape sequence could colour, hide or retype what is shown.
    """

    def __init__(self) -> None:
        super().__init__(highlight=False, soft_wrap=True, markup=False, emoji=False)

    def render_str(self, text: str, **options: Any) -> Text:
        """A text as rich shows it; every string that is printed, in a table too, comes through here."""
        return super().render_str(printable(text), **options)


def padded(text: str, width: int, is_right: bool) -> str:
    """A cell of a table as wide as its column; numbers stand to the right."""
    space = " " * (width - cell_len(text))
    return space + text if is_right else text + space
