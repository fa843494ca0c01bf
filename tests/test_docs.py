"""The documentation site builds without a warning, and its links lead somewhere."""

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

pytest.importorskip("mkdocs")

ROOT = Path(__file__).parents[1]
PAGES = [*sorted((ROOT / "docs").glob("*.md")), *(ROOT / name for name in
         ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"))]

pytestmark = pytest.mark.lab


class Parts(HTMLParser):
    """Collects the identifiers, links and loaded files of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.ids, self.links, self.loaded = set(), [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.ids.add(found.get("id"))
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif tag in ("img", "script", "link") and found.get("rel") != "canonical":
            self.loaded.append(found.get("src") or found.get("href"))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site; a warning is a failure."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr[-5000:]
    return folder


@pytest.fixture(scope="module")
def pages(site):
    """Every page by its path."""
    found = {path: Parts(path.read_text()) for path in site.rglob("*.html")}
    return {path: parts for path, parts in found.items() if path.name != "404.html"}


def target(page: Path, link: str) -> tuple[Path, str] | None:
    """File and fragment that a link of a page leads to, or None if it leaves the site."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return None
    path = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    return (path / "index.html" if path.is_dir() else path), unquote(parts.fragment)


@pytest.mark.slow
def test_links_of_the_site_lead_somewhere(pages):
    broken = []
    for page, parts in pages.items():
        for link in [*parts.links, *filter(None, parts.loaded)]:
            if (there := target(page, link)) is None:
                continue
            path, fragment = there
            known = not fragment or path not in pages or fragment in pages[path].ids
            if not path.exists() or not known:
                broken.append(f"{page.parent.name}: {link}")
    assert broken == []


@pytest.mark.slow
def test_pages_load_nothing_from_elsewhere(pages):
    loaded = {link for parts in pages.values() for link in parts.loaded if link}
    assert {link for link in loaded if urlsplit(link).netloc} == set()


@pytest.mark.slow
def test_the_reference_has_the_public_names_and_every_module(pages, site):
    import dalab

    index = (site / "reference" / "index.html").read_text()
    assert [name for name in dalab.__all__ if f">{name}<" not in index] == []
    ids = set().union(*(parts.ids for parts in pages.values()))
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts)
               for path in (ROOT / "dalab").glob("*/**/*.py") if path.name != "__init__.py"}
    commands = {name for name in modules if name.startswith("dalab.commands.")}
    assert modules - commands <= ids and not commands & ids


@pytest.mark.slow
def test_the_gallery_shows_stored_figures_and_formulas(site):
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        page = (site / "notebooks" / path.stem / "index.html").read_text()
        cells = json.loads(path.read_text())["cells"]
        stored = [output for cell in cells for output in cell.get("outputs", ())]
        figures = sum("image/png" in output.get("data", {}) for output in stored)
        assert len(re.findall(r'src="data:image/png', page)) == figures
        words = "".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
        assert page.count("<math") == len(re.findall(r"\$\$.+?\$\$|\$.+?\$", words, re.DOTALL))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_of_the_repository_lead_somewhere(path):
    links = re.findall(r"\]\(([^)#\s]+)", path.read_text())
    inside = [link for link in links if not urlsplit(link).scheme]
    assert [link for link in inside if not (path.parent / link).exists()] == []
