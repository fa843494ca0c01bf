"""Random files of every kind: read, or refused in one line, and never another exception."""

import json
import shutil
import struct

import h5py
import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from dalab.errors import InputError
from dalab.experiments.config import Config
from dalab.experiments.cycles.stored import restore
from dalab.experiments.results.store import load, save
from dalab.experiments.run import execute
from dalab.experiments.truth import draw_truth
from dalab.foreign import read_plain
from dalab.priors.files.bundled import WEIGHTS
from dalab.priors.files.trained import load_trained
from dalab.systems import lorenz96, qg64

FEW, MANY = 5, 40
"""Inputs of each kind in the quick and in the slow tests; each takes a process."""

SIMPLE = st.one_of(
    st.integers(-(2**63), 2**63 - 1), st.floats(), st.booleans(), st.text(max_size=30),
    st.sampled_from([0, -1, 1e308, "nan", "9**9**9**9", "../../etc/passwd", "s-1", "days", "qg64"]),
)
NESTED = st.recursive(
    st.none() | SIMPLE,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
TYPES = st.sampled_from(["f8", "f4", ">f8", "i2", "u8", "i1", "c16", "S3", "?"])
SHAPES = st.lists(st.sampled_from([0, 1, 2, 3, 4, 40]), max_size=5)
FIELDS = ("q", "time", "lev", "y", "x", "truth/pv", "truth", "metrics/rmse_mean", "metrics",
          "metrics/method", "metrics/status", "estimates/climatology/pv", "pv_scale", "/")
NAMES = ("units", "scale_factor", "add_offset", "_FillValue", "positive", "forcing", "L", "format",
         "config", "status", "kind", "system", "own_parts", "coordinates", "calendar", "dtype",
         "CLASS", "DIMENSION_LIST", "_Netcdf4Dimid", "missing_value", "_Unsigned")
CHANGES = st.lists(min_size=1, max_size=3, elements=st.one_of(
    st.tuples(st.just("attribute"), st.sampled_from(FIELDS), st.sampled_from(NAMES),
              SIMPLE | st.lists(st.floats() | st.integers(-9, 9), max_size=3)),
    st.tuples(st.just("variable"), st.sampled_from(FIELDS[:-1]), TYPES, SHAPES),
    st.tuples(st.just("remove"), st.sampled_from(FIELDS[:-1]), st.none(), st.none()),
    st.tuples(st.just("bytes"), st.none(), st.integers(0, 10**9), st.binary(min_size=1)),
))


def fuzz(strategy, few=FEW):
    """Two tests of a function, by their number of inputs: a few, and, marked slow, many."""

    def tests(check):
        def of(count):
            quiet = settings(max_examples=count, deadline=None, database=None,
                             suppress_health_check=list(HealthCheck))
            return seed(0)(quiet(given(changes=strategy)(check)))

        return of(few), pytest.mark.slow(of(MANY))

    return tests


def read_or_refuse(read, *arguments):
    """Read a file; it may be refused, in one line."""
    try:
        read(*arguments)
    except InputError as error:
        assert "\n" not in str(error) and len(str(error)) < 2000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A truth and a result, as NetCDF and as Zarr."""
    path, system = tmp_path_factory.mktemp("files"), lorenz96()
    x = system.physical(draw_truth("model", system, 4, 0).double()).numpy()
    data = xr.Dataset({"q": (("time", "lev", "y", "x"), x)},
                      {"time": np.arange(4) * system.interval, "x": np.arange(40)})
    data.to_netcdf(path / "truth.nc", engine="h5netcdf")
    data.to_zarr(path / "truth.zarr", zarr_format=2, consolidated=False)
    config = Config(system="lorenz96", window=3, operators=("identity",), masks=("full",),
                    methods=("climatology",), members=2, device="cpu")
    for suffix in (".nc", ".zarr"):
        save(execute(config), path / f"result{suffix}")
    return path


def change_hdf5(path, changes):
    """Make changes in an HDF5 file, as far as the library makes them."""
    for kind, where, name, value in changes:
        try:
            if kind == "bytes":
                content = bytearray(path.read_bytes())
                at = name % (len(content) - len(value))
                content[at : at + len(value)] = value
                path.write_bytes(content)
                continue
            with h5py.File(path, "a") as file:
                if kind == "attribute":
                    file[where].attrs[name] = value
                elif where in file:
                    del file[where]
                    if kind == "variable":
                        file[where] = np.ones(value, name)
        except Exception:
            return  # the library does not open or write that


def check_truths(folder, changes):
    path = shutil.copy(folder / "truth.nc", folder / "changed.nc")
    change_hdf5(path, changes)
    read_or_refuse(draw_truth, path, lorenz96(), 3, 0)


def check_results(folder, changes):
    path = shutil.copy(folder / "result.nc", folder / "changed.nc")
    change_hdf5(path, changes)
    read_or_refuse(lambda: restore(load(path)))


test_truths, test_many_truths = fuzz(CHANGES)(check_truths)
test_results, test_many_results = fuzz(CHANGES)(check_results)

KEYS = st.sampled_from(["shape", "chunks", "dtype", "compressor", "fill_value", "order", "filters",
                        "zarr_format", "dimension_separator", "_ARRAY_DIMENSIONS", "units",
                        "config", "format", "attributes"])
METADATA = st.lists(st.tuples(st.integers(0, 999), KEYS, NESTED), min_size=1, max_size=3)


def check_zarr(folder, changes):
    name = ("truth", "result")[changes[0][0] % 2]
    path = folder / "changed.zarr"
    shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(folder / f"{name}.zarr", path)
    files = sorted(p for p in path.rglob(".z*") if p.name in (".zarray", ".zattrs"))
    for number, key, value in changes:
        file = files[number % len(files)]
        file.write_text(json.dumps(json.loads(file.read_text()) | {key: value}))
    if name == "truth":
        read_or_refuse(draw_truth, path, lorenz96(), 3, 0)
    else:
        read_or_refuse(lambda: restore(load(path)))


test_zarr, test_many_zarr = fuzz(METADATA)(check_zarr)

PARTS = st.sampled_from(["name", "system", "parameters", "scale", "window", "recipe", "smoothed",
                         "levels", "data", "training", "validation", "format"])
RECIPE = st.sampled_from(["window", "operators", "widths", "depths", "patch", "smoother", "finer",
                          "coupling", "seed", "flow_levels", "background_steps", "system"])
HEADERS = st.lists(min_size=1, max_size=3, elements=st.one_of(
    st.tuples(st.none(), PARTS, NESTED), st.tuples(st.just("recipe"), RECIPE, NESTED),
))


def check_priors(tmp_path_factory, changes):
    content = (WEIGHTS / "qg64-augmented.safetensors").read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    about = json.loads(header["__metadata__"]["dalab"])
    for within, key, value in changes:
        inner = about[within] if within else about
        if isinstance(inner, dict):
            inner[key] = value
    header["__metadata__"]["dalab"] = json.dumps(about)
    text = json.dumps(header).encode()
    path = tmp_path_factory.getbasetemp() / "changed.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])
    read_or_refuse(load_trained, path, qg64())


test_priors, test_many_priors = fuzz(HEADERS, few=2)(check_priors)


def check_texts(tmp_path_factory, changes):
    path = tmp_path_factory.getbasetemp() / "changed.yaml"
    path.write_bytes(changes if isinstance(changes, bytes) else changes.encode("utf-8", "replace"))
    words = {"what": "config file", "must": "must be YAML", "remedy": "Mend it."}
    read_or_refuse(lambda: read_plain(path, **words))


YAML = st.text(st.sampled_from("ab1 :-[]{}&*!|>'\"#%@,.\n\t?<~=ex"), max_size=60)
test_texts, test_many_texts = fuzz(YAML | st.text() | st.binary())(check_texts)
