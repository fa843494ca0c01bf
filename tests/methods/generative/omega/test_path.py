"""The regime in which the resolved variables are seen at every time step."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dalab.errors import InputError
from dalab.methods.generative.omega.method import Omega
from dalab.random import TimeStreams, stream
from tests.methods.generative.omega.worlds import dyad, observing

DT, MEMBERS, STEPS = 0.005, 50, 30


def joint_gaussian(path, mean, var, system):
    """Law of y at the end of a path of x by conditioning all of its increments at once."""
    n = len(path) - 1
    F, drift = 1 - system.damping_y * DT, system.forcing_y - system.gamma * path**2
    # y_k as affine functions of y_0 and of the noise of each step
    coefficients, offset = np.zeros((n + 1, n + 1)), np.zeros(n + 1)
    coefficients[0, 0], root = np.sqrt(var), system.noise_y * np.sqrt(DT)
    offset[0] = mean
    for k in range(n):
        coefficients[k + 1] = F * coefficients[k]
        coefficients[k + 1, k + 1] = root
        offset[k + 1] = F * offset[k] + drift[k] * DT
    H = system.gamma * path[:-1] * DT
    seen = H[:, None] * coefficients[:-1]
    cov = seen @ seen.T + system.noise_x**2 * DT * np.eye(n)
    slope = system.forcing_x - system.damping_x * path[:-1]
    e = np.diff(path) - slope * DT - H * offset[:-1]
    gain = coefficients[-1] @ seen.T @ np.linalg.inv(cov)
    last = coefficients[-1]
    return offset[-1] + gain @ e, last @ last - gain @ seen @ last


def run(method, system, path):
    """State after all observations of a path, and the moments of y at the first of them."""
    problem = observing(system, 0.0, std=1e-4)
    source = stream(0, "path")
    x = torch.randn(MEMBERS, 2, 1, 1, generator=source, dtype=torch.float64)
    state, first = method.begin(x, problem), None
    offset, scale = float(system.offset[0]), float(system.scale[0])
    for k, value in enumerate(path):
        if k:
            state = method.forecast(state, problem, 1, source)
        now = observing(system, 0.0, std=1e-4)
        now.data.fill_((value - offset) / scale)
        state = method.assimilate(state, now, TimeStreams(source, MEMBERS, dtype=torch.float64))
        first = state if first is None else first
    return state, first


def test_the_law_is_that_of_all_increments_at_once():
    system = dyad(interval=DT)
    u, v = torch.tensor([[1.0]], dtype=torch.float64), torch.tensor([[0.5]], dtype=torch.float64)
    path, source = [1.0], stream(1, "truth")
    for _ in range(STEPS):
        u, v = system.advance_once(u, v, source)
        path.append(float(u))
    state, first = run(Omega(regime="path"), system, path)
    offset, scale = float(system.offset[1]), float(system.scale[1])
    mean, var = (float(first[k]) for k in ("hidden_mean", "hidden_cov"))
    expected = joint_gaussian(np.array(path), offset + scale * mean, scale**2 * var, system)
    assert offset + scale * float(state["hidden_mean"]) == pytest.approx(expected[0], abs=1e-8)
    assert scale**2 * float(state["hidden_cov"]) == pytest.approx(expected[1], abs=1e-8)
    error = 1e-4 / float(system.scale[0])
    spread = float(state["ensemble"][:, 0].std())
    assert spread == pytest.approx(error, rel=0.3), "the resolved variable is known but for noise"
    assert float(state["mean"][1]) == pytest.approx(float(state["hidden_mean"]), rel=1e-12)


def test_a_time_step_without_observation_is_refused():
    system = dyad(interval=DT)
    state, _ = run(Omega(regime="path"), system, [1.0, 1.01])
    problem, method = observing(system, 1.0), Omega(regime="path")
    state = method.forecast(state, problem, 1, stream(0, "a"))
    with pytest.raises(InputError, match="must be there at every one"):
        method.forecast(state, problem, 1, stream(0, "a"))
