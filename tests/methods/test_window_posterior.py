"""Diffusion posteriors with several operators and a background at once; curved operators."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from dalab.errors import InputError
from dalab.methods import METHODS
from dalab.methods.diffusion.dmps import DMPS
from dalab.methods.diffusion.mmps import MMPS
from dalab.methods.diffusion.pgdm import PiGDM
from dalab.methods.diffusion.sda import SDA
from dalab.methods.diffusion.soad import SOAD
from dalab.methods.diffusion.stacked_observations import StackedObservations
from dalab.observations import OPERATORS
from dalab.priors import GaussianPrior
from dalab.priors.denoisers.augmented import gaussian_augmented
from dalab.random import stream
from tests.dense import matrix, posterior
from tests.methods.worlds import augmented, last, problem, white

TWO = ("identity", "velocity")
GUIDED = ("sda", "dps", "dmps", "pgdm", "mmps", "soad", "soad-repaired")


def exact(p, x, s, V):
    """E[window | x_s, data] for a Gaussian window of error covariance ``V`` about D."""
    e = StackedObservations(p)
    H, D = matrix(e.apply, p.window), p.prior.denoise(x, s).flatten()
    return posterior(D, V, H, e.variance.double(), e.data)[0].view_as(x)


def noisy(p, s=0.8):
    return torch.randn(1, *p.window, generator=stream(6), dtype=torch.float64), s


@pytest.mark.parametrize("operators", [("velocity",), TWO])
@pytest.mark.parametrize("background", [None, 2.0])
def test_mmps_is_exact_for_any_linear_data(tiny_system, tiny_prior, operators, background):
    p = problem(tiny_system, tiny_prior, operators, background=background, std=2.0)
    x, s = noisy(p)
    V = matrix(tiny_prior.error_covariance(s), p.window)
    found = MMPS(iterations=50).posterior_mean(StackedObservations(p), x, s)
    torch.testing.assert_close(found, exact(p, x, s, V), rtol=1e-4, atol=1e-5)


def normal_prior(variance: float) -> GaussianPrior:
    eye = variance * torch.eye(4, dtype=torch.complex128)
    return GaussianPrior(eye.expand(8, 5, 4, 4), (2, 2, 8, 8))


@pytest.mark.parametrize("operators", [("velocity",), TWO])
def test_pgdm_is_exact_where_the_prior_is_white(tiny_system, operators):
    p = problem(tiny_system, normal_prior(1.0), operators, background=0.3)
    x, s = noisy(p)
    V = s**2 / (1 + s**2) * torch.eye(x.numel(), dtype=torch.float64)
    found = PiGDM(iterations=200).posterior_mean(StackedObservations(p), x, s)
    torch.testing.assert_close(found, exact(p, x, s, V), rtol=1e-6, atol=1e-7)


def test_dmps_is_exact_where_the_prior_is_flat(tiny_system):
    p = problem(tiny_system, normal_prior(1e8), ("velocity",), background=0.3)
    x, s = noisy(p)
    V = s**2 * torch.eye(x.numel(), dtype=torch.float64)
    found = DMPS(iterations=200, factor=1.0).posterior_mean(StackedObservations(p), x, s)
    torch.testing.assert_close(found, exact(p, x, s, V), rtol=1e-5, atol=1e-5)


def test_sda_is_exact_where_its_hypothesis_holds(tiny_system):
    """V = gamma s^2 on what is observed: a flat prior and gamma = 1."""
    p = problem(tiny_system, normal_prior(1e8), ("identity",))
    x, s = noisy(p)
    V = s**2 * torch.eye(x.numel(), dtype=torch.float64)
    found = SDA(gamma=1.0).posterior_mean(StackedObservations(p), x, s)
    torch.testing.assert_close(found, exact(p, x, s, V), rtol=1e-5, atol=1e-6)


def test_operators_inverted_one_by_one_miss_their_cross_covariance(tiny_system, tiny_prior):
    p = problem(tiny_system, tiny_prior, TWO, mask="full")
    x, s = noisy(p)
    whole = MMPS(iterations=50).posterior_mean(StackedObservations(p), x, s)
    D, apart = tiny_prior.denoise(x, s), 0.0
    pieces = p.network.split(p.data)
    for instrument, data in zip(p.network.instruments, pieces, strict=True):
        one = replace(p, network=replace(p.network, instruments=(instrument,)), data=data)
        apart = apart + MMPS(iterations=50).posterior_mean(StackedObservations(one), x, s) - D
    assert (whole - D - apart).pow(2).mean().sqrt() > 0.1 * (whole - D).pow(2).mean().sqrt()


# ---------------------------------------------------------------- everything at once


@pytest.fixture(scope="module")
def everything(tiny_system, tiny_prior):
    p = problem(tiny_system, tiny_prior, ("arctan", "sine", "velocity"), background=0.1, std=0.1)
    return augmented(p)


@pytest.mark.slow
@pytest.mark.parametrize("name", GUIDED)
def test_uses_several_operators_and_a_background_at_once(name, everything):
    """Each of them, left out, changes the answer."""
    method = METHODS[name](steps=8)
    whole = last(method, everything, 2).estimate
    assert torch.isfinite(whole).all()
    pieces = everything.network.split(everything.data)
    for k in range(3):
        kept = [i for i in range(3) if i != k]
        instruments = tuple(everything.network.instruments[i] for i in kept)
        fewer = replace(
            everything, data=torch.cat([pieces[i] for i in kept]),
            network=replace(everything.network, instruments=instruments),
        )
        assert not torch.allclose(last(method, fewer, 2).estimate, whole, atol=1e-3)
    alone = last(method, replace(everything, background=None), 2).estimate
    assert not torch.allclose(alone, whole, atol=1e-3)


def test_soad_refuses_an_operator_that_its_prior_lacks(tiny_system, tiny_prior, everything):
    p = problem(tiny_system, tiny_prior, ("speed",))
    with pytest.raises(InputError, match="must be there for this method"):
        SOAD().run(p, 1, stream(0))
    with pytest.raises(InputError, match="of the augmented prior: arctan, sine, velocity"):
        SOAD().run(replace(p, augmented=everything.augmented), 1, stream(0))


# ---------------------------------------------------------------- one curved observation


def transport_distance(samples: torch.Tensor, name: str, y: float, grid: np.ndarray) -> float:
    """Wasserstein-1 distance to p(x | y) for x ~ N(0, 1) and y = h(x) + N(0, 0.01)."""
    h = np.arctan(3 * grid) if name == "arctan" else 1.5 * np.sin(3 * grid)
    density = np.exp(-(grid**2) / 2 - (y - h) ** 2 / 0.02)
    true = np.cumsum(density) / density.sum()
    found = np.searchsorted(np.sort(samples.numpy()), grid) / len(samples)
    return float(np.abs(true - found).sum() * (grid[1] - grid[0]))


@pytest.mark.parametrize("name, state, distances", [
    ("arctan", 0.6, {
        "sda": 0.05, "dps": 0.125, "mmps": 0.06, "soad": 0.34, "soad-repaired": 0.32,
    }),
    ("sine", 0.2, {
        "dps": 0.31, "mmps": 0.15, "soad": 0.325, "soad-repaired": 0.29,
    }),
])  # fmt: skip
def test_one_curved_observation_against_quadrature(name, state, distances):
    """The sine has two likely states here, 0.2 and 0.85; the two SOADs have the best *linear*
    denoiser of the augmented window, which no longer knows what the operator was.
    """
    p = white(1.0, n=32)
    operator = OPERATORS[name](p.system)
    instrument = replace(p.network.instruments[0], operator=operator)
    y = float(operator(torch.tensor(state, dtype=torch.float64)))
    p = replace(
        p, network=replace(p.network, instruments=(instrument,)),
        data=torch.full_like(p.data, y),
        augmented=gaussian_augmented(p.prior, [operator]),
    )
    grid = np.linspace(-6, 6, 4801)
    for method, distance in distances.items():
        given = {"mmps": {"iterations": 3}, "dps": {"zeta": 0.1}}.get(method, {})
        samples = last(METHODS[method](steps=100, **given), p, 1).estimate.flatten()
        found = transport_distance(samples, name, y, grid)
        assert found == pytest.approx(distance, abs=0.04), method
