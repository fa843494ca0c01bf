"""The words of the code: plain docstrings, and none of the private names of earlier versions."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "dalab"
CLAUSE = re.compile(r"(What|Whether|How|Where)\b")


class Rule(NamedTuple):
    """Names that are forbidden.

    Args:
        names: the names, separated by spaces.
        folder: where in the package they are forbidden; everywhere, if empty.
        kinds: kinds of names that are forbidden; all, if empty.
    """

    names: str
    folder: str = ""
    kinds: tuple[str, ...] = ()

    def forbids(self, name: Name) -> bool:
        """True if the name is one of these, in the folder, and of one of the kinds."""
        here = name.path == self.folder or name.path.startswith(f"{self.folder}/")
        kind = not self.kinds or name.kind in self.kinds
        return name.text in self.names.split() and kind and (here or not self.folder)


class Name(NamedTuple):
    """A name that the package defines: of a module, class, function, parameter or attribute."""

    text: str
    kind: str
    path: str
    line: int

    def __str__(self) -> str:
        return f"dalab/{self.path}:{self.line}: {self.kind} {self.text}"


RULES = (
    # views
    Rule("desk Desk board Board Plan emblem emblems keeper strip strips sheet Sheet", "views"),
    Rule("strip_html scale_html scales_html scale_pictures STRIP SCALES", "views"),
    Rule("Watch watch Still still Look look looks LOOKS LOOKED Screen", "views"),
    Rule("Picture picture Scene scene Kept kept Newest Brushes brushes moment Loose", "views"),
    Rule("Prospect prospect Question Answer Outlook", "views"),
    Rule("barred barred_methods barred_operators fits spelt spoken", "views"),
    Rule("first_guess", "views"),
    Rule("front fit place tick room", "views", ("function", "attribute")),
    Rule("said told say hear usual USUAL"),
    Rule("misjudge Teacher teacher trouble hinted overlaid"),
    # experiments
    Rule("held Held Thing Turn Place Line slots quota overtime Work", "experiments"),
    Rule("line", "experiments/service"),
    Rule("work frame digest layout tally held line quota", "experiments", ("module",)),
    Rule("tally settled", "experiments", ("function",)),
    # methods and metrics
    Rule("yardsticks Evidence evidence Tabulated knows doubted DOUBT RELIABLE", "methods"),
    Rule("way quiet stale cap", "methods", ("function", "attribute")),
    Rule("near", "methods/diffusion", ("function", "attribute")),
    Rule("Outlook outlook", "metrics"),
    # priors and systems
    Rule("Sight sight see Informed InformedPrior informed Exchange exchange"),
    Rule("given", "priors"),
    Rule("Carrier carry looks look LOOKS grown shipped", "priors"),
    Rule("spun_up", "systems"),
    Rule("transport", "systems", ("module", "function", "attribute")),
    Rule("spread_out", "observations"),
)

PHRASES = (
    r"\bmisjudge", r"\bfirst guess\b", r"\bthe usual\b", r"\bin their words\b", r"\bdesk\b",
    r"\bon show\b", r"\bwhoever\b", r"\bsomebody\b", r"\bset-up\b", r"\bstands? in line\b",
)
"""Expressions that no text on the page and no message contains."""


@cache
def trees() -> dict[str, ast.Module]:
    """The syntax tree of every module, by path in the package."""
    files = sorted(PACKAGE.rglob("*.py"))
    return {str(f.relative_to(PACKAGE)): ast.parse(f.read_text(encoding="utf-8")) for f in files}


@cache
def documented() -> tuple[tuple[str, int, str], ...]:
    """Path, line and text of every docstring, those of attributes included."""
    return tuple(_documented())


def _documented() -> Iterator[tuple[str, int, str]]:
    for path, tree in trees().items():
        for node in ast.walk(tree):
            body = getattr(node, "body", None)
            if not isinstance(body, list):
                continue
            for before, child in zip([None, *body], body, strict=False):
                text = child.value if isinstance(child, ast.Expr) else None
                follows = before is None or isinstance(before, ast.Assign | ast.AnnAssign)
                if follows and isinstance(text, ast.Constant) and isinstance(text.value, str):
                    yield path, child.lineno, text.value


def targets(node: ast.AST) -> Iterator[ast.expr]:
    """Targets of an assignment."""
    if isinstance(node, ast.AnnAssign):
        yield node.target
    if isinstance(node, ast.Assign):
        for target in node.targets:
            yield from target.elts if isinstance(target, ast.Tuple) else [target]


def attributes(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Names assigned in a module, in a class, or to an instance."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef):
            for child in node.body:
                for target in targets(child):
                    if isinstance(target, ast.Name):
                        yield target.id, target.lineno
        for target in targets(node):
            if isinstance(target, ast.Attribute):
                yield target.attr, target.lineno


@cache
def names() -> tuple[Name, ...]:
    """Every name that the package defines, private names without their underscore."""
    return tuple(_names())


def _names() -> Iterator[Name]:
    for path, tree in trees().items():
        yield Name(Path(path).stem, "module", path, 1)
        for text, line in attributes(tree):
            yield Name(text.lstrip("_"), "attribute", path, line)
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                yield Name(node.name.lstrip("_"), "class", path, node.lineno)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield Name(node.name.lstrip("_"), "function", path, node.lineno)
            if isinstance(node, ast.arg):
                yield Name(node.arg.lstrip("_"), "parameter", path, node.lineno)


@cache
def texts() -> tuple[tuple[str, int, str], ...]:
    """Path, line and text of the strings, scripts and templates of the views."""
    return tuple(_texts())


def _texts() -> Iterator[tuple[str, int, str]]:
    described = {(path, line) for path, line, _ in documented()}
    for path, tree in trees().items():
        if not path.startswith("views/"):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                if (path, node.lineno) not in described:
                    yield path, node.lineno, node.value
    for file in sorted(f for kind in ("js", "html") for f in PACKAGE.rglob(f"*.{kind}")):
        for line, text in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
            if not text.lstrip().startswith("//"):
                yield str(file.relative_to(PACKAGE)), line, text


def test_docstrings_begin_with_what_they_name():
    found = [f"dalab/{path}:{line}: {text.strip().splitlines()[0]}"
             for path, line, text in documented() if CLAUSE.match(text.strip())]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.names.split()[0])
def test_no_private_names(rule):
    found = [str(name) for name in names() if rule.forbids(name)]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize("phrase", PHRASES)
def test_no_private_phrases_on_the_page(phrase):
    found = [f"dalab/{path}:{line}: {text.strip()[:90]}" for path, line, text in texts()
             if re.search(phrase, text, re.IGNORECASE)]
    assert not found, "\n" + "\n".join(found)


def test_the_rules_find_what_they_forbid():
    forbidden = Name("said", "attribute", "views/panel/pages/pages.py", 1)
    assert any(rule.forbids(forbidden) for rule in RULES)
    assert not any(rule.forbids(forbidden._replace(text="layout")) for rule in RULES)
    assert not any(rule.forbids(Name("line", "function", "views/panel/x.py", 1)) for rule in RULES)
    assert CLAUSE.match("What a person sees.") and not CLAUSE.match("Whatever is there.")
