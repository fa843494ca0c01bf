"""Systems of one's own: ``shape`` and ``step`` are enough; everything else has a default."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import param
import pytest
import torch

import dalab
from dalab import catalogue
from dalab.errors import InputError
from dalab.experiments.config import Config
from dalab.experiments.results.cf import coordinates
from dalab.experiments.truth import model
from dalab.priors.loading import gaussian
from dalab.random import stream
from dalab.systems import SYSTEMS, System
from dalab.views.pictures.axes import axes_of


class UniformWind(System):
    """Eddies that move three cells an interval; nothing but what a system has to have."""

    shape = (1, 64, 64)

    def step(self, x, n=1, generator=None):
        return torch.roll(x, 3 * n, dims=-1)


@dataclass(frozen=True, kw_only=True)
class Tides(System):
    """Three waves on a basin of 40 x 20 km, hourly, as a frozen dataclass."""

    n: int = 8
    interval: float = 3600.0
    name: str = "basin"
    spinup: int = 2
    length_unit, time_unit, units, symbol = "m", "s", "m", "h"
    sides = (20e3, 40e3)

    @property
    def shape(self):
        return (3, self.n, 2 * self.n)

    def step(self, x, n=1, generator=None):
        return x


class Walk(System):
    """A random walk of two variables, as a plain class with attributes of its instances."""

    def __init__(self, std):
        self.shape, self.std, self.name = (2, 1, 1), std, "my walk"
        self.spinup = 4

    def step(self, x, n=1, generator=None):
        return x + self.std * torch.randn(x.shape, generator=generator, dtype=x.dtype)


def test_defaults_of_a_system_that_has_a_shape_and_a_step():
    system = UniformWind()
    assert system.name == "uniform-wind" and system.geometry == "plane"
    assert (system.dims, system.interval, system.time_unit) == (("lev", "y", "x"), 1.0, "1")
    assert (system.units, system.symbol, system.quantity) == ("1", "x", "state")
    assert torch.equal(system.offset, torch.zeros(1, 1, 1, dtype=torch.float64))
    assert torch.equal(system.scale, torch.ones(1, 1, 1, dtype=torch.float64))
    assert system.variables == ("x",) and list(system.quantities) == ["state anomaly"]
    assert system.step_word == "step" and system.time_label == "time (steps of 1)"
    assert system.propagator() is None and system.independent_climate


def test_it_runs_from_its_climate():
    system = UniformWind()
    climate = system.sample_climate(3, stream(1))
    white = torch.randn(3, 1, 64, 64, generator=stream(1), dtype=torch.float64)
    assert torch.equal(climate, white.roll(300, -1))
    truth = model(system, 4, seed=2)
    start = torch.randn(1, 1, 64, 64, generator=stream(2, "truth", "state"), dtype=torch.float64)
    expected = [start[0].roll(300 + 3 * k, -1) for k in range(4)]
    assert torch.equal(truth, torch.stack(expected))


def test_its_gaussian_prior_is_that_of_its_climate():
    prior = gaussian(UniformWind())
    covariance = prior.climatological_covariance
    assert prior.window == (9, 1, 64, 64)
    z = torch.randn(64, *prior.window, generator=stream(0))
    assert covariance.sample(z).std().item() == pytest.approx(1, abs=0.05)


def test_a_plane_of_its_own_has_the_axes_and_the_coordinates_of_a_plane():
    system = UniformWind()
    axes = axes_of(system, 9, 1.0)
    assert axes.kind == "plane"
    assert [axes.x.name, axes.y.name] == ["column", "row"]
    assert (axes.x.start, axes.x.end, axes.x.ticks) == (0.5, 64.5, (1.0, 32, 64.0))
    found = coordinates(Config(window=3), system)
    np.testing.assert_array_equal(found["time"], [0, 1, 2])
    np.testing.assert_array_equal(found["y"], np.arange(1, 65))
    assert found["x"].attrs == {"long_name": "column", "units": "1", "axis": "X"}
    assert found["time"].attrs["units"] == "1"


def test_lengths_and_times_with_units_are_shown_in_them():
    system = Tides(n=4)
    axes = axes_of(system, 9, 1.0)
    assert (axes.x.end, axes.x.middle, axes.y.end) == (40.0, "20 km", 20.0)
    found = coordinates(Config(window=3), system)
    np.testing.assert_allclose(found["time"], [0, 1 / 24, 2 / 24])
    np.testing.assert_allclose(found["x"], 1e3 * (5 * np.arange(8) + 2.5))
    np.testing.assert_allclose(found["y"], 1e3 * (5 * np.arange(4) + 2.5))
    assert found["time"].attrs["units"] == "day"
    assert found["y"].attrs == {"long_name": "distance to the north", "units": "m", "axis": "Y"}
    assert system.step_word == "step" and system.time_label == "time (steps of 3600 s)"
    assert system.quantities["state anomaly"].units == "m"
    assert system.variables == ("h1", "h2", "h3")


def test_any_unit_of_time_names_its_steps():
    @dataclass(frozen=True)
    class Yearly(UniformWind):
        time_unit: str = "year"

    assert (Yearly().step_word, Yearly().time_label) == ("year", "time (years)")
    np.testing.assert_array_equal(Yearly().times(3), [0, 1, 2])


def test_attributes_of_instances_replace_the_defaults():
    walk = Walk(0.5)
    assert (walk.name, walk.shape, walk.geometry) == ("my walk", (2, 1, 1), "point")
    x = walk.sample_climate(5000, stream(0))
    assert x.var().item() == pytest.approx(1 + 4 * 0.25, rel=0.05)
    path = walk.trajectory(torch.zeros(3000, 2, 1, 1), 3, stream(1))
    assert path.shape == (3000, 3, 2, 1, 1)
    assert path[:, 2].var().item() == pytest.approx(2 * 0.25, rel=0.1)


def test_a_required_field_of_a_dataclass_stays_required():
    @dataclass(frozen=True, kw_only=True)
    class Named(UniformWind):
        name: str

    with pytest.raises(TypeError, match="name"):
        Named()
    assert Named(name="own").name == "own"


@dataclass(frozen=True, kw_only=True)
class Breeze(UniformWind):
    """Eddies that move some cells an interval, their number an option."""

    cells: int = dalab.option(param.Integer(3, bounds=(-8, 8), doc="cells an interval"))

    def step(self, x, n=1, generator=None):
        return torch.roll(x, self.cells * n, dims=-1)


def test_fields_of_a_dataclass_are_options_of_its_text(monkeypatch):
    monkeypatch.setattr(SYSTEMS, "_entries", dict(SYSTEMS.items()))
    dalab.register(Breeze)
    system = SYSTEMS.make("breeze:cells=5")
    assert system == Breeze(cells=5) == SYSTEMS.make("breeze:5")
    assert system.name == SYSTEMS.describe(system) == "breeze:cells=5"
    assert SYSTEMS.describe(Breeze()) == Breeze().name == "breeze"
    with pytest.raises(InputError, match="system breeze cells = 9: .* at most 8. The default is 3"):
        SYSTEMS.make("breeze:cells=9")
    listed = next(entry for entry in catalogue.entries("systems") if entry.name == "breeze")
    assert listed.options == ("cells=3  -8..8  cells an interval",)


@dataclass(frozen=True)
class Shaped(System):
    shape: tuple = (1, 8, 8)
    scale: torch.Tensor = field(default_factory=lambda: torch.ones(1, 1, 1, dtype=torch.float64))

    def step(self, x, n=1, generator=None):
        return torch.stack([x, x]) if self.shape[-1] == 2 else 1e3 * x


@dataclass
class Mutable(UniformWind):
    n: int = 3


@pytest.mark.parametrize("make, message", [
    (lambda: Shaped((64, 64)), r"shape of shaped = \(64, 64\): must be three whole numbers"),
    (lambda: Shaped((1, 8, 0)), "must be three whole numbers"),
    (lambda: Shaped((1, 8, 8), torch.ones(3)), "shape of the scale of shaped .*one number per"),
    (Mutable, r"system = 'mutable': must be hashable. Use @dataclass\(frozen=True\)"),
])
def test_a_system_that_will_not_do_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make().check()


def test_a_step_that_changes_the_shape_or_blows_up_is_refused():
    with pytest.raises(InputError, match=r"state of shaped after a step = \(2, 4, 1, 2, 2\)"):
        Shaped((1, 2, 2)).sample_climate(4, stream(0))
    with pytest.raises(InputError, match="infinite or NaN values of shaped after 110 intervals"):
        class Longer(Shaped):
            name, spinup = "shaped", 110

        Longer().sample_climate(4, stream(0))
