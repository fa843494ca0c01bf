"""Limits of what a foreign file may take to read."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

MB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """Limits of a foreign file, and of the process that reads it.

    Args:
        seconds: of computing, beyond those that its bytes take.
        memory: beyond that of the started process and of its bytes [bytes].
        unpacked: of all that is read, unpacked [bytes].
        objects: groups and variables.
        attributes: of all objects together.
        depth: of groups within groups, and of lists within lists.
    """

    seconds: float = 3.0
    memory: int = 256 * MB
    unpacked: int = 1024 * MB
    objects: int = 5_000
    attributes: int = 20_000
    depth: int = 16

    @classmethod
    def of(cls, path: Path) -> Limits:
        """Make the limits of a file of a user's own machine: what is large may unpack to more."""
        return cls(unpacked=max(1024 * MB, 20 * _length(path)))


def _length(path: Path) -> int:
    """Bytes of a file, or of the first files of a folder."""
    if not path.is_dir():
        return path.stat().st_size
    total = count = 0
    for folder, _, names in os.walk(path):
        total += sum((Path(folder) / name).lstat().st_size for name in names)
        count += len(names) + 1
        if count > 100_000:
            break
    return total
