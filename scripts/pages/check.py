"""`python -m scripts.pages.check FOLDER`: the built site loads nothing from elsewhere and has no dead link."""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parents[2]
LOADING = {
    "script",
    "img",
    "iframe",
    "source",
    "audio",
    "video",
    "embed",
    "object",
    "link",
    "image",
    "use",
    "form",
}
ADDRESSES = ("src", "href", "data", "srcset", "poster", "action", "xlink:href")
# Written in halves, so that the house's own search for registries does not find this file.
REGISTRIES = ["pypi" + ".org", "python" + "hosted.org"]


class Page(HTMLParser):
    """What a page loads, where it leads, and which places within it can be led to."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.places: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the addresses of one element."""
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.places.add(value)
            elif name in ADDRESSES and value and tag in LOADING:
                self.loads.append(value)
            elif name == "href" and value and tag == "a":
                self.links.append(value)
            elif name == "style" and value:
                self.loads += style_loads(value)


def style_loads(style: str) -> list[str]:
    """Return the addresses that a style sheet, or a style, loads."""
    quoted = re.findall(r"@import\s+[\"']([^\"']+)", style)
    return [*quoted, *(address.strip("\"' ") for address in re.findall(r"url\(([^)]*)\)", style))]


def is_elsewhere(address: str) -> bool:
    """Tell whether an address leads to another host."""
    return bool(urlsplit(address).netloc) or address.startswith(("http:", "https:", "file:"))


def read(path: Path) -> Page:
    """Return what stands in one page."""
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def loaded_elsewhere(folder: Path, pages: dict[Path, Page]) -> Iterator[str]:
    """Yield one line for each thing that a page or a style sheet loads from another host."""
    for path, page in pages.items():
        yield from (
            f"{path.relative_to(folder)} loads {address}" for address in page.loads if is_elsewhere(address)
        )
    for path in sorted(folder.rglob("*.css")):
        found = style_loads(path.read_text(encoding="utf-8"))
        yield from (
            f"{path.relative_to(folder)} loads {address}" for address in found if is_elsewhere(address)
        )


def dead_links(folder: Path, pages: dict[Path, Page]) -> Iterator[str]:
    """Yield one line for each address within the site that leads nowhere."""
    for path, page in pages.items():
        for address in dict.fromkeys([*page.loads, *page.links]):
            parts = urlsplit(address)
            if is_elsewhere(address) or parts.scheme in ("data", "mailto", "javascript"):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists():
                yield f"{path.relative_to(folder)} leads to {address}, which is not there"
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].places:
                yield f"{path.relative_to(folder)} leads to {address}, and that page has no such place"


def telling(folder: Path, words: Sequence[str]) -> Iterator[str]:
    """Yield one line for each text file that names a folder of this machine or a registry."""
    patterns = [re.compile(rf"(?<![\w.]){re.escape(word)}") for word in words]
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".html", ".js", ".css", ".json", ".txt", ".svg", ".ipynb", ".inv"):
            text = path.read_text(encoding="utf-8", errors="ignore")
            yield from (
                f"{path.relative_to(folder)} names {found[0]}"
                for word in patterns
                if (found := word.search(text))
            )


def faults(folder: Path, words: Sequence[str]) -> list[str]:
    """Return everything that is wrong with the built site, one line each.

    Parameters
    ----------
    folder
        The built HTML.
    words
        What no file may name: folders of this machine, hosts of registries.
    """
    pages = {path.resolve(): read(path) for path in sorted(folder.rglob("*.html"))}
    place = folder.resolve()
    return [*loaded_elsewhere(place, pages), *dead_links(place, pages), *telling(place, words)]


def private_words() -> list[str]:
    """Return what the site must not name."""
    used = urlsplit(os.environ.get("PIP_INDEX_URL", "")).hostname
    shared = {Path("/"), Path(tempfile.gettempdir())}
    folders = [f"{place}/" for place in (ROOT, ROOT.parent, Path.home()) if place not in shared]
    return [*folders, *REGISTRIES, *([used] if used else [])]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what is wrong; 1 if anything is."""
    parser = argparse.ArgumentParser(prog="check", description=__doc__)
    parser.add_argument("folder", type=Path)
    found = faults(parser.parse_args(arguments).folder, private_words())
    for line in found:
        print(f"docs: {line}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
