"""Check a built site: it asks nobody for anything, no link in it is dead, every public name is in it.

python docs/check.py site
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {
    ("script", "src"),
    ("img", "src"),
    ("img", "srcset"),
    ("source", "src"),
    ("iframe", "src"),
    ("video", "src"),
    ("audio", "src"),
    ("object", "data"),
    ("use", "href"),
}
"""Attributes whose address a browser fetches by itself; of ``link``, all but the following."""

_NOT_LOADED = ("canonical", "prev", "next", "alternate", "edit")
_IN_STYLES = re.compile(r"(?:url\(|@import\s+)[\"']?((?:https?:)?//[^\"')\s]+)", re.IGNORECASE)


class Reader(HTMLParser):
    """Collects what a page loads, where it leads, and what in it can be led to."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Read a tag."""
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        self.loaded += [value for name, value in given.items() if (tag, name) in LOADED]
        if tag == "link" and given.get("rel") not in _NOT_LOADED:
            self.loaded.append(given.get("href", ""))
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        self.loaded += _IN_STYLES.findall(given.get("style", ""))


def problems(site: Path, names: frozenset[str] = frozenset()) -> Iterator[str]:
    """Find what is wrong with a site.

    Args:
        site: the folder.
        names: what must be led to in the reference.
    """
    read = {path: _read(path) for path in sorted(site.rglob("*.html"))}
    if not read:
        yield f"{site} has no page"
    for path, page in read.items():
        shown = path.relative_to(site)
        yield from (f"{shown} loads {address}" for address in page.loaded if _is_outside(address))
        for link in page.links:
            split = urlsplit(link)
            # The page for unknown addresses is shown at any of them, and so begins its own with a slash.
            if split.scheme or split.netloc or split.path.startswith("/") or not link:
                continue
            target = path if not split.path else (path.parent / unquote(split.path)).resolve()
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file():
                yield f"{shown} leads to {link}, which is not there"
            elif split.fragment and target in read and unquote(split.fragment) not in read[target].anchors:
                yield f"{shown} leads to {link}, and there is no such place on that page"
    for path in sorted(site.rglob("*.css")):
        outside = _IN_STYLES.findall(path.read_text(encoding="utf-8"))
        yield from (f"{path.relative_to(site)} loads {address}" for address in outside)
    reference = [page.anchors for path, page in read.items() if path.parent.name == "reference"]
    yield from (f"{name} is on no page" for name in sorted(names.difference(*reference)))


def _read(path: Path) -> Reader:
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    return reader


def _is_outside(address: str) -> bool:
    split = urlsplit(address)
    return bool(split.netloc) or split.scheme in ("http", "https", "ftp", "ws", "wss")


if __name__ == "__main__":
    found = list(problems(Path(sys.argv[1])))
    sys.exit("\n".join(found) if found else 0)
