"""Pages from outside this folder (README, the notebooks), and the API reference, for mkdocs.

Links are written for the repository; those of the site are made from them here.
"""

from __future__ import annotations

import inspect
import posixpath
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import latex2mathml.converter as latex2mathml
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import dalab
from dalab import catalogue

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "dalab"

ELSEWHERE = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md",
             "CHANGELOG.md": "changelog.md"}
"""Pages outside ``docs/``, by their path in the repository, and where the site has them."""

ROOMS = (
    "foreign", "systems", "observations", "priors", "methods", "metrics", "experiments", "views",
)

HIDDEN = re.compile("__|cli(_|$)")
"""Modules without a place in the reference: commands describe themselves by ``--help``."""

LINK = re.compile(r"(\]\()([^)#\s]+)([^)\s]*\))")
HREF = re.compile(r'(href=")([^"#]+)([^"]*")')
FORMULA = re.compile(
    r"(?P<code><(?P<tag>pre|code|script|style|svg)\b.*?</(?P=tag)>"
    r"|<div class=\"clipboard-copy-txt\".*?</div>|<[^>]*>)"
    r"|\$\$(?P<display>[^$]+)\$\$|\$(?P<inline>[^$<]+)\$", re.DOTALL)
OUTSIDE = re.compile(r"[a-z]+:|/|#")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fill the navigation of the reference."""
    for section in config.nav:
        if "Reference" in section:
            first = ["reference/index.md", {"What can be chosen": "reference/catalogue.md"}]
            ground = {"ground floor": "reference/dalab.md"}
            section["Reference"] = [*first, *map(navigation, ROOMS), ground]
    return config


@event_priority(100)  # before the plugin that renders notebooks looks for them
def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from outside this folder and those that are generated."""
    for path, page in ELSEWHERE.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / path)))
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        files.append(File(f"notebooks/{path.name}", src_dir=str(ROOT), dest_dir=config.site_dir,
                          use_directory_urls=config.use_directory_urls))
    files.append(File.generated(config, "reference/index.md", content=vocabulary()))
    files.append(File.generated(config, "reference/catalogue.md", content=choices()))
    names = [name for room in ROOMS for name in packages(PACKAGE / room)]
    for package in ("dalab", *names):
        page = f"reference/{package}.md"
        files.append(File.generated(config, page, content=reference(package)))
    return files


def on_page_markdown(markdown: str, page: Page, **kwargs: Any) -> str:
    """Turn links within the repository into links within the site."""
    return LINK.sub(lambda m: m[1] + site_link(m[2], page.file.src_uri) + m[3], markdown)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Do the same in notebooks, which are HTML by now, and set their formulas."""
    if not page.file.src_uri.endswith(".ipynb"):
        return html

    def link(match: re.Match) -> str:
        target = site_link(match[2], page.file.src_uri)
        there = files.get_file_from_path(posixpath.normpath(f"notebooks/{target}"))
        return match[1] + (there.url_relative_to(page.file) if there else target) + match[3]

    return FORMULA.sub(formula, HREF.sub(link, html))


def formula(match: re.Match) -> str:
    """TeX as MathML, which browsers set without a script; code stays as it is."""
    if match["code"]:
        return match[0]
    display = "block" if match["display"] else "inline"
    return latex2mathml.convert(unescape(match["display"] or match["inline"]), display=display)


# --- links ------------------------------------------------------------------------------------


def site_link(target: str, page: str) -> str:
    """A link that is right in the repository, as it must be written on a page of the site."""
    if OUTSIDE.match(target) or page.startswith("reference/"):
        return target
    path = posixpath.normpath(posixpath.join(posixpath.dirname(repository_path(page)), target))
    if (there := site_path(path)) is None:
        return f"{REPOSITORY}/{'tree' if (ROOT / path).is_dir() else 'blob'}/main/{path}"
    return posixpath.relpath(there, posixpath.dirname(page) or ".")


REPOSITORY = "https://github.com/dalab-project/dalab"


def repository_path(page: str) -> str:
    """The file that a page of the site is made from."""
    for path, there in ELSEWHERE.items():
        if there == page:
            return path
    return page if page.startswith("notebooks/") else f"docs/{page}"


def site_path(path: str) -> str | None:
    """The page that is made from a file of the repository, or None if there is none."""
    if path in ELSEWHERE:
        return ELSEWHERE[path]
    if path.startswith("notebooks/"):
        return path
    shown = path.startswith("docs/") and path.endswith((".md", ".png"))
    return path.removeprefix("docs/") if shown else None


# --- the reference ----------------------------------------------------------------------------


def packages(folder: Path) -> Iterator[str]:
    """Dotted names of a package and the packages in it."""
    for init in sorted(folder.rglob("__init__.py")):
        yield ".".join(init.parent.relative_to(ROOT).parts)


def navigation(room: str) -> dict[str, Any]:
    """The pages of a room."""
    first, *others = packages(PACKAGE / room)
    pages = [{name.removeprefix(f"{first}."): f"reference/{name}.md"} for name in others]
    return {room: [f"reference/{first}.md", *pages]}


def reference(package: str) -> str:
    """The page of a package: itself, then each of its modules."""
    folder = ROOT.joinpath(*package.split("."))
    names = [path.stem for path in sorted(folder.glob("*.py")) if not HIDDEN.match(path.stem)]
    modules = [f"::: {package}.{name}\n" for name in names]
    alone = "    options:\n      members: false\n      show_root_heading: false\n"
    return f"# {package}\n\n::: {package}\n{alone}\n" + "\n".join(modules)


def vocabulary() -> str:
    """The first page: every public name of ``dalab`` with the first line of its docstring."""
    rows = "\n".join(f"| {linked(name)} | {summary(getattr(dalab, name))} |"
                     for name in sorted(dalab.__all__))
    return f"# Reference\n\n{dalab.__doc__}\n\n| `dalab.` | |\n|---|---|\n{rows}\n"


def linked(name: str) -> str:
    """A public name, linked to where it is defined, and the target of links to the short name."""
    thing = getattr(dalab, name)
    home = thing.__name__ if isinstance(thing, ModuleType) else defined(thing)
    anchor = "" if home == f"dalab.{name}" else f"[](){{#dalab.{name}}}"
    return f"[`{name}`][{home}]{anchor}"


def defined(thing: type | FunctionType) -> str:
    """The full name of a class or a function."""
    return f"{thing.__module__}.{thing.__qualname__}"


def summary(thing: Any) -> str:
    """The first line of a docstring, fit for a cell of a table."""
    lines = (inspect.getdoc(thing) or "").splitlines() or [""]
    return cell(lines[0])


def choices() -> str:
    """The page of everything that has a name: an entry of a registry, with its options."""
    return "# What can be chosen\n\n" + "\n".join(map(registry, catalogue.registries()))


def registry(kind: str) -> str:
    """The table of one registry."""
    rows = "\n".join(
        f"| `{entry.name}` | {cell(entry.summary)} | {'<br>'.join(map(cell, entry.options))} |"
        for entry in catalogue.entries(kind)
    )
    return f"## {kind.capitalize()}\n\n| | | options |\n|---|---|---|\n{rows}\n"


def cell(text: str) -> str:
    """A line of a docstring, fit for a cell of a table."""
    return re.sub(r"(:\w+:)?`+([^`]+)`+", r"`\2`", text).replace("|", "\\|")
