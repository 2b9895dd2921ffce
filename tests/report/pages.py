"""A report as its reader's browser takes it apart, and what holds for every report."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

MARKUP = re.compile(r"<(script|iframe|object|embed|link|form|base)\b", re.IGNORECASE)


class Page(HTMLParser):
    """The text, tags, attributes and anchors of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.text, self.attributes, self.tags = [], [], []
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        self.words = re.sub(r"\s+", " ", " ".join(self.text))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.extend((tag, name, value or "") for name, value in attrs)

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def values(self, name: str) -> list[str]:
        return [value for _, attribute, value in self.attributes if attribute == name]


def check_self_contained(page: Page) -> None:
    """Nothing is loaded, nothing runs, and the policy says so to the browser."""
    links = [*page.values("src"), *page.values("href"), *page.values("xlink:href"), *page.values("srcset")]
    assert all(link.startswith(("#", "data:image/png;base64,")) for link in links)
    assert {link[1:] for link in links if link.startswith("#")} <= set(page.values("id"))
    assert not MARKUP.search(page.source)
    assert "@import" not in page.source
    assert set(re.findall(r"url\((.)", page.source)) <= {"#"}
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    policy = next(value for value in page.values("content") if "default-src" in value)
    assert "default-src 'none'" in policy
    assert "script" not in policy
    assert page.tags.count("style") == 1
    style = page.source[page.source.index("<style>") + len("<style>") : page.source.index("</style>")]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src-elem 'sha256-{digest}'" in policy
