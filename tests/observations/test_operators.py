"""Every operator: shapes, derivatives, adjoints; the published forms of the known ones."""

from __future__ import annotations

import math

import pytest
import torch

from dalab.observations import OPERATORS
from dalab.systems import QGSystem, TwoLayerQG


@pytest.fixture(params=sorted(OPERATORS))
def operator(request, tiny_system):
    return OPERATORS[request.param](tiny_system)


def field(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def test_maps_states_to_its_channels_whatever_leads(operator):
    x = field(3, 4, 2, 8, 8)
    y = operator(x)
    assert y.shape == (3, 4, len(operator.channels), 8, 8)
    torch.testing.assert_close(y[1, 2], operator(x[1, 2]))


def test_has_a_name_for_every_channel_and_a_docstring(operator):
    assert len(set(operator.channels)) == len(operator.channels) > 0
    assert len(type(operator).__doc__) > 20


def test_derivative_matches_finite_differences(operator):
    x, v = field(2, 8, 8), field(2, 8, 8, seed=1)
    _, slope = torch.func.jvp(operator, (x,), (v,))
    h = 1e-6
    difference = (operator(x + h * v) - operator(x - h * v)) / (2 * h)
    torch.testing.assert_close(slope, difference, rtol=1e-6, atol=1e-8)


def test_linear_operators_are_linear_and_have_their_adjoint(operator):
    if not operator.linear:
        pytest.skip("not linear")
    x, z = field(2, 8, 8), field(2, 8, 8, seed=1)
    torch.testing.assert_close(operator(2 * x - z), 2 * operator(x) - operator(z))
    w = field(len(operator.channels), 8, 8, seed=2)
    left, right = (operator(x) * w).sum(), (x * operator.adjoint(w)).sum()
    assert abs(left - right) <= 1e-12 * abs(left)


@pytest.mark.parametrize("form", ["reference", "physical"])
@pytest.mark.parametrize("n", [8, 64])
def test_velocity_adjoint_to_round_off(form, n):
    system = QGSystem(name="q", model=TwoLayerQG(nx=n), std=(8e-6, 1e-6))
    H = OPERATORS["velocity"](system, form=form)
    x, w = field(2, n, n), field(4, n, n, seed=1)
    left, right = (H(x) * w).sum(), (x * H.adjoint(w)).sum()
    assert abs(left - right) <= 1e-12 * H(x).norm() * w.norm()


def test_reference_velocity_of_a_constant_is_zero(tiny_system):
    H = OPERATORS["velocity"](tiny_system)
    assert H(torch.ones(2, 8, 8, dtype=torch.float64)).abs().max() < 1e-12


def test_reference_velocity_of_a_barotropic_wave(tiny_system):
    """q1 = q2 = cos(kx) + sin(ly) gives u = cos(ly)/l and v = sin(kx)/k in both layers."""
    model = tiny_system.model
    x = model.grid.centres()
    k, l = 2 * math.pi / model.L, 4 * math.pi / model.L
    q = torch.cos(k * x)[None, :] + torch.sin(l * x)[:, None]
    H = OPERATORS["velocity"](tiny_system)
    scale = torch.tensor(H.reference_scale, dtype=torch.float64)[:, None, None]
    u1, u2, v1, v2 = H(torch.stack([q, q])) * scale
    expected_u = (torch.cos(l * x) / l)[:, None].expand_as(u1)
    expected_v = (torch.sin(k * x) / k)[None, :].expand_as(v1)
    for found, expected in ((u1, expected_u), (u2, expected_u), (v1, expected_v), (v2, expected_v)):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-6)


def test_physical_velocity_has_unit_variance_in_every_channel():
    """The scales are climatological: on shipped states each channel has std one."""
    from dalab.systems import SYSTEMS
    from dalab.systems.library import load_states

    H = OPERATORS["velocity"](SYSTEMS["qg64"](), form="physical")
    std = H(load_states("qg64").double()).std(dim=(0, 2, 3))
    torch.testing.assert_close(std, torch.ones_like(std), rtol=0.08, atol=0)


@pytest.mark.parametrize("value", [-1.3, 0.0, 0.4])
def test_published_forms(tiny_system, value):
    x = torch.full((2, 8, 8), value, dtype=torch.float64)
    arctan, sine = OPERATORS["arctan"](tiny_system), OPERATORS["sine"](tiny_system)
    assert arctan(x)[0, 0, 0].item() == pytest.approx(math.atan(3 * value))
    assert sine(x)[0, 0, 0].item() == pytest.approx(1.5 * math.sin(3 * value))
    assert arctan.derivative(x)[0, 0, 0].item() == pytest.approx(3 / (1 + 9 * value**2))
    assert sine.derivative(x)[0, 0, 0].item() == pytest.approx(4.5 * math.cos(3 * value))
