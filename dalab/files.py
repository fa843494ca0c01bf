"""Files and folders that are never seen half written, and folders that one process has to itself.

Locks are those of the operating system: the end of a process, even by a kill, gives them back.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from .errors import InputError

PREFIX, SUFFIX = ".dalab-", ".part"
"""Beginning of the names of locks and unfinished folders, and end of the latter."""

LOCK = f"{PREFIX}lock"
"""Name of the lock in a folder; it is an empty file, and stays there."""

EARLIER = "earlier"
"""Name, in an unfinished folder, of the folder of what is being replaced."""

UNLOCKED = 60.0
"""Age beyond which an unfinished folder without a lock is none that has just been made [s]."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write a file or folder in an unfinished folder beside it, and move it when it is complete.

    A kill or an error at any moment leaves what was there before. A folder is replaced in two
    steps; after a kill between them, :func:`remove_leftovers` puts the earlier one back.

    Args:
        path: file or folder to write, which is replaced.
    """
    with unfinished_folder(path.parent) as folder:
        new = folder / path.name
        yield new
        if path.exists() and (path.is_dir() or new.is_dir()):
            (folder / EARLIER).mkdir()
            path.rename(folder / EARLIER / path.name)
        os.replace(new, path)


@contextmanager
def unfinished_folder(parent: Path) -> Iterator[Path]:
    """Make a folder that goes at the end of the block, or, after a kill, when the next is made.

    Args:
        parent: folder to make it in.
    """
    remove_leftovers(parent)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, suffix=SUFFIX, dir=parent))
    try:
        with _lock(folder):
            yield folder
    finally:
        _discard(folder)


def check_folder(path: Path, what: str = "output") -> None:
    """Check, before the work, that a file can be written, whose folder is made.

    Args:
        path: the file.
        what: name of the file in messages.

    Raises:
        InputError: if its folder cannot be made or written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished_folder(path.parent):
            pass
    except OSError as error:
        raise InputError(
            what, str(path), f"must be in a folder that can be written to ({error.strerror})",
            "Use out/.",
        ) from None


def try_room(path: Path, size: int) -> None:
    """Take so many bytes on a disk and give them back: neither quota nor limit is in the way.

    Args:
        path: of a file that is to be written, and is not there yet.
        size: bytes.

    Raises:
        OSError: if the disk does not give them.
    """
    if not hasattr(os, "posix_fallocate"):  # not on every platform
        return
    try:
        with path.open("xb") as file:
            os.posix_fallocate(file.fileno(), 0, size)
    finally:
        path.unlink(missing_ok=True)


def remove_leftovers(parent: Path) -> None:
    """Remove the unfinished folders of processes that were killed; put back what they had moved.

    Args:
        parent: folder that they are in.
    """
    for folder in parent.glob(f"{PREFIX}*{SUFFIX}"):
        with suppress(Timeout, OSError):
            if (folder / LOCK).exists():
                with _lock(folder):
                    _discard(folder)
            elif time.time() - folder.stat().st_mtime > UNLOCKED:
                folder.rmdir()


def _lock(folder: Path) -> FileLock:
    return FileLock(folder / LOCK, timeout=0, thread_local=False)


def _discard(folder: Path) -> None:
    """Remove an unfinished folder, its lock at last; put back what is missing at its place."""
    for earlier in folder.glob(f"{EARLIER}/*"):
        if not (folder.parent / earlier.name).exists():
            earlier.rename(folder.parent / earlier.name)
    for part in folder.glob("*"):
        if part.name != LOCK:
            _remove(part)
    _remove(folder)


def cache_folder() -> Path | None:
    """Folder of what makes later runs quicker or better, and may be removed at any time.

    The environment names it as ``DALAB_CACHE``; empty, it asks that nothing is kept. By default it
    is that of the user.
    """
    given = os.environ.get("DALAB_CACHE")
    if given is not None:
        return Path(given) if given else None
    return user_folder("XDG_CACHE_HOME", ".cache")


def user_folder(variable: str, default: str) -> Path | None:
    """Folder of dalab among those of this user, by the XDG convention; ``None`` without a home.

    Args:
        variable: of the environment, which names the folder that it is in.
        default: that folder, relative to the home of the user, if the variable is not set.
    """
    try:
        return Path(os.environ.get(variable) or Path.home() / default) / "dalab"
    except RuntimeError:  # a user without a home
        return None


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def locked(folder: Path, what: str) -> Iterator[None]:
    """Have a folder to this process for a block.

    Args:
        folder: made if it is not there.
        what: name of the folder in messages.

    Raises:
        InputError: if another process has it, or it cannot be written to.
    """
    lock = _lock(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise InputError(
            what, str(folder), "must not be in use by another run of dalab",
            "Wait for its end, or name another folder.",
        ) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InputError(
            what, str(folder), f"cannot be written to ({reason})", "Use one in out/."
        ) from None
    try:
        remove_leftovers(folder)
        yield
    finally:
        lock.release()


def is_own(path: Path) -> bool:
    """True for a lock or an unfinished folder of dalab."""
    return path.name.startswith(PREFIX)
