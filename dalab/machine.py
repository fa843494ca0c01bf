"""Memory that this process may still take, within the limits of the machine and of its cgroups.

Services, containers and batch systems limit the memory of a group of processes (cgroup, version 1
or 2). A process that takes more is killed, however much memory the machine has left.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import psutil

CGROUPS = Path("/sys/fs/cgroup")
"""Folder at which the cgroups are mounted."""

OWN_CGROUPS = Path("/proc/self/cgroup")
"""Names of those of this process."""


class Memory(NamedTuple):
    """Memory of a machine or a cgroup [bytes].

    Attributes:
        total: all of it.
        available: what this process may still take.
    """

    total: int
    available: int


def memory() -> Memory:
    """Return the memory of the machine, or of the cgroup of this process if it has less."""
    machine = psutil.virtual_memory()
    found = [Memory(machine.total, machine.available), *_cgroups()]
    return Memory(*(min(values) for values in zip(*found, strict=True)))


def available_memory() -> int:
    """Return the memory that this process may still take [bytes]."""
    machine = psutil.virtual_memory().available
    return min([machine, *(group.available for group in _cgroups())])


class _Files(NamedTuple):
    """Names of the files of a version of cgroups."""

    limit: str
    usage: str
    cache: str


_VERSIONS = {
    2: _Files("memory.max", "memory.current", "inactive_file"),
    1: _Files("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}


def _cgroups() -> Iterator[Memory]:
    """Yield the memory of the cgroups of this process and of all above them that limit it."""
    for version, mount, name in _own():
        inner = mount / name.relative_to("/")
        # in a container the name may be that outside of it, and the mount the cgroup itself
        for folder in (inner, *inner.parents):
            if folder.is_relative_to(mount):
                yield from _limited(folder, _VERSIONS[version])


def _own() -> Iterator[tuple[int, Path, PurePosixPath]]:
    """Yield version, mount and name of the cgroups of this process that may limit memory."""
    try:
        lines = OWN_CGROUPS.read_text().splitlines()
    except OSError:  # not on Linux
        return
    for line in lines:
        _, controllers, name = line.split(":", 2)
        if not controllers:
            yield 2, CGROUPS, PurePosixPath(name)
        elif "memory" in controllers.split(","):
            yield 1, CGROUPS / "memory", PurePosixPath(name)


def _limited(folder: Path, files: _Files) -> Iterator[Memory]:
    """Yield the memory of a cgroup that has a limit, counting files in its cache as available."""
    try:
        limit = int((folder / files.limit).read_text())
        usage = int((folder / files.usage).read_text())
        lines = (folder / "memory.stat").read_text().splitlines()
    except (OSError, ValueError):  # "max" is no limit
        return
    cache = sum(int(line.split()[1]) for line in lines if line.split()[0] == files.cache)
    yield Memory(limit, max(limit - usage + min(cache, usage), 0))
