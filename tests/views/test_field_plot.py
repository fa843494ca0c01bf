"""What the pictures show."""

import dataclasses

import numpy as np
import pytest
import torch

from dalab import Config
from dalab.experiments.twin import Twin, prepare
from dalab.systems import SYSTEMS
from dalab.views.pictures.field_plot import (
    DisplayState,
    TwinFields,
    estimate_plot,
    observation_plot,
    round_up,
    truth_plot,
)


@pytest.fixture(scope="module")
def twin() -> Twin:
    config = Config(
        operators=("identity", "velocity"), masks=("stride:16",), noise=1e-3, interval=2,
        device="cpu",
    )
    return prepare(config)


def test_vorticity_of_one_mode_is_minus_k_squared_psi():
    system = SYSTEMS["qg64"]()
    model = system.model
    k = 2 * np.pi * 3 / model.L
    x = np.asarray(model.grid.centres())
    psi = np.stack([np.cos(k * x), 0.5 * np.cos(k * x)])[:, None, :] * np.ones((2, 64, 1))
    zeta = -(k**2) * psi
    stretching = np.stack([
        model.layers.F1 * (psi[1] - psi[0]), model.layers.F2 * (psi[0] - psi[1])
    ])
    states = (zeta + stretching) / system.scale.numpy()
    shown = system.quantities["relative vorticity"](system, states)
    np.testing.assert_allclose(shown, 1e6 * zeta, atol=1e-9 * abs(zeta).max() * 1e6)


def test_pv_is_shown_in_its_units(twin):
    pv = twin.system.quantities["PV"](twin.system, twin.truth.numpy())
    expected = 1e6 * twin.truth.double() * twin.system.scale
    np.testing.assert_allclose(pv, expected, rtol=1e-6)


def test_observations_are_the_truth_where_there_are_sensors_and_nothing_elsewhere(twin):
    twin_fields = TwinFields(twin)
    for layer in (0, 1):
        display = DisplayState(time=4, layer=layer, observed="identity q")
        shown = observation_plot(twin_fields, display).values
        at = np.isfinite(shown)
        assert at.sum() == 16 and at[::16, ::16].all()
        np.testing.assert_allclose(shown[at], twin.truth[4, layer].numpy()[at], atol=0.01)


def test_observables_name_operators_and_channels_without_layers(twin):
    assert TwinFields(twin).observables == ["identity q", "velocity u", "velocity v"]


def test_an_unknown_instrument_falls_back_to_the_first(twin):
    plot = observation_plot(TwinFields(twin), DisplayState(observed="radar"))
    assert plot.title == "Observed: identity"


def test_a_network_without_sensors_is_drawn_empty():
    twin = prepare(Config(masks=("points",), device="cpu"))
    plot = observation_plot(TwinFields(twin), DisplayState())
    assert np.isnan(plot.values).all() and plot.limit == 1


def test_views_of_an_ensemble(twin):
    twin_fields, display = TwinFields(twin), DisplayState(time=2, quantity="PV")
    ensemble = torch.stack([twin.truth + offset for offset in (-0.1, 0.3)])

    def shown(**changes):
        other = dataclasses.replace(display, **changes)
        return estimate_plot("m", "", ensemble, twin_fields, other)

    truth, unit = truth_plot(twin_fields, display).values, 1e6 * float(twin.system.scale[0])
    for changes, expected in [
        ({"view": "mean"}, truth + 0.1 * unit), ({"view": "error"}, 0.1 * unit),
        ({"view": "sample", "member": 2}, truth + 0.3 * unit),
        ({"view": "sample", "member": 99}, truth + 0.3 * unit),
        ({"view": "spread"}, 0.4 / 2**0.5 * unit),
    ]:
        np.testing.assert_allclose(shown(**changes).values, np.broadcast_to(expected, truth.shape),
                                   atol=1e-4)
    assert shown(view="spread").kind == "sequential"
    assert shown(view="mean").limit == truth_plot(twin_fields, display).limit


def test_the_spread_of_one_member_is_zero(twin):
    display = DisplayState(view="spread")
    assert not estimate_plot("m", "", twin.truth[None], TwinFields(twin), display).values.any()


@pytest.mark.parametrize("value, expected", [
    (0.93, 1), (1.0, 1), (1.2, 1.5), (7.1, 8), (23, 30), (0, 1), (float("nan"), 1), (9.1e-7, 1e-6),
])
def test_limits_are_round_numbers(value, expected):
    assert round_up(value) == pytest.approx(expected)


@pytest.fixture(scope="module", params=["lorenz63", "lorenz96"])
def lorenz(request) -> Twin:
    masks = "full" if request.param == "lorenz63" else "stride:3"
    return prepare(
        Config(system=request.param, operators="identity", masks=masks, device="cpu")
    )


def test_a_grid_of_one_row_is_shown_at_all_times_as_an_anomaly(lorenz):
    twin_fields, system = TwinFields(lorenz), lorenz.system
    sites, display = system.shape[-1], DisplayState(time=3, layer=1)
    field = min(1, system.shape[0] - 1)
    truth = (lorenz.truth.double() * system.scale).numpy()[:, field, 0]
    plot = truth_plot(twin_fields, display)
    np.testing.assert_allclose(plot.values, truth, rtol=1e-6)
    assert plot.values.shape == (9, sites) and plot.limit >= 3 * truth.std() * 0.999
    members = lorenz.truth + torch.tensor([0.5, -0.5, 0.3])[:, None, None, None, None]
    error = estimate_plot(
        "", "", members, twin_fields, dataclasses.replace(display, view="error")
    ).values
    np.testing.assert_allclose(error, 0.1 * float(system.scale[field]), rtol=1e-3)
    spread = estimate_plot(
        "", "", members, twin_fields, dataclasses.replace(display, view="spread")
    ).values
    expected = np.std([0.5, -0.5, 0.3], ddof=1) * float(system.scale[field])
    assert spread.shape == (9, sites)
    np.testing.assert_allclose(spread, expected, rtol=1e-3)
    seen = observation_plot(twin_fields, display).values
    assert seen.shape == (9, sites) and np.isfinite(seen).sum() == 9 * -(-sites // 3)
