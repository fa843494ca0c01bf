"""The shape of the package: imports leftwards, small folders and files, short functions."""

import ast
import statistics
from collections import Counter
from pathlib import Path

from click.testing import CliRunner
from importlinter import cli

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "dalab").rglob("*.py"))
TREES = {path: ast.parse(path.read_text()) for path in SOURCES}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
DOCUMENTED = (*FUNCTIONS, ast.ClassDef, ast.Module)

FOLDER, FILE, LONGEST = 20, 350, 40
"""Most files of a folder, lines of a file, and body lines of a function."""

MEDIAN, NINE_OF_TEN = 5, 15
"""Body lines of half the functions and of nine in ten, at most."""


CLAUSES = {"What", "Whether", "How", "Where"}
"""First words of a docstring that describes a thing without naming it."""


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from the first statement after the docstring to the last."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def functions() -> dict[str, int]:
    """File, line and name of every function, with its body lines."""
    return {
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}": body_lines(node)
        for path, tree in TREES.items() for node in ast.walk(tree) if isinstance(node, FUNCTIONS)
    }


def test_imports_follow_the_order_of_the_rooms():
    arguments = ["--config", str(ROOT / "pyproject.toml"), "--no-cache"]
    result = CliRunner().invoke(cli.lint_imports_command, arguments)
    assert result.exit_code == 0, result.output


def test_no_folder_is_crowded():
    counts = Counter(path.parent for path in SOURCES)
    assert {str(folder): n for folder, n in counts.items() if n > FOLDER} == {}


def test_no_file_is_long():
    lengths = {str(path): path.read_text().count("\n") for path in SOURCES}
    assert {path: n for path, n in lengths.items() if n > FILE} == {}


def test_half_of_the_functions_are_a_handful_of_lines():
    assert statistics.median(functions().values()) <= MEDIAN


def test_nine_of_ten_functions_are_short():
    found = functions()
    lengths = sorted(found.values())
    over = sum(length > NINE_OF_TEN for length in lengths)
    allowed = len(lengths) - 1 - int(0.9 * (len(lengths) - 1))
    assert lengths[-1 - allowed] <= NINE_OF_TEN, f"{over} are longer, {allowed} may be"


def test_no_function_is_long():
    assert {name: n for name, n in functions().items() if n > LONGEST} == {}


def test_docstrings_name_a_thing():
    found = [
        f"{path.relative_to(ROOT)}: {text.splitlines()[0]}"
        for path, tree in TREES.items() for node in ast.walk(tree) if isinstance(node, DOCUMENTED)
        if (text := ast.get_docstring(node)) and text.split()[0] in CLAUSES
    ]
    assert found == []
