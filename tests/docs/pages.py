"""The documentation as data: pages, links, tables, fenced blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
TOP = ("README.md", "CHANGELOG.md")

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Page:
    """One file of Markdown."""

    path: Path

    @property
    def place(self) -> str:
        """Its path as it is shown in messages."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @property
    def prose(self) -> str:
        """The text without fenced blocks."""
        return _FENCE.sub("", self.text)

    def blocks(self, *languages: str) -> Iterator[str]:
        """Give the fenced blocks of some languages."""
        for found in _FENCE.finditer(self.text):
            if found[1] in languages:
                yield found[2]

    def links(self) -> Iterator[str]:
        """Give the targets of all links."""
        for found in _LINK.finditer(self.prose):
            yield found[1]

    def anchors(self) -> set[str]:
        """Give the anchors that headings have, as forges make them."""
        return {
            re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
            for heading in _HEADING.findall(self.prose)
        }

    def rows(self, *head: str) -> list[list[str]]:
        """Give the rows of the tables with such a head; cells without backticks."""
        found: list[list[str]] = []
        inside = False
        for line in self.text.splitlines():
            if not line.startswith("|"):
                inside = False
                continue
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if cells == list(head):
                inside = True
            elif inside and not set(line) <= set("|-: "):
                found.append([cell.replace("`", "") for cell in cells])
        return found


def pages() -> list[Page]:
    """List all pages."""
    paths = [ROOT / name for name in TOP] + sorted(DOCS.rglob("*.md"))
    return [Page(path) for path in paths]


def page(name: str) -> Page:
    """Give a page by its path below docs/."""
    return Page(DOCS / name)
