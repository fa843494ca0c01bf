"""Stored states are read by their coordinates, units and parameters, not by position alone."""

import numpy as np
import pytest
import torch
import xarray as xr

from dalab.errors import InputError
from dalab.experiments.truth import draw_truth
from dalab.experiments.truth_file import read_states, read_windows
from dalab.experiments.truth_file.climate import check_size, climate_of
from dalab.experiments.truth_file.units import conversion
from dalab.systems import SYSTEMS, qg64

SYSTEM = qg64()


def dataset(times=3, system=SYSTEM, **attrs):
    """White PV with coordinates, every state different."""
    generator = np.random.default_rng(0)
    q = generator.standard_normal((times, *system.shape)) * system.scale.numpy()
    axes = system.coords()
    seconds = system.interval * np.arange(times)
    return xr.Dataset(
        {"q": (("time", "lev", "y", "x"), q, {"units": "s^-1"})},
        {"time": ("time", seconds, {"units": "s"}), "lev": [1, 2], "y": axes["y"], "x": axes["x"]},
        attrs,
    )


def read(data, path, system=SYSTEM):
    """The window of a file of these numbers."""
    odd = np.iscomplexobj(data.q)
    data.to_netcdf(path / "truth.nc", engine="h5netcdf", invalid_netcdf=odd)
    return draw_truth(path / "truth.nc", system, 3, seed=0)


def normalised(data):
    return torch.from_numpy(data.q.values / SYSTEM.scale.numpy()).float()


@pytest.mark.filterwarnings("ignore:You are writing invalid netcdf")
@pytest.mark.parametrize("change", [
    lambda d: d.isel(y=slice(None, None, -1)), lambda d: d.isel(x=slice(None, None, -1)),
    lambda d: d.isel(lev=[1, 0]), lambda d: d.roll(x=7, roll_coords=True),
    lambda d: d.isel(lev=[1, 0]).assign_coords(lev=("lev", [0.0, 1.0], {"positive": "up"})),
    lambda d: d.assign_coords(y=d.y / 1e3, x=d.x / 1e3).assign(
        y=("y", d.y.values / 1e3, {"units": "km"}), x=("x", d.x.values / 1e3, {"units": "km"})
    ),
    lambda d: d.assign_coords(y=np.arange(64), x=np.arange(1, 65)),
    lambda d: d.drop_vars(["x", "y", "lev"]),
    lambda d: d.assign(q=d.q.astype(complex).assign_attrs(d.q.attrs)),
    lambda d: d.assign(q=(d.q * 86400).assign_attrs(units="day-1")),
    lambda d: d.assign(q=(d.q * 1e6).assign_attrs(units="10^-6 s^-1")),
])
def test_the_same_flow_written_otherwise_is_the_same_window(change, tmp_path):
    data = dataset()
    torch.testing.assert_close(read(change(data), tmp_path), normalised(data))


@pytest.mark.filterwarnings("ignore:You are writing invalid netcdf")
@pytest.mark.parametrize("change, message", [
    (lambda d: d.assign_coords(x=np.geomspace(1, 1e6, 64)), "spacing of coordinate x"),
    (lambda d: d.assign_coords(y=np.zeros(64)), "coordinate y = 0.0: must have every value once"),
    (lambda d: d.assign_coords(y=[f"row {i}" for i in range(64)]), "coordinate y.*must be numbers"),
    (lambda d: d.assign_coords(lev=[1, 1]), "coordinate lev = 1.0"),
    (lambda d: d.assign_coords(x=d.x.where(d.x > 1e4)), "coordinate x = 'NaN or infinity'"),
    (lambda d: d.assign_coords(x=d.x * 2), r"domain along x .* 2000000.0: must be 1e\+06.*L=2"),
    (lambda d: d.assign_coords(x=("x", d.x.values, {"units": "degrees"})), "units of x = 'deg"),
    (lambda d: d.assign(q=d.q * (1 + 1e-3j)), "imaginary part of q"),
    (lambda d: d.assign(q=d.q * 50), "standard deviation of q .*within a factor of 4 of the clima"),
    (lambda d: d.assign(q=d.q / 50), "standard deviation of q .*qg64, 8.19e-06"),
    (lambda d: d.assign(q=d.q * np.array([1, 8])[:, None, None]), "of q .lower. .*1.06e-06"),
])
def test_another_flow_is_refused(change, message, tmp_path):
    with pytest.raises(InputError, match=message):
        read(change(dataset()), tmp_path)


@pytest.mark.parametrize("name, value, message", [
    ("pyqg:rd", 25000.0, "rd in truth.nc = 25000.0: must be 15000.*Use system qg64:rd=25000, or"),
    ("pyqg:L", 2e6, "L in truth.nc = 2000000.0: must be 1e.06.*qg64:L=2000000"),
    ("L", 2e6, "L in truth.nc = 2000000.0"),
    ("pyqg:beta", 3e-11, "beta in .*qg64:beta=3e-11"),
    ("pyqg:delta", 1.0, "delta in .*must be 0.25"),
    ("pyqg:rek", 0.0, "rek in .*5.787e-07"),
    ("rd", -5.0, "rd in .* = -5.0: .*Choose a system that has it"),
])
def test_parameters_of_another_flow_are_refused(name, value, message, tmp_path):
    with pytest.raises(InputError, match=message):
        read(dataset(**{name: value}), tmp_path)


def test_parameters_of_this_flow_and_of_no_consequence_pass(tmp_path):
    data = dataset(**{"pyqg:rd": 15000.0, "pyqg:nx": 128, "pyqg:dt": 3600.0, "title": "L = 5",
                      "rek": "unknown"})
    torch.testing.assert_close(read(data, tmp_path), normalised(data))


def test_the_imposed_flow_is_compared_layer_by_layer(tmp_path):
    data = dataset().assign(Ubg=("lev", [0.025, 0.0])).isel(lev=[1, 0])
    assert read(data, tmp_path).isfinite().all()
    with pytest.raises(InputError, match="U1 in truth.nc = 0.05.*qg64:U1=0.05"):
        read(data.assign(Ubg=("lev", [0.0, 0.05])), tmp_path)


def test_windows_of_several_seeds_are_read_at_once(tmp_path):
    data = dataset(times=7)
    data.to_netcdf(tmp_path / "truth.nc", engine="h5netcdf")
    found = read_windows(tmp_path / "truth.nc", SYSTEM, 3, [0, 1, 2])
    torch.testing.assert_close(found, torch.stack([normalised(data)[i : i + 3] for i in (0, 3, 0)]))


def test_start_states_are_read_the_same_way(tmp_path):
    data = dataset()
    data.isel(y=slice(None, None, -1)).to_netcdf(tmp_path / "start.nc")
    torch.testing.assert_close(read_states(tmp_path / "start.nc", SYSTEM, 3), normalised(data))
    dataset(L=2e6).to_netcdf(tmp_path / "other.nc")
    with pytest.raises(InputError, match="L in other.nc"):
        read_states(tmp_path / "other.nc", SYSTEM, 3)


def test_packed_numbers_are_unpacked(tmp_path):
    data = dataset()
    packed = {"dtype": "int16", "scale_factor": 1e-9, "_FillValue": -32768}
    data.to_netcdf(tmp_path / "packed.nc", encoding={"q": packed}, engine="h5netcdf")
    found = draw_truth(tmp_path / "packed.nc", SYSTEM, 3, seed=0)
    torch.testing.assert_close(found, normalised(data), rtol=0, atol=1e-3)


@pytest.mark.parametrize("text", [
    "s-1", "s^-1", "s**-1", "1/s", "/s", "s^{-1}", "s^(-1)", "sec-1", "second^-1", "Hz", " s^-1 ",
])
def test_all_right_spellings_of_per_second(text):
    assert conversion(text, "s-1") == 1


@pytest.mark.parametrize("text, wanted, factor", [
    ("day-1", "s-1", 1 / 86400), ("10^-6 s^-1", "s-1", 1e-6), ("1e-6 s-1", "s-1", 1e-6),
    ("hours", "s", 3600), ("d", "s", 86400), ("ns", "s", 1e-9), ("km", "m", 1000), ("", "1", 1),
])
def test_units_are_converted(text, wanted, factor):
    assert conversion(text, wanted) == pytest.approx(factor, rel=1e-12)


@pytest.mark.parametrize("text", [
    "m s-1", "s", "1", "", "S-1", "nonsense", "s-1 " * 40, "9**9**9**9 s-1", "(9^99)^99^99 s-1",
    "s**99**99**99", "1e999 s-1", "0 s-1", "-1 s-1", "((((", "degC", "import os", "\x00",
])
def test_other_units_are_not(text):
    assert conversion(text, "s-1") is None


def test_the_bound_knows_the_climate_of_a_changed_system():
    system = SYSTEMS.make("lorenz96:forcing=16")
    mean, std = climate_of(system)
    assert float(std) > 1.5, "twice the forcing: larger than the unit, which is the plain climate"
    states = system.sample_climate(4, torch.Generator().manual_seed(1))
    check_size(states, system)
    with pytest.raises(InputError, match="climate of lorenz96:forcing=16"):
        check_size(mean + 5 * (states - mean), system)
