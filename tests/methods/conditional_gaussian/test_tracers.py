"""The flow given the paths of drifting tracers: its uncertainty, and the barrier to it."""

from __future__ import annotations

import time

import pytest
import torch

from dalab.methods.conditional_gaussian.recursions import update
from dalab.random import stream
from dalab.systems import SYSTEMS
from dalab.systems.conditional_gaussian.base import Gaussian
from dalab.systems.conditional_gaussian.tracers import Tracers


def filtered(system: Tracers, steps: int, repeats: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean variances and mean squared errors of the modes after a quarter of the steps."""
    generator = stream(0)
    u, v = system.split(system.physical(system.sample_climate(repeats, generator)))
    prior = system.scale.flatten()[system.resolved :].square()
    known = Gaussian(torch.zeros_like(v), prior.diag().expand(repeats, 1, -1, -1))
    variances, errors = [], []
    for _ in range(steps):
        ahead, v = system.advance_once(u, v, generator)
        known, _ = update(known, system.coefficients(u), ahead - u)
        u = ahead
        variances.append(known.cov[:, 0].diagonal(dim1=-2, dim2=-1))
        errors.append((known.mean - v)[:, 0].square())
    kept = slice(steps // 4, None)
    return torch.stack(variances)[kept].mean((0, 1)), torch.stack(errors)[kept].mean((0, 1))


def test_the_steady_variance_is_that_of_the_averaged_riccati_equation():
    system = SYSTEMS.make("tracers:count=100,K=2,noise=0.5,dt=0.01,interval=0.01")
    variance, error = filtered(system, 200, 8)
    ratio = variance / system.steady_variance().repeat_interleave(2)
    assert ratio.mean().item() == pytest.approx(1, abs=0.05)
    assert ratio.sub(1).abs().max() < 0.12
    assert (error.mean() / variance.mean()).item() == pytest.approx(1, abs=0.15)


def test_the_averaged_equation_is_at_rest_at_the_steady_variance():
    system = SYSTEMS.make("tracers:count=50")
    R, d = system.steady_variance(), system.damping
    rate = -2 * d * R + 2 * d * system.amplitudes() ** 2 - R**2 * 50 / (2 * system.noise**2)
    assert rate.abs().max() < 1e-12


def test_uncertainty_falls_like_the_inverse_root_of_the_number_of_tracers():
    """The barrier: R is 2 A sigma_x (d / L)^(1/2) where there are many."""
    system = SYSTEMS.make("tracers")
    few, many = (system.with_options(count=n).steady_variance() for n in (250, 1000))
    torch.testing.assert_close(few / many, torch.full_like(few, 2.0), rtol=0.05, atol=0)
    limit = 2 * system.noise * system.amplitudes() * (system.damping / 1000) ** 0.5
    torch.testing.assert_close(many, limit, rtol=0.05, atol=0)


def test_more_tracers_know_more():
    found = [filtered(SYSTEMS.make(f"tracers:count={n},K=2"), 200, 4) for n in (2, 10, 50)]
    variances = [variance.sum() for variance, _ in found]
    assert variances[0] > 2 * variances[1] > 4 * variances[2]
    for variance, error in found:
        assert 0.7 < error.sum() / variance.sum() < 1.4


def test_a_step_of_the_filter_with_a_hundred_tracers_is_quick():
    """Milliseconds on a core: the bound leaves room for a machine that is ten times slower."""
    system = SYSTEMS.make("tracers:count=100")
    u, v = system.split(system.physical(system.sample_climate(1, stream(0))))
    known = Gaussian(v, system.scale.flatten()[200:].square().diag()[None, None])
    ahead = system.advance_once(u, v, stream(1))[0]
    start = time.process_time()
    for _ in range(20):
        update(known, system.coefficients(u), ahead - u)
    assert (time.process_time() - start) / 20 < 0.015
