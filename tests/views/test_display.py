"""What the pictures show."""

import dataclasses

import numpy as np
import pytest
import torch

from dalab import Config
from dalab.experiments.twin import Twin, prepare
from dalab.systems import SYSTEMS
from dalab.views.pictures.picture import (
    QUANTITIES,
    Look,
    Scene,
    estimate_picture,
    observables,
    observation_picture,
    round_up,
    truth_picture,
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
    shown = QUANTITIES["relative vorticity"](system, states)
    np.testing.assert_allclose(shown, 1e6 * zeta, atol=1e-9 * abs(zeta).max() * 1e6)


def test_pv_is_shown_in_its_units(twin):
    pv = QUANTITIES["PV"](twin.system, twin.truth.numpy())
    expected = 1e6 * twin.truth.double() * twin.system.scale
    np.testing.assert_allclose(pv, expected, rtol=1e-6)


def test_observations_are_the_truth_where_there_are_sensors_and_nothing_elsewhere(twin):
    scene = Scene(twin)
    for layer in (0, 1):
        look = Look(time=4, layer=layer, observed="identity q")
        shown = observation_picture(scene, look).values
        at = np.isfinite(shown)
        assert at.sum() == 16 and at[::16, ::16].all()
        np.testing.assert_allclose(shown[at], twin.truth[4, layer].numpy()[at], atol=0.01)


def test_observables_name_operators_and_channels_without_layers(twin):
    assert observables(twin) == ["identity q", "velocity u", "velocity v"]


def test_an_unknown_instrument_falls_back_to_the_first(twin):
    picture = observation_picture(Scene(twin), Look(observed="radar"))
    assert picture.title == "Observed: identity"


def test_a_network_without_sensors_is_drawn_empty():
    twin = prepare(Config(masks=("points",), device="cpu"))
    picture = observation_picture(Scene(twin), Look())
    assert np.isnan(picture.values).all() and picture.limit == 1


def test_views_of_an_ensemble(twin):
    scene, look = Scene(twin), Look(time=2, quantity="PV")
    ensemble = torch.stack([twin.truth + offset for offset in (-0.1, 0.3)])

    def shown(**changes):
        return estimate_picture("m", "", ensemble, scene, dataclasses.replace(look, **changes))

    truth, unit = truth_picture(scene, look).values, 1e6 * float(twin.system.scale[0])
    for changes, expected in [
        ({"view": "mean"}, truth + 0.1 * unit), ({"view": "error"}, 0.1 * unit),
        ({"view": "sample", "member": 2}, truth + 0.3 * unit),
        ({"view": "sample", "member": 99}, truth + 0.3 * unit),
        ({"view": "spread"}, 0.4 / 2**0.5 * unit),
    ]:
        np.testing.assert_allclose(shown(**changes).values, np.broadcast_to(expected, truth.shape),
                                   atol=1e-4)
    assert shown(view="spread").kind == "sequential"
    assert shown(view="mean").limit == truth_picture(scene, look).limit


def test_the_spread_of_one_member_is_zero(twin):
    look = Look(view="spread")
    assert not estimate_picture("m", "", twin.truth[None], Scene(twin), look).values.any()


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
    scene, system = Scene(lorenz), lorenz.system
    sites, look = system.shape[-1], Look(time=3, layer=1)
    field = min(1, system.shape[0] - 1)
    truth = (lorenz.truth.double() * system.scale).numpy()[:, field, 0]
    picture = truth_picture(scene, look)
    np.testing.assert_allclose(picture.values, truth, rtol=1e-6)
    assert picture.values.shape == (9, sites) and picture.limit >= 3 * truth.std() * 0.999
    members = lorenz.truth + torch.tensor([0.5, -0.5, 0.3])[:, None, None, None, None]
    error = estimate_picture(
        "", "", members, scene, dataclasses.replace(look, view="error")
    ).values
    np.testing.assert_allclose(error, 0.1 * float(system.scale[field]), rtol=1e-3)
    spread = estimate_picture(
        "", "", members, scene, dataclasses.replace(look, view="spread")
    ).values
    expected = np.std([0.5, -0.5, 0.3], ddof=1) * float(system.scale[field])
    assert spread.shape == (9, sites)
    np.testing.assert_allclose(spread, expected, rtol=1e-3)
    seen = observation_picture(scene, look).values
    assert seen.shape == (9, sites) and np.isfinite(seen).sum() == 9 * -(-sites // 3)
