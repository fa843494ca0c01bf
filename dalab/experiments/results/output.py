"""Places that results are written to.

Only what dalab wrote is ever replaced, and an input never. All is checked before the work that
leads to a result, by the very steps that writing it takes.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import xarray as xr

from ...errors import InputError
from ...files import check_folder, remove_leftovers
from .store import check_replaceable, is_result, save

REMEDY = "Name another file."


def check_result(path: Path, inputs: Iterable[str | Path] = ()) -> Path:
    """Check that a result can be written to a path, and return it.

    Args:
        path: file to be written.
        inputs: files that the work reads.

    Raises:
        InputError: unless it ends in .nc or .zarr, its folder can be written to, it is no input,
            and nothing but a result of dalab is there.
    """
    if path.suffix not in (".nc", ".zarr"):
        raise InputError("output", str(path), "must end in .nc or .zarr", "Use out/result.nc.")
    return _check(path, inputs, is_result, "a result of dalab")


def check_scores(path: Path, inputs: Iterable[str | Path] = ()) -> Path:
    """Check that the scores of a result can be written to a JSON file, and return its path.

    Args:
        path: file to be written.
        inputs: files that the work reads.

    Raises:
        InputError: unless its folder can be written to, it is no input, and nothing but scores that
            dalab wrote is there.
    """
    return _check(path, inputs, _is_scores, "scores that dalab wrote")


def _check(
    path: Path, inputs: Iterable[str | Path], ours: Callable[[Path], bool], what: str
) -> Path:
    if any(_same(path, Path(one)) for one in inputs):
        raise InputError("output", str(path), "must not be a file that is read", REMEDY)
    remove_leftovers(path.parent)
    check_replaceable(path, ours, what)
    check_folder(path)
    return path


def _same(a: Path, b: Path) -> bool:
    return a.exists() and b.exists() and a.samefile(b)


def _is_scores(path: Path) -> bool:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and {"config", "methods", "dalab_version"} <= set(content)


def save_somewhere(tree: xr.DataTree, path: Path) -> Path:
    """Write a result to a path, or, if that fails, into a new folder for temporary files.

    Raises:
        InputError: if it had to be written elsewhere, which it names, or nowhere could be.
    """
    try:
        return save(tree, path)
    except (InputError, OSError) as error:
        reason = error.bound if isinstance(error, InputError) else str(error)
        other = Path(tempfile.mkdtemp(prefix="dalab-")) / path.name
        try:
            save(tree, other)
        except (InputError, OSError):
            shutil.rmtree(other.parent, ignore_errors=True)
            where = "and there is no other place for it"
        else:
            where = f"the result is in {other}"
        raise InputError("output", str(path), f"{reason}; {where}", "Free some space.") from None
