"""List the benchmarks and how each is run: ``python -m benchmarks``."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent


def benchmarks() -> Iterator[tuple[str, str]]:
    """Name and first sentence of each benchmark: the modules of this folder and its folders that run as a program."""
    for path in sorted(HERE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if path != HERE / "__main__.py" and "__main__" in text:
            name = ".".join(part for part in path.relative_to(HERE).with_suffix("").parts if part != "__main__")
            yield name, (ast.get_docstring(ast.parse(text)) or "").split("\n\n")[0]


def main() -> None:
    """Print the list."""
    print("The benchmarks take minutes to hours and are started one by one; each explains itself with --help.")
    for name, words in benchmarks():
        print(f"\n{words}\n    python -m benchmarks.{name} --help")


if __name__ == "__main__":
    main()
