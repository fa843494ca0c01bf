"""Files that are made to harm: refused within seconds, in one line, and with little memory."""

import json
import os
import resource
import socket
import struct
import threading
import time
from contextlib import contextmanager

import numpy as np
import psutil
import pytest
import xarray as xr
from safetensors.numpy import save_file

from dalab.errors import InputError
from dalab.experiments.config_file import load_config
from dalab.experiments.results.store import load
from dalab.experiments.truth import draw_truth
from dalab.foreign import Limits, open_data, open_tensors, process, read_plain
from dalab.priors.files.trained import load_trained
from dalab.systems import qg64

from . import hostile

SECONDS, MEMORY = 5.0, 500e6
"""Most CPU time [s] and memory [bytes] of the process that reads."""

WORDS = {"what": "file", "must": "must be whole", "remedy": "Write it anew."}


def cpu_of_children():
    """CPU time of the processes that have ended [s]."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextmanager
def watched():
    """Measure the time and the largest memory of the processes that read."""
    found, ended, ours = {"memory": 0}, threading.Event(), psutil.Process()

    def look():
        while not ended.wait(0.01):
            for child in ours.children():
                try:
                    if child.cmdline() != ours.cmdline():  # until it is, its memory is ours
                        found["memory"] = max(found["memory"], child.memory_info().rss)
                except psutil.Error:
                    pass

    watch, start, before = threading.Thread(target=look), time.monotonic(), cpu_of_children()
    watch.start()
    try:
        yield found
    finally:
        ended.set()
        watch.join()
        found["seconds"] = cpu_of_children() - before
        found["waited"] = time.monotonic() - start


def check_refused(read, *arguments):
    """Check that a file is refused with one line, in time and in little memory."""
    with watched() as found, pytest.raises(InputError) as error:
        read(*arguments)
    assert "\n" not in str(error.value) and len(str(error.value)) < 1000
    assert found["seconds"] < SECONDS and found["memory"] < MEMORY, found
    assert found["waited"] < process.WAIT, "it hung"
    return str(error.value)


def read_all(path):
    """Read every variable of a file."""
    with open_data(path, **WORDS) as file:
        for group in file.groups.values():
            for variable in group.variables.values():
                file.read(variable)


@pytest.mark.parametrize("make", [
    *hostile.QUICK, *(pytest.param(make, marks=pytest.mark.slow) for make in hostile.SLOW),
], ids=lambda make: make.__name__)
def test_hostile_files_are_refused(make, tmp_path):
    path = tmp_path / f"file{make.suffix}"
    make(path)
    check_refused(draw_truth, path, qg64(), 3, 0)
    check_refused(load, path)
    if make is not hostile.odd_scale:
        check_refused(read_all, path)
    assert not (tmp_path / "file.zarr" / "touched").exists(), "something was unpickled"


def special(kind, path):
    """A path that names no plain file."""
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        made = socket.socket(socket.AF_UNIX)
        made.bind(str(path))
        made.close()
    elif kind == "folder":
        path.mkdir()
    return "/dev/zero" if kind == "device" else str(path)


@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "folder"])
@pytest.mark.parametrize("read", [
    lambda path: draw_truth(path, qg64(), 3, 0), load, load_config,
    lambda path: load_trained(path, qg64()),
])
def test_what_is_no_file_is_refused_at_once(kind, read, tmp_path, monkeypatch):
    from pathlib import Path

    monkeypatch.chdir(tmp_path)  # the path of a socket has to be short
    path = Path(special(kind, Path("odd")))
    words = check_refused(read, path)
    assert "must be" in words and str(path) in words


def test_limits_are_of_all_objects_together(tmp_path):
    path = tmp_path / "file.nc"
    hostile.hdf5(lambda file: [file.create_group(f"g{i}").attrs.update(a=1, b=2)
                               for i in range(6)])(path)
    for limits, words in (
        (Limits(objects=5), "objects in the file = 6: must be at most 5"),
        (Limits(attributes=9), "attributes in the file = 10: must be at most 9"),
    ):
        with pytest.raises(InputError, match=words):
            open_data(path, limits=limits, **WORDS)
    with open_data(path, **WORDS) as file:
        assert len(file.groups) == 7


def test_what_is_read_counts_towards_the_limit(tmp_path):
    path = tmp_path / "file.nc"
    hostile.hdf5(lambda file: file.create_dataset("q", data=np.ones(1000)))(path)
    with open_data(path, limits=Limits(unpacked=9000), **WORDS) as file:
        q = file.root.variables["q"]
        assert file.read(q, {q.dims[0]: slice(3, 5)}).tolist() == [1, 1]
        file.read(q)
        with pytest.raises(InputError, match="unpacked"):
            file.read(q)


def test_large_files_that_are_mapped_are_read(tmp_path):
    data = xr.Dataset({"q": (("time", "x"), np.ones((80, 1 << 19)))})
    data.to_netcdf(tmp_path / "file.nc", engine="scipy")  # more than the memory of the process
    with open_data(tmp_path / "file.nc", **WORDS) as file:
        assert file.nbytes > Limits().memory
        assert file.read(file.root.variables["q"], {"time": slice(3, 4)}).sum() == 1 << 19


def test_a_process_that_ends_is_an_error_of_the_file(tmp_path):
    path = tmp_path / "file.nc"
    hostile.hdf5(lambda file: file.create_dataset("q", data=np.ones(10)))(path)
    with open_data(path, **WORDS) as file:
        file._process._process.kill()
        with pytest.raises(InputError, match="must be whole .it ends the library"):
            file.read(file.root.variables["q"])


def test_a_process_that_hangs_is_ended(tmp_path, monkeypatch):
    path = tmp_path / "file.nc"
    hostile.hdf5(lambda file: file.create_dataset("q", data=np.ones(10)))(path)
    monkeypatch.setattr(process, "WAIT", 0.0)
    with pytest.raises(InputError, match="takes too long"):
        open_data(path, **WORDS)


# --- safetensors ----------------------------------------------------------------------------------


def tensors(path, header, content=b""):
    """A safetensors file with a header of one's own."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content)
    return path


HEADERS = {
    "no header": b"",
    "nested": b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "beyond its end": {"a": {"dtype": "F32", "shape": [10**6], "data_offsets": [0, 4 * 10**6]}},
    "overflow": {"a": {"dtype": "F32", "shape": [2**62, 2**62], "data_offsets": [0, 0]}},
    "many tensors": {f"t{i}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
                     for i in range(6000)},
    "long header": b'{"__metadata__": {"dalab": "' + b"x" * (5 << 20) + b'"}}',
    "nested header": {"__metadata__": {"dalab": "[" * 100_000}},
    "list for a header": {"__metadata__": {"dalab": "[1, 2]"}},
    "large numbers": {"__metadata__": {"dalab": "1e999999"}},
}


@pytest.mark.parametrize("name", HEADERS)
def test_hostile_priors_are_refused(name, tmp_path):
    path = tensors(tmp_path / "prior.safetensors", HEADERS[name])
    check_refused(load_trained, path, qg64())


def test_a_header_that_promises_a_length_it_lacks(tmp_path):
    path = tmp_path / "prior.safetensors"
    path.write_bytes(struct.pack("<Q", 2**63) + b"{}")
    check_refused(load_trained, path, qg64())


def test_good_tensors_are_read(tmp_path):
    values = {"half": np.ones((2, 3), np.float16), "byte": np.arange(4, dtype=np.uint8)}
    save_file(values, tmp_path / "a.safetensors", metadata={"dalab": '{"a": [1, 2.5]}'})
    with open_tensors(tmp_path / "a.safetensors", **WORDS) as file:
        assert file.metadata == {"a": [1, 2.5]} and set(file.keys()) == set(values)
        for name, value in values.items():
            assert file.shape(name) == value.shape
            np.testing.assert_array_equal(file.read(name), value)


# --- YAML and JSON --------------------------------------------------------------------------------


def laughs():
    """Lists of ten of the list before, ten times."""
    lines = ["a0: &a0 [lol]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 11)]
    return "\n".join(lines)


TEXTS = {
    "laughs": laughs(),
    "merged": "a: &a {b: 1}\nc: {<<: *a}",
    "itself": "&a [*a]",
    "deep lists": "[" * 5000 + "]" * 5000,
    "deep JSON": '{"a":' * 50_000 + "1" + "}" * 50_000,
    "deep blocks": "\n".join("  " * i + "a:" for i in range(700)),
    "many values": "a: [" + "1, " * 50_000 + "]",
    "code": "!!python/object/apply:os.system ['touch touched']",
    "date": "window: 2020-01-01",
    "long": "a: " + "x" * (1 << 20),
    "quotes": "'" * 100_000,
    "binary": "\x00\x01\x02",
    "long number": '{"seed": ' + "9" * 100_000 + "}",
}


@pytest.mark.parametrize("name", TEXTS)
def test_hostile_texts_are_refused(name, tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(TEXTS[name])
    check_refused(load_config, path)


def test_good_texts_are_read(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("noise: 1e-1\nmethods: [oi, 'sda:eta=0.3']\nbackground: null\n")
    found = read_plain(path, **WORDS)
    assert found == {"noise": 0.1, "methods": ["oi", "sda:eta=0.3"], "background": None}
    path.write_text('{"noise": 1e-1}')
    assert read_plain(path, **WORDS) == {"noise": 0.1}
