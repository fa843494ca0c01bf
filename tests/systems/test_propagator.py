"""Propagators: states taken over one interval, there and back."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from dalab.systems import SYSTEMS, QGSystem, TwoLayerQG, lorenz96, qg256
from dalab.systems.library import load_states
from dalab.systems.propagator import QGPropagator
from dalab.systems.pyqg_truth import block_mean
from dalab.systems.spinup import integrate, refine, upsample
from dalab.systems.two_layer_qg import interpolate, regrid


@pytest.fixture(scope="module")
def flow() -> QGSystem:
    """The shipped flow without what cannot be undone: no drag, no filter."""
    model = TwoLayerQG(nx=64, dt=3600.0, rek=0.0, filterfac=0.0)
    return QGSystem(name="inviscid", model=model, std=(8.19e-6, 1.06e-6))


@pytest.fixture(scope="module")
def days(flow: QGSystem) -> torch.Tensor:
    """Three days of two trajectories, ``(day, 2, lev, y, x)``, float64."""
    x = load_states("qg64")[:2].double()
    return torch.stack([integrate(flow, x, day) for day in (0, 1, 2)])


def test_it_goes_ahead_and_back_better_than_persistence(flow, days):
    carry = QGPropagator(flow.model, flow.scale, flow.interval)
    ahead, back = carry(torch.stack([days[1], days[1]]))
    for carried, truth in ((ahead, days[2]), (back, days[0])):
        error, change = (carried - truth).std(), (days[1] - truth).std()
        assert error < 0.3 * change


def test_more_steps_converge_to_the_solver(flow, days):
    truth = replace(flow, model=replace(flow.model, dt=225.0)).step(days[1])
    errors = []
    for steps in (2, 4, 8):
        ahead = QGPropagator(flow.model, flow.scale, flow.interval, steps).ahead(days[1])
        errors.append(float((ahead - truth).std()))
    assert errors[1] < errors[0] / 3 and errors[2] < errors[1] / 3


def test_back_is_ahead_in_the_mirror(flow, days):
    carry = QGPropagator(flow.model, flow.scale, flow.interval)
    _, back = carry(torch.stack([days[0], days[1]]))
    torch.testing.assert_close(back, carry.ahead(days[1].flip(-1)).flip(-1))


@pytest.mark.slow
@pytest.mark.parametrize(("finer", "most"), [(False, 0.2), (True, 0.25)])
def test_a_noisy_fine_flow_is_carried_for_days_by_stable_steps(finer, most):
    """The finer grid does not filter the noise, which hence stays."""
    system = qg256()
    days = system.trajectory(load_states("qg256")[:1], 9)[0]
    carry = system.propagator(finer)
    unstable = QGPropagator(carry.model, system.scale, system.interval, carry.steps)
    noisy = days[0] + 0.1 * torch.randn(days[0].shape, generator=torch.Generator().manual_seed(0))
    for propagator, stable in ((carry, True), (unstable, False)):
        x = noisy[None]
        for _ in days[1:]:
            x = propagator.ahead(x)
        assert ((x[0] - days[-1]).std() < most) == stable


def test_a_day_of_the_fine_flow_is_right_but_for_its_drag():
    system = qg256()
    days = system.trajectory(load_states("qg256")[:1], 2)
    ahead, back = system.propagator()(days.movedim(1, 0))
    change = (days[:, 1] - days[:, 0]).std()
    assert (ahead - days[:, 1]).std() < 0.15 * change
    assert (back - days[:, 0]).std() < 0.3 * change


@pytest.fixture(scope="module")
def means() -> torch.Tensor:
    """Three days of means over 2 x 2 cells of a flow on 512 x 512, ``(day, 1, lev, y, x)``."""
    fine = refine(qg256())
    x = integrate(fine, upsample(load_states("qg256")[:1]), 4)
    return block_mean(torch.stack([x, integrate(fine, x, 1), integrate(fine, x, 2)]), 2)


@pytest.mark.slow
def test_means_over_cells_are_carried_on_a_finer_grid_which_keeps_their_small_scales(means):
    system = qg256()

    def missed(later):
        return (later - means[1]).std()

    finer, own = (system.propagator(finer) for finer in (True, False))
    assert missed(finer.ahead(means[0])) < 0.6 * missed(own.ahead(means[0]))


@pytest.mark.slow
def test_windows_of_means_are_nearer_to_the_flow_on_its_own_grid(means):
    system = qg256()
    ways = system.finer_trajectory, system.trajectory
    finer, own = (carry(means[0], 3)[:, -1] for carry in ways)
    assert (finer - means[2]).std() < 0.6 * (own - means[2]).std()


def test_another_grid_keeps_every_wavenumber_that_both_have():
    x = torch.randn(3, 16, 16, dtype=torch.float64)
    x = interpolate(interpolate(x, 12), 16)  # without the Nyquist wavenumbers
    torch.testing.assert_close(interpolate(interpolate(x, 24), 16), x)
    torch.testing.assert_close(interpolate(x, 32)[:, ::2, ::2], x)
    Z = torch.randn(2, 16, 16, dtype=torch.complex128)
    assert regrid(Z, 16) is Z


def test_lorenz_returns_to_where_it_was():
    system = lorenz96()
    x = system.sample_climate(4, torch.Generator().manual_seed(0))
    ahead, _ = system.propagator()(torch.stack([x, x]))
    torch.testing.assert_close(ahead, system.step(x))
    _, back = system.propagator()(torch.stack([x, ahead]))
    assert (back - x).abs().max() < 2e-3


@pytest.mark.parametrize("frozen", [True, False])
def test_with_a_frozen_flow_the_derivative_is_that_of_a_passive_tracer(days, frozen):
    """What is carried is linear in the tracer: along the states themselves it changes by itself."""
    carry = SYSTEMS["qg64"]().propagator(frozen=frozen)
    factor = torch.ones((), dtype=torch.float64, requires_grad=True)
    carried = carry(factor * days[:2])
    weights = torch.randn(carried.shape, generator=torch.Generator().manual_seed(0)).double()
    (slope,) = torch.autograd.grad((weights * carried).sum(), factor)
    passive = (weights * carried).sum().item()
    assert (slope.item() == pytest.approx(passive, rel=1e-9)) == frozen
    torch.testing.assert_close(carried, SYSTEMS["qg64"]().propagator()(days[:2]), rtol=0, atol=0)
