"""Finished runs on disk, in a folder for each owner, that outlive the process.

A run is a folder with its result, ``result.nc``, and with ``about.json``, which lists need. It
appears when it is complete. Results are read back as those of strangers are, by a process of its
own and with limits (:mod:`dalab.foreign`), and have to match their config: so the files need no
seal, whose key would have to lie beside them.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr

from ...errors import InputError
from ...files import replacing
from .store import load, save

RESULT, ABOUT = "result.nc", "about.json"

LONGEST = 1 << 20
"""Largest size of ``about.json`` [bytes]."""

DAY = 86400.0


@dataclass(frozen=True)
class SavedRun:
    """A run on disk.

    Args:
        path: its folder.
        about: plain data for lists; ``number`` counts the runs of the owner.
    """

    path: Path
    about: Mapping[str, Any]

    def load(self) -> xr.DataTree:
        """Read the result.

        Raises:
            InputError: if it is not there any more, or damaged.
        """
        return load(self.path / RESULT)

    def drop(self) -> None:
        """Remove the run."""
        shutil.rmtree(self.path, ignore_errors=True)


class SavedRuns:
    """A folder of runs, bounded for each owner and in all.

    An owner's new run takes the place of the oldest ones of the same owner only.

    Args:
        folder: the folder; it is made for the first run.
        most: maximum number of runs of one owner.
        space: maximum size of the runs of one owner [bytes].
        in_all: maximum size of the runs of all owners [bytes].
        days: time after which a run is removed.
    """

    def __init__(
        self, folder: Path, most: int = 12, space: int = 1 << 29, in_all: int = 8 << 30,
        days: float = 30.0,
    ) -> None:
        self.folder, self.most, self.space, self.in_all, self.days = (
            folder, most, space, in_all, days
        )
        self._lock = threading.Lock()

    def check(self) -> None:
        """Check that runs can be written.

        Raises:
            InputError: if they cannot.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.TemporaryDirectory(prefix=".dalab-", dir=self.folder):
                pass
        except OSError as error:
            raise InputError(
                "folder of runs", str(self.folder), f"must be writable ({error.strerror})",
                "Name another folder, or none.",
            ) from None

    def put(self, owner: str, tree: xr.DataTree, about: Mapping[str, Any]) -> SavedRun:
        """Write a run, and remove the oldest ones of its owner if there are too many.

        Args:
            owner: secret name of the owner.
            tree: the result.
            about: plain data for lists.

        Raises:
            InputError: if there is no room for it.
            OSError: if the folder cannot be written.
        """
        with self._lock:
            own = self._folder_of(owner)
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            own.mkdir(exist_ok=True, mode=0o700)
            number = 1 + max((run.about["number"] for run in self.of(owner)), default=0)
            path = own / f"{time.time_ns():020d}-{secrets.token_hex(4)}"
            known = {**about, "number": number}
            with replacing(path) as new:
                new.mkdir()
                save(tree, new / RESULT)
                (new / ABOUT).write_text(json.dumps(known), encoding="utf-8")
                self._make_room(own, _size(new))
        return SavedRun(path, known)

    def of(self, owner: str) -> list[SavedRun]:
        """Return the runs of an owner, the newest last; those that cannot be read are left out."""
        try:
            paths = sorted(path for path in self._folder_of(owner).glob("[0-9]*"))
        except OSError:
            return []
        found = ((path, _about(path / ABOUT)) for path in paths)
        return [SavedRun(path, about) for path, about in found if about is not None]

    def _folder_of(self, owner: str) -> Path:
        """Return the folder of an owner, whose name cannot be had from it."""
        return self.folder / hashlib.sha256(owner.encode()).hexdigest()[:32]

    def _make_room(self, own: Path, size: int) -> None:
        """Remove what is old, and the oldest runs of an owner until one more fits.

        Raises:
            InputError: if the runs of others leave no room.
        """
        _check_size(size, self.space)
        for path in self.folder.glob("*/*"):
            if _age(path) > self.days * DAY:
                shutil.rmtree(path, ignore_errors=True)
        kept = sorted(own.glob("[0-9]*"))
        while kept and (len(kept) >= self.most or sum(map(_size, kept)) + size > self.space):
            shutil.rmtree(kept.pop(0), ignore_errors=True)
        _check_size(size + sum(_size(path) for path in self.folder.glob("*/[0-9]*")), self.in_all)


def _check_size(size: int, most: int) -> None:
    if size > most:
        raise InputError(
            "size of the saved runs [MB]", round(size / 1e6), f"must be at most {most / 1e6:.0f}",
            "Download the run instead.",
        )


def _size(folder: Path) -> int:
    """Return the size of the files in a folder, which may just be removed [bytes]."""
    try:
        return sum(path.stat().st_size for path in folder.iterdir())
    except OSError:
        return 0


def _age(path: Path) -> float:
    """Return the time since a folder was written [s]."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0


def _about(path: Path) -> dict[str, Any] | None:
    """Read the description of a run, if there is one."""
    try:
        if path.stat().st_size > LONGEST:
            return None
        about = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    known = isinstance(about, dict) and type(about.get("number")) is int
    return about if known else None
