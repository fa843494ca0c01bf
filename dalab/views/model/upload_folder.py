"""Folder of the files that browsers have sent, with a bounded part for every session.

A session's new file takes the place of its own oldest one, never of another session's.
"""

from __future__ import annotations

import atexit
import hashlib
import re
import shutil
import tempfile
import time
from collections.abc import Iterable
from contextlib import ExitStack
from functools import cache
from pathlib import Path

from ...errors import InputError
from ...files import unfinished_folder

FILES = 6
"""Largest number of files kept at a time for one session."""

SPACE = 6 << 30
"""Largest size of the files of all sessions [bytes]."""

KEPT = 6 * 3600
"""Time after which a file is removed where space is short [s]."""


def new_path(name: str, size: int, owner: str) -> Path:
    """Return a new path for a file, and remove the oldest of many files of its owner.

    Args:
        name: name on the user's machine.
        size: length [bytes].
        owner: session that it belongs to.

    Raises:
        InputError: if the files of all sessions take too much space.
    """
    own = _folder() / hashlib.sha256(owner.encode()).hexdigest()[:12]  # links show it: not the key
    own.mkdir(exist_ok=True)
    for old in _newest_first(own.iterdir())[FILES - 1 :]:
        shutil.rmtree(old, ignore_errors=True)
    _check_space(size)
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", name).lstrip(".-")[-80:]
    return Path(tempfile.mkdtemp(dir=own)) / (stem or "file.nc")


@cache
def _folder() -> Path:
    """Return the folder of the files of this process; it goes when the process ends."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(unfinished_folder(Path(tempfile.gettempdir())))


def _newest_first(paths: Iterable[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: path.stat().st_mtime, reverse=True)


def _check_space(size: int) -> None:
    """Remove files that were sent long ago if space is short.

    Raises:
        InputError: if that is not enough.
    """
    if _used() + size > SPACE:
        for old in _folder().glob("*/*"):
            if time.time() - old.stat().st_mtime > KEPT:
                shutil.rmtree(old, ignore_errors=True)
    if _used() + size > SPACE:
        raise InputError(
            "files of all sessions [MB]", round((_used() + size) / 1e6),
            f"must be at most {SPACE / 1e6:.0f}", "Try again later, or use your own machine.",
        )


def _used() -> int:
    return sum(path.stat().st_size for path in _folder().glob("*/*/*"))
