"""What the project says of itself in several files is the same in all of them."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import dalab

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())
HOME = PROJECT["urls"]["Homepage"]
TEMPLATES = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*_*.yml"))


def test_one_version():
    assert PROJECT["version"] == dalab.__version__ == CITATION["version"]


def test_one_licence():
    assert PROJECT["license"] == CITATION["license"] == "MIT"
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")


@pytest.mark.parametrize("name", ["CITATION.cff", "CHANGELOG.md", "mkdocs.yml"])
def test_one_address(name):
    text = (ROOT / name).read_text()
    found = re.findall(r"https://github\.com/[\w.-]+/[\w-]+", text)
    assert found and set(found) == {HOME}


def test_the_workflow_runs_every_python_that_is_supported():
    workflow = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text())
    matrix = workflow["jobs"]["tests"]["strategy"]["matrix"]["python-version"]
    prefix = "Programming Language :: Python :: "
    named = [c.removeprefix(prefix) for c in PROJECT["classifiers"] if c.startswith(prefix)]
    assert matrix == [version for version in named if "." in version]
    makefile = (ROOT / "Makefile").read_text()
    bounds = re.search(r"\((3, \d+)\) <= sys.version_info\[:2\] <= \((3, \d+)\)", makefile)
    assert [bound.replace(", ", ".") for bound in bounds.groups()] == [matrix[0], matrix[-1]]


def test_the_workflow_calls_targets_of_the_makefile():
    workflow = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text())
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    called = {step["run"].split()[1] for step in steps if step.get("run", "").startswith("make ")}
    targets = set(re.findall(r"^([a-z0-9-]+):.*## ", (ROOT / "Makefile").read_text(), re.M))
    assert {"lint", "test", "test-slow", "test-numpy1"} <= called <= targets


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_issue_forms_are_complete(path):
    form = yaml.safe_load(path.read_text())
    assert {"name", "description", "body"} <= set(form)
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert len({field["id"] for field in fields}) == len(fields)
    assert all(field["attributes"]["label"] for field in fields)


def test_hooks_are_local():
    repos = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repo["repo"] for repo in repos] == ["local"]


def test_the_changelog_has_an_open_section():
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert headings[0] == "Unreleased"
    assert len(set(headings)) == len(headings)


def test_the_package_is_typed():
    assert (ROOT / "dalab" / "py.typed").read_bytes() == b""


def test_the_readme_is_one_page():
    assert (ROOT / "README.md").read_text().count("\n") < 120


INTERFACES = {"anywidget", "bokeh", "holoviews", "ipywidgets", "mkdocs", "nbformat", "panel"}
LATE = {"dalab.views.panel.serve"}
"""Parts of the interfaces that import their packages only when they are called."""


def imports(body: list[ast.stmt]) -> Iterator[tuple[str, int]]:
    """Modules that statements import from other packages or from dalab, with their lines."""
    for statement in body:
        if isinstance(statement, ast.Import):
            yield from ((alias.name, statement.lineno) for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom) and not statement.level:
            yield statement.module or "", statement.lineno


@pytest.mark.parametrize(
    "path", sorted((ROOT / "tests").rglob("test_*.py")), ids=lambda path: path.name
)
def test_tests_of_interfaces_are_skipped_where_these_are_not_installed(path):
    body = ast.parse(path.read_text()).body
    calls = (s.value for s in body if isinstance(s, ast.Expr | ast.Assign))
    asked = [call.lineno for call in calls
             if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.importorskip"]
    first = min(asked, default=10**6)
    wanted = [(name, line) for name, line in imports(body)
              if name.split(".")[0] in INTERFACES
              or name.startswith(("dalab.views.panel", "dalab.views.jupyter")) and name not in LATE]
    assert all(line > first for _, line in wanted), wanted
