"""Every operator: shapes, derivatives, adjoints; the published forms of the known ones."""

from __future__ import annotations

import math

import pytest
import torch

from dalab.errors import InputError
from dalab.observations import MASKS, OPERATORS
from dalab.observations.flow import sample
from dalab.random import stream
from dalab.systems import SYSTEMS, Kolmogorov, QGSystem, System, TwoLayerQG


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


NEW = ("sigmoid", "sigmoid:slope=5,units=physical", "block-average", "block-average:3", "speed",
       "speed:units=physical", "speed:form=logistic", "speed:form=logistic,units=physical")
SMALL = ("qg64", "lorenz63", "lorenz96:d=10", "lorenz96-two-scale:K=6,J=3", "kolmogorov:size=16")


def has_velocity(system: System) -> bool:
    return isinstance(system, QGSystem | Kolmogorov)


@pytest.mark.parametrize("system", SMALL)
@pytest.mark.parametrize("text", NEW)
def test_operators_on_every_kind_of_system(system, text):
    """Fields, and derivatives against differences, or a refusal that says what is missing."""
    made = SYSTEMS.make(system)
    if text.startswith("speed") and not has_velocity(made):
        with pytest.raises(InputError, match="operator speed = .*two components of velocity"):
            OPERATORS.make(text, made)
        return
    H = OPERATORS.make(text, made)
    H.check()
    x, v = field(2, *made.shape), field(2, *made.shape, seed=1)
    _, slope = torch.func.jvp(H, (x,), (v,))
    h = 1e-6
    torch.testing.assert_close(slope, (H(x + h * v) - H(x - h * v)) / (2 * h), rtol=1e-5, atol=1e-8)
    w = field(*slope.shape, seed=2)
    back = torch.func.vjp(H, x)[1](w)[0]
    assert float((back * v).sum()) == pytest.approx(float((slope * w).sum()), rel=1e-9)
    assert H(x.float()).dtype == torch.float32
    assert H.linear == text.startswith("block")


@pytest.mark.parametrize("value", [-1.3, 0.0, 0.4])
def test_the_sigmoid_of_the_paper(value):
    system = SYSTEMS.make("kolmogorov:size=16")
    u = torch.full(system.shape, value, dtype=torch.float64)
    H = OPERATORS.make("sigmoid:units=physical", system)
    assert H.slope == 2 and H(system.normalised(u)).mean() == pytest.approx(
        1 / (1 + math.exp(-2 * value))
    )
    assert 2 * H(system.normalised(u)).mean() - 1 == pytest.approx(math.tanh(value))


def test_the_speed_of_the_paper_and_its_gradient():
    """q = sigma(u_x^2 + u_y^2 - 3), whose derivative by u_i is 2 u_i q (1 - q)."""
    system = SYSTEMS.make("kolmogorov:size=16")
    H = OPERATORS.make("speed:form=logistic,units=physical", system)
    u = 1.5 * field(*system.shape)
    q = 1 / (1 + torch.exp(3 - u[0] ** 2 - u[1] ** 2))
    x = system.normalised(u)
    torch.testing.assert_close(H(x), q[None])
    torch.testing.assert_close(H(-x), q[None])
    gradient = torch.func.vjp(H, x)[1](torch.ones_like(q[None]))[0]
    torch.testing.assert_close(gradient, system.scale * 2 * u * q * (1 - q))


def test_speeds_of_both_flows_in_their_units():
    flow = SYSTEMS.make("kolmogorov:size=16")
    u = flow.physical(x := field(*flow.shape))
    root, physical = (OPERATORS.make(f"speed:floor=1e-6{more}", flow)(x) for more in
                      ("", ",units=physical"))
    torch.testing.assert_close(physical, u.norm(dim=0)[None])
    torch.testing.assert_close(root, x.norm(dim=0)[None] / math.sqrt(2))
    qg = SYSTEMS.make("qg64")
    q = field(*qg.shape)
    uv = OPERATORS.make("velocity:physical", qg)(q)
    scale = torch.tensor(OPERATORS["velocity"].physical_scale).double()[:, None, None]
    wind = torch.hypot(*(scale * uv).unflatten(0, (2, 2)))
    found = OPERATORS.make("speed:floor=1e-9,units=physical", qg)(q)
    torch.testing.assert_close(found, wind, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("size", [3, 4, 8])
def test_block_averages_by_hand(size):
    system = SYSTEMS.make("kolmogorov:size=24")
    x = field(*system.shape)
    found = OPERATORS.make(f"block-average:{size}", system)(x)
    offsets = range(-(size // 2), size - size // 2)
    by_hand = sum(x.roll((-i, -j), (-2, -1)) for i in offsets for j in offsets) / size**2
    torch.testing.assert_close(found, by_hand)


def test_block_averages_tile_the_domain_with_a_stride():
    """Average pooling: every cell is in one block, 8 x 8 of them on 64 x 64 cells."""
    system = SYSTEMS.make("kolmogorov")
    x = field(*system.shape)
    cells = MASKS.make("stride:8").cells(1, (64, 64), stream(0))[0]
    seen = OPERATORS.make("block-average", system)(x)[:, cells]
    pooled = torch.nn.functional.avg_pool2d(x.roll((4, 4), (-2, -1)), 8)
    torch.testing.assert_close(seen, pooled.flatten(1))


def test_block_averages_of_short_sides():
    ring = SYSTEMS.make("lorenz96:d=10")
    x = field(*ring.shape)
    mean = OPERATORS.make("block-average:20", ring)(x)
    torch.testing.assert_close(mean, x.mean(-1, keepdim=True).expand_as(x))
    point = SYSTEMS.make("lorenz63")
    torch.testing.assert_close(OPERATORS.make("block-average", point)(y := field(3, 1, 1)), y)


@pytest.mark.parametrize("units", ["normalised", "physical"])
def test_a_component_is_one_channel_of_the_whole(units):
    system = SYSTEMS.make("lorenz63")
    x = field(5, 3, 1, 1)
    for name, whole in (("component", "identity"), ("component-arctan", "arctan:slope=1.0")):
        separator = "," if ":" in whole else ":"
        full = OPERATORS.make(f"{whole}{separator}units={units}").on(system)(x)
        for k in (1, 3):
            alone = OPERATORS.make(f"{name}:field={k},units={units}").on(system)
            torch.testing.assert_close(alone(x), full[:, k - 1 : k])
            assert len(alone.channels) == 1


def test_a_component_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="operator component field = 4: must be at most 3"):
        OPERATORS.make("component:field=4").on(SYSTEMS.make("lorenz63"))


def test_the_adjoint_of_a_component_counts_its_units():
    operator = OPERATORS.make("component:field=2,units=physical").on(SYSTEMS.make("lorenz63"))
    x, w = field(3, 1, 1), field(1, 1, 1, seed=1)
    torch.testing.assert_close((operator(x) * w).sum(), (x * operator.adjoint(w)).sum())


# --- drift ----------------------------------------------------------------------------------------


def test_drift_of_a_short_time_is_the_velocity_of_the_upper_layer():
    system = SYSTEMS["qg64"]()
    x = system.sample_climate(2, stream(0))
    drift = OPERATORS["drift"](system, hours=1.0)(x)
    uv = OPERATORS["velocity"](system, form="physical")(x)[:, ::2]
    assert float((drift - uv).square().mean().sqrt()) < 0.01


def test_drift_of_a_day_is_that_of_tracers_in_the_flow_as_it_changes():
    """Paths back through the velocities of all time steps of the day, by the trapezoidal rule."""
    system = SYSTEMS["qg64"]()
    model, day = system.model, OPERATORS["drift"](system)
    q = model.snapshots(system.sample_climate(2, stream(1)) * system.scale, 13, 1) / system.scale
    cells = model.dt * model.nx / model.L
    scale = torch.tensor(day.velocity.physical_scale[::2], dtype=torch.float64)[:, None, None]
    mean = torch.tensor([model.U1, 0.0], dtype=torch.float64)[:, None, None]
    velocity = (day.velocity(q)[..., ::2, :, :] * scale + mean) * cells
    moved = torch.zeros_like(velocity[:, 0])
    for k in range(12, 0, -1):
        halfway = moved + sample(velocity[:, k], -moved) / 2
        both = sample(velocity[:, k], -halfway) + sample(velocity[:, k - 1], -halfway)
        moved = moved + both / 2
    true = (moved - 12 * mean * cells) / (12 * scale * cells)
    straight = day.velocity(q[:, -1])[:, ::2]
    error = float((day(q[:, -1]) - true).square().mean().sqrt())
    assert float(true.square().mean().sqrt()) == pytest.approx(1.0, abs=0.15)
    assert error < 0.06 and error < 0.6 * float((straight - true).square().mean().sqrt())


def test_tracers_in_a_uniform_flow_move_with_it_and_have_no_drift():
    system = QGSystem(name="q", model=TwoLayerQG(nx=8, U1=0.3), std=(8e-6, 1e-6))
    drift = OPERATORS["drift"](system, hours=240.0)
    assert drift(torch.zeros(2, 8, 8, dtype=torch.float64)).abs().max() < 1e-12
    assert drift(field(2, 8, 8)).isfinite().all()


def test_samples_off_the_grid_are_exact_in_the_centres_and_third_order_between_them():
    n = 64
    wave = torch.sin(2 * math.pi * (torch.arange(n, dtype=torch.float64) + 0.5) / n).expand(1, n, n)
    shift = torch.zeros(2, n, n, dtype=torch.float64)
    shift[0] = 5.0
    torch.testing.assert_close(sample(wave, shift), wave.roll(-5, -1))
    shift[0] = -0.5
    between = torch.sin(2 * math.pi * torch.arange(n, dtype=torch.float64) / n)
    assert float((sample(wave, shift) - between).abs().max()) < (2 * math.pi / n) ** 3 / 10


def test_drift_needs_two_layer_flow():
    with pytest.raises(InputError, match="drift.*needs a two-layer QG system"):
        OPERATORS["drift"](SYSTEMS["kolmogorov"]())


@pytest.mark.parametrize("units", ["normalised", "physical"])
def test_resolved_fields_are_the_first_channels_of_the_whole(units):
    system = SYSTEMS.make("lorenz96-hidden")
    x, w = field(5, *system.shape), field(5, 2, 1, 12, seed=1)
    whole = OPERATORS.make(f"identity:units={units}").on(system)(x)
    operator = OPERATORS.make(f"resolved:units={units}").on(system)
    torch.testing.assert_close(operator(x), whole[:, :2])
    assert len(operator.channels) == 2
    torch.testing.assert_close((operator(x) * w).sum(), (x * operator.adjoint(w)).sum())


def test_all_fields_are_resolved_where_none_are_hidden():
    x = field(3, 1, 1)
    assert torch.equal(OPERATORS.make("resolved").on(SYSTEMS.make("lorenz63"))(x), x)
