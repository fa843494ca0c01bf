"""Files and folders that are never seen half written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path, partial: Path | None = None) -> Iterator[Path]:
    """Write a file or folder under another name, which it loses when it is complete.

    A kill or an error at any moment leaves what was there before; only while a folder takes the
    place of another is there none.

    Args:
        path: file or folder to write, which is replaced.
        partial: name to write under, in the same file system; a hidden one beside it by default.
            What an earlier kill has left there is removed.
    """
    new = partial or path.with_name(f".{path.name}.new")
    _remove(new)
    yield new
    if path.is_dir():
        shutil.rmtree(path)
    os.replace(new, path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
