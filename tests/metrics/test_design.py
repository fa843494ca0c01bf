"""The value of one more sensor against exact Gaussian answers."""

from __future__ import annotations

import pytest
import torch

from dalab.errors import InputError
from dalab.methods.ensemble.localisation import gaspari_cohn
from dalab.metrics.design import candidate_sensors, place_sensors
from dalab.observations import MASKS, OPERATORS, network
from dalab.options import build
from dalab.random import stream
from dalab.systems import System

STD = 0.4
N, STEPS, GRID = 7, 3, (6, 8)


@pytest.fixture
def system():
    class Grid(System):
        shape = (2, *GRID)

    return Grid()


def instrument(system, operator="identity"):
    cells = build("mask", "full", MASKS).cells(STEPS, GRID, stream(0))
    design = network(OPERATORS[operator](system), mask=cells, noise=2.0, assumed_noise=STD)
    return design.realise().instruments[0]


@pytest.fixture
def members() -> torch.Tensor:
    return torch.randn(N, STEPS, 2, *GRID, generator=stream(5), dtype=torch.float64)


def dense(estimate: torch.Tensor, rho: torch.Tensor | None = None) -> torch.Tensor:
    """Sample covariance of windows, ``(time lev y x, time lev y x)``, tapered."""
    A = (estimate - estimate.mean(0)).flatten(1)
    P = A.T @ A / (len(A) - 1)
    return P if rho is None else P * rho


def taper(radius: float) -> torch.Tensor:
    """Dense taper of the horizontal distance for all layers and steps."""
    cells = [(y, x) for y in range(GRID[0]) for x in range(GRID[1])]
    rows = torch.stack([torch.roll(gaspari_cohn(GRID, radius), c, (0, 1)).flatten() for c in cells])
    return rows.repeat(STEPS * 2, STEPS * 2)


def places(cell, steps) -> list[int]:
    """Where the values of a sensor stand in a flattened window."""
    row, column = cell
    at = row * GRID[1] + column
    return [(t * 2 + lev) * GRID[0] * GRID[1] + at for t in steps for lev in range(2)]


def analysis(P: torch.Tensor, rows: list[int]) -> torch.Tensor:
    """Kalman's posterior covariance after reading the entries ``rows``."""
    S = P[rows][:, rows] + STD**2 * torch.eye(len(rows)).to(P)
    return P - P[:, rows] @ torch.linalg.solve(S, P[rows])


@pytest.mark.parametrize("radius", [0.0, 2.0])
@pytest.mark.parametrize("steps", [[1], [0, 2]])
def test_value_is_the_variance_that_kalman_removes(system, members, radius, steps):
    P = dense(members, taper(radius) if radius else None)
    value = candidate_sensors(members, instrument(system), steps, radius).value()
    assert value.shape == GRID
    for cell in ((0, 0), (5, 7), (2, 3)):
        exact = P.trace() - analysis(P, places(cell, steps)).trace()
        torch.testing.assert_close(value[cell], exact, rtol=1e-8, atol=0)


def test_what_is_left_is_the_variance_of_the_kalman_filter(system, members):
    steps, cell = [0, 1, 2], (4, 1)
    before = candidate_sensors(members, instrument(system), steps, 0.0)
    after = before.assimilate(cell)
    P = analysis(dense(members), places(cell, steps))
    assert after.variance == pytest.approx(float(P.trace()), rel=1e-8)
    assert before.variance - after.variance == pytest.approx(float(before.value()[cell]), rel=1e-8)
    next_one = P.trace() - analysis(P, places((0, 6), steps)).trace()
    torch.testing.assert_close(after.value()[0, 6], next_one, rtol=1e-8, atol=0)


def test_a_large_ensemble_gives_the_value_under_the_true_covariance(system):
    y, x = (torch.fft.fftfreq(n, dtype=torch.float64) * n for n in GRID)
    column = torch.exp(-0.5 * torch.hypot(y[:, None], x) ** 2)
    cells = [(i, j) for i in range(GRID[0]) for j in range(GRID[1])]
    C = torch.stack([torch.roll(column, c, (0, 1)).flatten() for c in cells])
    values, vectors = torch.linalg.eigh(C)
    root = vectors * values.clamp(min=0).sqrt()
    noise = torch.randn(800, STEPS, 2, len(cells), generator=stream(1), dtype=torch.float64)
    estimate = (noise @ root.T).unflatten(-1, GRID)
    exact = float((C[0] ** 2).sum() / (C[0, 0] + STD**2))
    value = candidate_sensors(estimate, instrument(system), [1], 0.0).value()
    assert value.mean() / (2 * exact) == pytest.approx(1.0, abs=0.1), "two layers, one day"


def test_the_best_sensors_stand_apart_and_off_the_taken_cells(system):
    bump = torch.roll(gaspari_cohn(GRID, 1.5), (1, 1), (0, 1))
    other = 0.9 * torch.roll(gaspari_cohn(GRID, 1.5), (4, 5), (0, 1))
    weights = torch.randn(40, 2, STEPS, 2, generator=stream(3), dtype=torch.float64)
    estimate = (weights[..., None, None] * torch.stack([bump, other])[:, None, None]).sum(1)
    candidates = candidate_sensors(estimate, instrument(system), [0, 1, 2], 2.0)
    cells, left = place_sensors(candidates, 2)
    assert cells == [(1, 1), (4, 5)] and left.variance < 0.5 * candidates.variance
    taken = torch.zeros(STEPS, *GRID, dtype=torch.bool)
    taken[:, 1, 1] = True
    assert place_sensors(candidates.exclude(taken), 1)[0] != [(1, 1)]
    assert place_sensors(candidates.exclude(~taken), 9)[0] == [(1, 1)], "no other cell is free"
    assert place_sensors(candidates.exclude(taken | ~taken), 3)[0] == []


def test_a_sensor_of_some_times_has_the_value_of_those_times(system, members):
    candidates = candidate_sensors(members, instrument(system), [0, 1, 2], 2.0)
    cells = torch.zeros(STEPS, *GRID, dtype=torch.bool)
    cells[[0, 2]] = True
    alone = candidate_sensors(members, instrument(system), [1], 2.0)
    torch.testing.assert_close(candidates.exclude(cells).value(), alone.value())
    active = torch.tensor([False, True, False])
    some, all_of_them = candidates.assimilate((2, 3), active), alone.assimilate((2, 3))
    torch.testing.assert_close(some.state, all_of_them.state)


def test_a_saturated_sensor_is_worth_less(system, members):
    arctan = instrument(system, "arctan")
    value, saturated = (
        candidate_sensors(members + shift, arctan, [1], 0.0).value().mean() for shift in (0.0, 3.0)
    )
    assert saturated < 0.3 * value


def test_one_member_has_no_spread(system, members):
    with pytest.raises(InputError, match="members = 1: must be at least 2.*Run with 8"):
        candidate_sensors(members[:1], instrument(system), [0], 0.0)
