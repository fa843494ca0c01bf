"""Carrying states there and back."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from dalab.systems import QGSystem, TwoLayerQG, lorenz96, qg256
from dalab.systems.library import load_states
from dalab.systems.spinup import after
from dalab.systems.transport import Transport


@pytest.fixture(scope="module")
def flow() -> QGSystem:
    """The shipped flow without what cannot be undone: no drag, no filter."""
    model = TwoLayerQG(nx=64, dt=3600.0, rek=0.0, filterfac=0.0)
    return QGSystem(name="inviscid", model=model, std=(8.19e-6, 1.06e-6))


@pytest.fixture(scope="module")
def days(flow: QGSystem) -> torch.Tensor:
    """Three days of two trajectories, ``(day, 2, lev, y, x)``, float64."""
    x = load_states("qg64")[:2].double()
    return torch.stack([after(flow, x, day) for day in (0, 1, 2)])


def test_it_goes_ahead_and_back_better_than_persistence(flow, days):
    carry = Transport(flow.model, flow.scale, flow.interval)
    ahead, back = carry(torch.stack([days[1], days[1]]))
    for carried, truth in ((ahead, days[2]), (back, days[0])):
        error, change = (carried - truth).std(), (days[1] - truth).std()
        assert error < 0.3 * change


def test_more_steps_converge_to_the_solver(flow, days):
    truth = replace(flow, model=replace(flow.model, dt=225.0)).step(days[1])
    errors = []
    for steps in (2, 4, 8):
        ahead = Transport(flow.model, flow.scale, flow.interval, steps).ahead(days[1])
        errors.append(float((ahead - truth).std()))
    assert errors[1] < errors[0] / 3 and errors[2] < errors[1] / 3


def test_back_is_ahead_in_the_mirror(flow, days):
    carry = Transport(flow.model, flow.scale, flow.interval)
    _, back = carry(torch.stack([days[0], days[1]]))
    torch.testing.assert_close(back, carry.ahead(days[1].flip(-1)).flip(-1))


def test_a_noisy_fine_flow_is_carried_for_days_by_stable_steps():
    system = qg256()
    days = system.trajectory(load_states("qg256")[:1], 9)[0]
    carry = system.transport()
    unstable = Transport(carry.model, system.scale, system.interval, carry.steps)
    noisy = days[0] + 0.1 * torch.randn(days[0].shape, generator=torch.Generator().manual_seed(0))
    for transport, stable in ((carry, True), (unstable, False)):
        x = noisy[None]
        for _ in days[1:]:
            x = transport.ahead(x)
        assert ((x[0] - days[-1]).std() < 0.2) == stable


def test_a_day_of_the_fine_flow_is_right_but_for_its_drag():
    system = qg256()
    days = system.trajectory(load_states("qg256")[:1], 2)
    ahead, back = system.transport()(days.movedim(1, 0))
    change = (days[:, 1] - days[:, 0]).std()
    assert (ahead - days[:, 1]).std() < 0.15 * change
    assert (back - days[:, 0]).std() < 0.3 * change


def test_lorenz_returns_to_where_it_was():
    system = lorenz96()
    x = system.spun_up(4, torch.Generator().manual_seed(0))
    ahead, _ = system.transport()(torch.stack([x, x]))
    torch.testing.assert_close(ahead, system.step(x))
    _, back = system.transport()(torch.stack([x, ahead]))
    assert (back - x).abs().max() < 2e-3
