"""Checks of a path before anything opens it, and short texts."""

from __future__ import annotations

import stat
from pathlib import Path

from ..errors import InputError

LONGEST = 1 << 20
"""Longest text file [bytes]."""

_KINDS = {
    stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device", stat.S_IFDIR: "a folder",
}


def check_file(
    path: str | Path, what: str, folder: bool = False, remedy: str = "Check the path."
) -> Path:
    """Check that a path names a file, which can be read without waiting; return it.

    Args:
        path: the path.
        what: name of the file in messages.
        folder: true if a folder will do, as for a Zarr store.
        remedy: advice to whoever named a missing one.

    Raises:
        InputError: if there is no such file, or it is a pipe, a device, a socket or a folder.
    """
    path = Path(path)
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        bound = f"must exist, but cannot be read ({reason})"
        raise InputError(what, str(path), bound, remedy) from None
    if stat.S_ISREG(mode) or folder and stat.S_ISDIR(mode):
        return path
    kind = _KINDS.get(stat.S_IFMT(mode), "something else")
    raise InputError(what, str(path), f"must be a file, not {kind}", "Give the path of a file.")


def read_text(path: str | Path, what: str, remedy: str) -> str:
    """Read a short text in UTF-8.

    Args:
        path: the file.
        what: name of the file in messages.
        remedy: advice to whoever gave another file.

    Raises:
        InputError: if it cannot be read, is no text, or longer than :data:`LONGEST`.
    """
    path = check_file(path, what, remedy=remedy)
    try:
        with path.open("rb") as file:
            content = file.read(LONGEST + 1)
        text = content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(what, str(path), f"cannot be read ({error})", remedy) from None
    if len(content) > LONGEST:
        raise InputError(what, str(path), f"must be at most {LONGEST} bytes long", remedy)
    return text
