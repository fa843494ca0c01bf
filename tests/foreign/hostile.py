"""Files that are made to harm whoever reads them, by name; each function writes one."""

import gzip
import json
import os
import pickle
import struct

import h5py
import numpy as np
import zarr


def hdf5(write):
    """A function that writes an HDF5 file at a path."""

    def make(path):
        with h5py.File(path, "w", libver="latest") as file:
            write(file)

    make.suffix = ".nc"
    make.__name__ = write.__name__
    return make


def folder(write):
    """A function that writes a Zarr store at a path."""

    def make(path):
        write(path)

    make.suffix = ".zarr"
    make.__name__ = write.__name__
    return make


@hdf5
def nested_groups(file):
    for _ in range(1500):
        file = file.create_group("g")


@hdf5
def cycle_of_hard_links(file):
    file.create_group("a")["back"] = file["/"]


@hdf5
def many_names_of_one_variable(file):
    file.create_dataset("q", (1 << 17,), "f8", compression="gzip")
    for i in range(2000):
        file[f"q{i}"] = file["q"]


@hdf5
def soft_links(file):
    file["a"], file["b"] = h5py.SoftLink("/b"), h5py.SoftLink("/a")


@hdf5
def external_link(file):
    file["q"] = h5py.ExternalLink("/etc/other.h5", "q")


@hdf5
def many_attributes(file):
    data = file.create_dataset("q", (3,), "f8")
    for i in range(200_000):
        data.attrs[f"a{i}"] = i


@hdf5
def many_groups(file):
    for i in range(50_000):
        file.create_group(f"g{i}")


@hdf5
def unpacked_terabyte(file):
    file.create_dataset("q", (1 << 20, 1 << 17), "f8", chunks=(1 << 10, 1 << 10),
                        compression="gzip")


@hdf5
def one_huge_chunk(file):
    data = file.create_dataset("q", (1 << 13, 1 << 13), "f8", chunks=(1 << 13, 1 << 13),
                               compression="gzip")
    data[0, 0] = 1.0


@hdf5
def long_texts(file):
    data = file.create_dataset("q", (50_000,), h5py.string_dtype())
    for i in range(500):
        data[i] = "x" * 1_000_000


@hdf5
def long_attribute(file):
    file.attrs["format"] = np.array(["x" * 1000] * 90_000, dtype=object)


@hdf5
def references(file):
    file.create_dataset("q", (10,), h5py.ref_dtype)


@hdf5
def sequences(file):
    file.create_dataset("q", (10,), h5py.vlen_dtype("f8"))


@hdf5
def no_space(file):
    file["q"] = h5py.Empty("f8")


@hdf5
def names_that_break_lines(file):
    file["a\nb"], file["x" * 5000] = np.ones(3), np.ones(3)


@hdf5
def odd_scale(file):
    dims = {"time": 3, "lev": 2, "y": 64, "x": 64}
    for name, size in dims.items():
        file[name] = np.arange(size)
        file[name].make_scale(name)
    file.create_dataset("q", tuple(dims.values()), "i2")
    for i, name in enumerate(dims):
        file["q"].dims[i].attach_scale(file[name])
    file["q"].attrs["scale_factor"] = "rm -rf"
    file["q"].attrs["units"] = "9**9**9**9 s-1"


def array(path, **changes):
    """A Zarr array ``q`` with metadata of one's own, of Zarr 2."""
    about = {
        "zarr_format": 2, "shape": [3, 2, 64, 64], "chunks": [3, 2, 64, 64], "dtype": "<f8",
        "compressor": None, "fill_value": None, "order": "C", "filters": None,
    } | changes
    (path / "q").mkdir(parents=True)
    (path / ".zgroup").write_text('{"zarr_format": 2}')
    (path / "q" / ".zarray").write_text(json.dumps(about))
    dims = {"_ARRAY_DIMENSIONS": ["time", "lev", "y", "x"]}
    (path / "q" / ".zattrs").write_text(json.dumps(dims))
    return path / "q" / "0.0.0.0"


@folder
def pickled_chunk(path):
    chunk = array(path, dtype="|O", filters=[{"id": "pickle", "protocol": 5}])
    chunk.write_bytes(pickle.dumps(_Touch(str(path / "touched"))))


class _Touch:
    """Something that makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


@folder
def gzip_bomb(path):
    chunk = array(path, compressor={"id": "gzip", "level": 9})
    packed = gzip.compress(bytes(1 << 22), 9)
    chunk.write_bytes(packed * 1000)


@folder
def huge_zarr_chunk(path):
    array(path, shape=[3, 2, 64, 64], chunks=[1 << 20, 1 << 10, 64, 64]).write_bytes(b"0")


@folder
def chunk_that_is_a_pipe(path):
    os.mkfifo(array(path))


@folder
def chunk_that_leads_elsewhere(path):
    array(path).symlink_to("/etc/passwd")


@folder
def metadata_that_is_a_pipe(path):
    array(path)
    (path / "q" / ".zarray").unlink()
    os.mkfifo(path / "q" / ".zarray")


@folder
def long_metadata(path):
    array(path)
    (path / "q" / ".zattrs").write_text(json.dumps({"a": "x" * (8 << 20)}))


@folder
def nested_metadata(path):
    array(path)
    (path / "q" / ".zattrs").write_text('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}")


@folder
def many_arrays(path):
    root = zarr.open_group(path, mode="w", zarr_format=2)
    root.create_group("a")
    text = (path / "a" / ".zgroup").read_text()
    for i in range(6000):
        (path / f"g{i}").mkdir()
        (path / f"g{i}" / ".zgroup").write_text(text)


def classic(path):
    """A classic NetCDF file that claims two thousand million dimensions."""
    path.write_bytes(b"CDF\x01" + struct.pack(">iii", 0, 10, 2**31 - 1) + bytes(64))


def classic_with_a_long_variable(path):
    name = struct.pack(">i", 1) + b"x\0\0\0"
    size = struct.pack(">i", 2**31 - 4)
    dims = struct.pack(">ii", 10, 1) + name + size
    variable = struct.pack(">i", 1) + b"q\0\0\0" + struct.pack(">ii", 1, 0)
    variable += bytes(8) + struct.pack(">iii", 6, 2**31 - 4, 120)
    path.write_bytes(b"CDF\x01" + bytes(4) + dims + bytes(8) + struct.pack(">ii", 11, 1) + variable)


def noise(path):
    """An HDF5 file with random bytes after its signature."""
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + np.random.default_rng(0).bytes(10_000))


classic.suffix = classic_with_a_long_variable.suffix = noise.suffix = ".nc"

QUICK = [
    cycle_of_hard_links, soft_links, external_link, references, no_space, odd_scale,
    names_that_break_lines, unpacked_terabyte, pickled_chunk, chunk_that_is_a_pipe, classic, noise,
]
"""Files that are made at once."""

SLOW = [
    nested_groups, many_names_of_one_variable, many_attributes, many_groups, one_huge_chunk,
    long_texts, long_attribute, sequences, gzip_bomb, huge_zarr_chunk, chunk_that_leads_elsewhere,
    metadata_that_is_a_pipe, long_metadata, nested_metadata, many_arrays,
    classic_with_a_long_variable,
]
"""Files that take a while to make, or more of the same kind."""
