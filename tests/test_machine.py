"""Memory within the limits of cgroups, of both versions."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from dalab import machine
from dalab.experiments import memory
from dalab.machine import Memory, available_memory

GIB = 2**30


@pytest.fixture
def cgroups(tmp_path, monkeypatch):
    """Writes the files of cgroups, given as ``folder={file: content}``, for a machine of 64 GiB."""
    monkeypatch.setattr(machine, "CGROUPS", tmp_path)
    monkeypatch.setattr(machine, "OWN_CGROUPS", tmp_path / "own")
    monkeypatch.setattr(
        machine.psutil, "virtual_memory",
        lambda: SimpleNamespace(total=64 * GIB, available=40 * GIB),
    )

    def write(own: str, **folders: dict[str, object]) -> None:
        (tmp_path / "own").write_text(own)
        for folder, files in folders.items():
            path = tmp_path / folder.replace("__", "/")
            path.mkdir(parents=True, exist_ok=True)
            for name, content in files.items():
                (path / name).write_text(f"{content}\n")

    return write


def second(limit: object, usage: int, cache: int = 0) -> dict[str, object]:
    return {"memory.max": limit, "memory.current": usage,
            "memory.stat": f"anon 1\ninactive_file {cache}\nactive_file 7"}


def first(limit: int, usage: int, cache: int = 0) -> dict[str, object]:
    return {"memory.limit_in_bytes": limit, "memory.usage_in_bytes": usage,
            "memory.stat": f"inactive_file 1\ntotal_inactive_file {cache}"}


def test_a_service_of_systemd(cgroups):
    cgroups("0::/system.slice/lab\n", system__lab=second(1, 1),
            **{"system.slice__lab": second(16 * GIB, 6 * GIB, 2 * GIB)})
    assert machine.memory() == Memory(16 * GIB, 12 * GIB), "its cache of files can be given up"
    assert available_memory() == 12 * GIB


def test_a_limit_of_those_above(cgroups):
    cgroups("0::/a/b\n", a=second(8 * GIB, 5 * GIB), a__b=second("max", GIB))
    assert machine.memory() == Memory(8 * GIB, 3 * GIB)


def test_version_one(cgroups):
    cgroups("4:cpu,memory:/docker/x\n1:cpu:/\n0::/\n",
            memory__docker__x=first(4 * GIB, 3 * GIB, GIB), memory=first(2**63 - 4096, 9 * GIB))
    assert machine.memory() == Memory(4 * GIB, 2 * GIB)


def test_a_container_sees_its_own_cgroup_at_the_mount(cgroups):
    cgroups("4:memory:/docker/x\n", memory=first(4 * GIB, 3 * GIB))
    assert available_memory() == GIB


@pytest.mark.parametrize("own", ["", "0::/\n", "0::/gone\n", "1:cpu:/\n"])
def test_no_limit(cgroups, own):
    cgroups(own)
    assert machine.memory() == Memory(64 * GIB, 40 * GIB) and available_memory() == 40 * GIB


def test_more_than_the_limit_leaves_nothing(cgroups):
    cgroups("0::/\n", **{".": second(GIB, 2 * GIB)})
    assert available_memory() == 0


def test_without_cgroups(cgroups, tmp_path):
    assert machine.memory() == Memory(64 * GIB, 40 * GIB)


def test_the_checks_of_experiments_know_the_limit(cgroups):
    cgroups("0::/\n", **{".": second(2 * GIB, GIB)})
    assert memory.free_bytes(memory.torch.device("cpu")) == GIB


def test_here():
    assert 0 < available_memory() <= machine.psutil.virtual_memory().total
