"""True windows: from every source of the registry, and from files good and bad."""

import numpy as np
import pytest
import torch
import xarray as xr

from dalab.errors import InputError
from dalab.experiments import truth
from dalab.experiments.truth import TRUTHS, draw_truth
from dalab.priors.denoisers.rings import ring_index
from dalab.random import stream
from dalab.systems import QGSystem, TwoLayerQG, lorenz63, qg64, qg_truth
from dalab.systems.qg_library import draw_lead, draw_states, mirror, shift

SOURCES = [pytest.param(name, marks=pytest.mark.slow if name.endswith("-fine") else ())
           for name in TRUTHS]
"""All sources; those that simulate twice the resolution are slow."""


@pytest.fixture
def system():
    return qg64()


def _start(library, seed):
    """The state from which the truth of a seed starts."""
    return draw_states(library, 1, stream(seed, "truth", "state"))[0]


def needs(name):
    if name.startswith("pyqg"):
        pytest.importorskip("pyqg")


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_gives_developed_turbulence(name, system):
    needs(name)
    window = draw_truth(name, system, 3, seed=0)
    assert window.shape == (3, 2, 64, 64)
    assert window.dtype == torch.float32
    assert ((window.std((0, 2, 3)) - 1).abs() < 0.25).all()
    day = (window[1] - window[0]).pow(2).mean((-2, -1)).sqrt()
    assert ((day > 0.02) & (day < 0.5)).all()


@pytest.mark.parametrize("name", SOURCES)
def test_a_seed_always_gives_the_same_truth(name, system):
    needs(name)
    first = draw_truth(name, system, 2, seed=3)
    truth._drawn.cache_clear()
    assert torch.equal(draw_truth(name, system, 2, seed=3), first)


def test_seeds_give_different_truths(system):
    windows = torch.stack([draw_truth("model", system, 1, seed).flatten() for seed in range(6)])
    overlap = torch.corrcoef(windows) - torch.eye(6)
    assert overlap.abs().max() < 0.6


def test_leads_are_three_to_six_weeks():
    leads = {draw_lead(stream(seed, "truth", "lead")) for seed in range(300)}
    assert (min(leads), max(leads)) == (20, 40)


def test_a_longer_window_begins_with_the_shorter(system):
    long, short = (draw_truth("model", system, steps, seed=1) for steps in (4, 2))
    torch.testing.assert_close(long[:2], short)


@pytest.mark.parametrize("suffix", ["", pytest.param("-fine", marks=pytest.mark.slow)])
def test_pyqg_and_the_solver_give_the_same_truth(suffix, system):
    pytest.importorskip("pyqg")
    # weeks of chaos amplify round-off, but not yet to anything that single precision shows
    theirs, ours = (draw_truth(name + suffix, system, 2, seed=2) for name in ("pyqg", "model"))
    torch.testing.assert_close(theirs, ours, rtol=0, atol=1e-5)


@pytest.mark.slow
def test_the_model_is_perfect_for_its_own_truth_and_errs_for_a_finer_one(system):
    def error(name):
        x = draw_truth(name, system, 2, seed=0)
        return (system.step(x[0]) - x[1]).pow(2).mean().sqrt()

    assert error("model") < 1e-3
    assert 0.01 < error("model-fine") < 0.3


def test_starts_are_symmetric_images_of_shipped_states():
    x = _start("qg64", seed=5)
    assert x.dtype == torch.float64
    torch.testing.assert_close(mirror(mirror(x)), x)
    torch.testing.assert_close(mirror(x).mean((-2, -1)), x.mean((-2, -1)))
    assert torch.equal(shift(shift(x, 3, 60), 61, 4), x)


def test_the_other_solvers_are_for_two_layer_flow_alone():
    for source in ("pyqg", "model-fine", "pyqg-fine"):
        with pytest.raises(InputError, match="system = 'lorenz63': must be two-layer QG"):
            draw_truth(source, lorenz63(), 3, seed=0)


def test_a_system_without_a_library_is_refused():
    other = QGSystem(name="qg32", model=TwoLayerQG(nx=32), std=(8e-6, 1e-6))
    with pytest.raises(InputError, match="state library = 'qg32'.*dalab climatology qg32"):
        draw_truth("model", other, 3, seed=0)


@pytest.mark.slow
def test_without_a_library_of_the_finer_flow_its_small_scales_fill_up(system, monkeypatch):
    monkeypatch.setattr(qg_truth, "library_names", lambda: ["qg64"])
    truth._drawn.cache_clear()
    small = ring_index(64, 64) > 24
    powers = []
    for source in ("model", "model-fine"):
        spectra = torch.fft.rfft2(draw_truth(source, system, 2, seed=0))
        powers.append(spectra.abs().square()[..., small].sum())
    truth._drawn.cache_clear()
    assert powers[1] > 2 * powers[0]


def test_a_truth_that_is_wanted_again_is_not_integrated_again(system):
    first = draw_truth("model", system, 3, seed=7)
    expected = first.clone()
    hits = truth._drawn.cache_info().hits
    first += 1  # nobody's changes are kept
    assert torch.equal(draw_truth("model", system, 3, seed=7), expected)
    assert truth._drawn.cache_info().hits == hits + 1


def test_unknown_sources_name_the_known_ones(system):
    with pytest.raises(InputError, match="'modle': must be one of model, pyqg, .*'model'"):
        draw_truth("modle", system, 3, seed=0)


# --- files ---------------------------------------------------------------------------------------


def dataset(system, times=7, spacing=86400.0):
    """Smooth PV in pyqg's layout, every state different."""
    generator = np.random.default_rng(0)
    scale = system.scale.numpy()
    q = generator.standard_normal((times, *system.shape)) * scale
    seconds = 1.0e8 + spacing * np.arange(times)
    return xr.Dataset(
        {"q": (("time", "lev", "y", "x"), q, {"units": "s^-1"})},
        coords={"time": ("time", seconds, {"units": "s"}), "lev": [1, 2]},
    )


def written(data, path):
    if path.suffix == ".zarr":
        data.to_zarr(path)
    else:
        data.to_netcdf(path, engine="h5netcdf")
    return path


@pytest.mark.parametrize("name", ["truth.nc", "truth.zarr"])
def test_windows_of_a_file(name, system, tmp_path):
    data = dataset(system)
    path = written(data, tmp_path / name)
    states = torch.from_numpy(data.q.values / system.scale.numpy()).float()
    for seed, first in ((0, 0), (1, 3), (2, 0), (3, 3)):
        window = draw_truth(path, system, 3, seed)
        torch.testing.assert_close(window, states[first : first + 3])
    assert draw_truth(str(path), system, 7, seed=4).shape == (7, 2, 64, 64)


def test_a_file_that_pyqg_wrote(system, tmp_path):
    pyqg = pytest.importorskip("pyqg")
    model = pyqg.QGModel(nx=64, dt=7200.0, log_level=0, tavestart=np.inf)
    first = draw_states("qg64", 1, stream(0, "truth", "state"))[0]
    model.q = first.numpy() * system.scale.numpy()
    days = [model.to_dataset()]
    for _ in range(2):
        for _ in range(12):
            model._step_forward()
        days.append(model.to_dataset())
    path = tmp_path / "pyqg.nc"
    xr.concat(days, "time", data_vars="minimal", coords="minimal", compat="override").to_netcdf(
        path, engine="h5netcdf", invalid_netcdf=True
    )
    window = draw_truth(path, system, 3, seed=0)
    torch.testing.assert_close(window, system.trajectory(first, 3).float())


def test_any_order_of_dims_and_other_units_of_time(system, tmp_path):
    data = dataset(system, spacing=24.0)
    data["time"].attrs["units"] = "hours since 2000-01-01"
    data["q"].attrs["units"] = "1/s"
    path = written(data.transpose("x", "lev", "time", "y"), tmp_path / "truth.nc")
    expected = torch.from_numpy(data.q.values / system.scale.numpy()).float()
    torch.testing.assert_close(draw_truth(path, system, 7, seed=0), expected)


def test_only_the_window_is_read(system, tmp_path):
    data = dataset(system)
    data["q"][5, 0, 1, 2] = np.nan
    path = written(data, tmp_path / "truth.nc")
    assert draw_truth(path, system, 3, seed=0).isfinite().all()


def with_nan(data):
    data["q"][1, 0, 4, 5] = np.nan
    data["q"][2, 1, 0, 0] = np.inf
    return data


def with_units(data, units):
    data["q"].attrs["units"] = units
    return data


def with_gap(data):
    return data.isel(time=[0, 1, 3, 4, 5, 6])


def with_time_units(data, units):
    data["time"].attrs["units"] = units
    return data


BAD = {
    "no variable q": (lambda d: d.rename(q="pv"), "must have a variable q, has pv"),
    "dims": (lambda d: d.rename(lev="z"), r"dims of q = .*must be \(time, lev, y, x\)"),
    "too few dims": (lambda d: d.isel(lev=0), "dims of q"),
    "units": (lambda d: with_units(d, "m s^-1"), "units of q = 'm s.-1': must be s-1"),
    "per day, but in 1/s": (lambda d: with_units(d, "day^-1"), "standard deviation of q"),
    "per day, unlabelled": (lambda d: with_units(d * 1e9, "s-1"), "of q .*of the climate of qg64"),
    "all zero": (lambda d: with_units(d * 0, "s-1"), "standard deviation of q"),
    "finer grid": (
        lambda d: d.isel(x=np.repeat(range(64), 2), y=np.repeat(range(64), 2)),
        r"grid of q .*\(2, 128, 128\).*must be \(2, 64, 64\).*Average it over 2 x 2",
    ),
    "coarser grid": (lambda d: d.isel(x=slice(32), y=slice(32)), r"must be \(2, 64, 64\).*Regrid"),
    "one layer": (lambda d: d.isel(lev=[0]), r"\(1, 64, 64\).*must be \(2, 64, 64\)"),
    "too short": (lambda d: d.isel(time=[0, 1]), "= 2: must be at least 3"),
    "NaN": (with_nan, "= 2: must be none .first at time 1, lev 0, y 4, x 5"),
    "no time": (lambda d: d.drop_vars("time"), "time = 'absent': must be a coordinate"),
    "gap": (with_gap, "from step 1 to the next .* = 172800.0: must be 86400"),
    "backwards": (lambda d: d.isel(time=slice(None, None, -1)), "= -86400.0: must be 86400"),
    "time units": (lambda d: with_time_units(d, "parsecs"), "units of time = 'parsecs'"),
    "hourly": (lambda d: with_time_units(d, "h"), "must be 86400"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_files_are_refused(what, system, tmp_path):
    spoil, message = BAD[what]
    path = written(spoil(dataset(system)), tmp_path / "truth.nc")
    with pytest.raises(InputError, match=message):
        draw_truth(path, system, 3, seed=0)


@pytest.mark.parametrize("name", ["absent.nc", "absent.zarr", "some/where/absent.nc"])
def test_missing_files_are_refused(name, system, tmp_path):
    with pytest.raises(InputError, match="absent.*must exist"):
        draw_truth(tmp_path / name, system, 3, seed=0)


@pytest.mark.parametrize("name", ["text.nc", "text.zarr"])
def test_files_of_another_kind_are_refused(name, system, tmp_path):
    path = tmp_path / name
    if name.endswith(".zarr"):
        path.mkdir()
    else:
        path.write_text("not a dataset")
    with pytest.raises(InputError, match="must be NetCDF or Zarr"):
        draw_truth(path, system, 3, seed=0)
