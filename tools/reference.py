"""Write ``docs/reference.md`` from the configuration. Run as ``python tools/reference.py`` (or ``make docs``)."""

from __future__ import annotations

import sys
from pathlib import Path

from aam.config.reference import reference_page

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference.md"


def main() -> int:
    """Write the page and say where it is."""
    PAGE.write_text(reference_page(), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(PAGE.parent.parent)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
