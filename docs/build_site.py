"""Builds the site of the documentation into build/docs/site, and refuses what would lead its readers nowhere.

Pages are those of the repository, where they stand in it; `docs/site.yaml` says in which order. Zensical makes HTML of
them and checks links between pages. That each page is in the navigation, and that every other link and picture leads
somewhere, is checked here. `python docs/build_site.py`, or `make docs`, which installs what it needs.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

ROOT = Path(__file__).parents[1]
CONFIG = "docs/site.yaml"
LINK = re.compile(r"(?<=\]\()(?P<path>[^)#\s]+)(?P<anchor>#[^)\s]*)?(?=\))")
"""Where a link or picture of Markdown leads."""
SHOWN_AS_THEY_ARE = (".md", ".png", ".gif", ".svg")
LANGUAGES = {".py": "python", ".yaml": "yaml", ".toml": "toml"}
"""Files that pages show, by their endings; others are text."""

Nav = list[Any]
"""Pages, and mappings of a title to what stands below it."""


class SiteError(Exception):
    """Something that a reader would stumble on; one line each."""


def build(root: Path, target: Path) -> None:
    """Build the site of the repository at `root` into `target`/site.

    Raises:
        SiteError: with every page that is in no navigation, and every link that leads nowhere.
    """
    shutil.rmtree(target, ignore_errors=True)
    config = yaml.safe_load((root / CONFIG).read_text())
    nav = expanded(config["nav"], root, named=[*pages_of(config["nav"])])
    refuse([*wrong_in(nav, root)])
    stage(pages_of(nav), root, target / "pages")
    (target / "mkdocs.yml").write_text(yaml.safe_dump(config | {"nav": nav, "docs_dir": "pages", "site_dir": "site"}))
    done = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict", "-f", target / "mkdocs.yml"], check=False
    )
    if done.returncode:
        raise SiteError("zensical refuses what it says above")
    refuse([*dead_ends(target / "site")])


def refuse(wrong: list[str]) -> None:
    """Say what is wrong, if anything is."""
    if wrong:
        raise SiteError("\n".join(wrong))


def expanded(nav: Nav, root: Path, named: Collection[str]) -> Nav:
    """A navigation with the pages that its patterns, such as docs/kinds/*.md, mean beside those that are `named`."""
    made: Nav = []
    for entry in nav:
        if isinstance(entry, dict):
            made += [{title: expanded(below, root, named) for title, below in entry.items()}]
        elif "*" in entry:
            made += sorted({str(file.relative_to(root)) for file in root.glob(entry)} - set(named))
        else:
            made.append(entry)
    return made


def pages_of(nav: Nav) -> Iterator[str]:
    """All pages of a navigation, in order."""
    for entry in nav:
        if isinstance(entry, Mapping):
            yield from (page for below in entry.values() for page in pages_of(below))
        else:
            yield entry


def wrong_in(nav: Nav, root: Path) -> Iterator[str]:
    """Pages that are in no navigation, or in it twice, and those that are not there."""
    times = Counter(pages_of(nav))
    for page in sorted(str(file.relative_to(root)) for file in (root / "docs").rglob("*.md")):
        if page not in times:
            yield f"{page}: is in no navigation; name it in {CONFIG}"
    for page, count in times.items():
        if count > 1:
            yield f"{CONFIG}: {page} is named {count} times"
        if not (root / page).is_file():
            yield f"{CONFIG}: {page} is not there"


def stage(pages: Iterator[str], root: Path, target: Path) -> None:
    """Copy pages, and what they show and link to, to where the site is built from; code becomes pages, too."""
    shutil.copytree(root / "docs", target / "docs", ignore=shutil.ignore_patterns("*.py", "*.ipynb", "__pycache__"))
    for page in pages:
        place = target / page
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(LINK.sub(partial(_led, page=page, root=root, target=target), (root / page).read_text()))


def _led(link: re.Match[str], page: str, root: Path, target: Path) -> str:
    """Where a link of a page is to lead: to a page of the file or folder, where the site has none."""
    path, file = link["path"], (root / page).parent.joinpath(link["path"]).resolve()
    if "://" in path or path.endswith(SHOWN_AS_THEY_ARE) or not file.exists() or not file.is_relative_to(root):
        return link[0]
    place = target / f"{file.relative_to(root)}.md"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("\n".join(_of_folder(file, root, target) if file.is_dir() else _of_file(file, root)))
    return f"{path.rstrip('/')}.md"


def _of_folder(folder: Path, root: Path, target: Path) -> Iterator[str]:
    """A page that leads to all files of a folder."""
    yield f"# {folder.relative_to(root)}/\n"
    for file in sorted(folder.rglob("*")):
        if file.suffix in LANGUAGES:
            place = target / f"{file.relative_to(root)}.md"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text("\n".join(_of_file(file, root)))
            yield f"- [{file.relative_to(folder)}]({file.relative_to(folder.parent)}.md)"


def _of_file(file: Path, root: Path) -> Iterator[str]:
    """A page that shows a file, or a notebook as it ran."""
    if file.suffix == ".ipynb":
        for cell in json.loads(file.read_text())["cells"]:
            yield from _of_cell(cell)
    else:
        yield from (
            f"# {file.relative_to(root)}\n",
            f"````{LANGUAGES.get(file.suffix, 'text')}",
            file.read_text(),
            "````",
        )


def _of_cell(cell: Mapping[str, Any]) -> Iterator[str]:
    """A cell of a notebook with what it gave."""
    text = "".join(cell["source"])
    yield from (["```python", text, "```", ""] if cell["cell_type"] == "code" else [text, ""])
    for output in cell.get("outputs", ()):
        data = output.get("data", {"text/plain": output.get("text", "")})
        if "image/png" in data:
            yield f"![what it gave](data:image/png;base64,{''.join(data['image/png'].split())})\n"
        else:
            yield from ("```text", "".join(data["text/plain"]), "```", "")


class Html(HTMLParser):
    """Where the links of a page of HTML lead, and what on it may be led to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag links to, and by what it is linked to."""
        for name, value in attrs:
            if name in ("href", "src") and tag in ("a", "img", "script", "link"):
                self.links.append(value or "")
            if name in ("id", "name") and value:
                self.anchors.add(value)


def dead_ends(site: Path) -> Iterator[str]:
    """Links of a site within itself that lead nowhere, each with the page that it stands on."""
    read = {file: Html(file.read_text()) for file in site.rglob("*.html") if file.name != "404.html"}
    for file, page in read.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            led = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            led = led / "index.html" if led.is_dir() else led
            if not led.exists():
                yield f"{file.relative_to(site)}: {link} is not there"
            elif parts.fragment and led in read and unquote(parts.fragment) not in read[led].anchors:
                yield f"{file.relative_to(site)}: {link} names nothing there"


if __name__ == "__main__":
    try:
        build(ROOT, ROOT / "build" / "docs")
    except SiteError as what:
        sys.exit(str(what))
