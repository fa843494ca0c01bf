"""Methods against exact answers of linear-Gaussian problems."""

from __future__ import annotations

import pytest
import torch

from dalab.methods import Problem
from dalab.methods.dps import DPS
from dalab.methods.etkf import ETKF
from dalab.methods.evidence import Evidence
from dalab.methods.mmps import MMPS
from dalab.methods.oi import OptimalInterpolation
from dalab.methods.sda import SDA
from dalab.methods.spectral import Gaussian, SpectralGuidance
from dalab.methods.spectral import posterior as guided
from dalab.observations import OPERATORS, network
from dalab.random import MemberStreams, stream
from tests.dense import matrix, posterior
from tests.methods.worlds import Advection, ScalarPrior, last, problem


def exact(p, prior_mean=None, covariance=None):
    """Posterior mean and covariance of a linear problem with its background."""
    C = matrix(covariance or p.prior.climatology, p.window)
    evidence = Evidence(p)
    H = matrix(evidence.apply, p.window)
    mean = torch.zeros(len(C), dtype=C.dtype) if prior_mean is None else prior_mean
    return posterior(mean, C, H, evidence.variance.double(), evidence.data)


# ---------------------------------------------------------------- spectral guidance


@pytest.mark.parametrize("operators", [("identity",), ("velocity",), ("identity", "velocity")])
@pytest.mark.parametrize("background", [None, 0.2])
@pytest.mark.parametrize("sigma", [0.1, 3.0])
def test_guided_mean_is_exact_at_every_level(tiny_system, tiny_prior, operators, background, sigma):
    p = problem(tiny_system, tiny_prior, operators, background=background)
    x = torch.randn(2, *p.window, generator=stream(5), dtype=torch.float64)
    D, cov = tiny_prior.denoise(x, sigma), tiny_prior.error_covariance(sigma)
    found = guided(p, Gaussian(D, cov), iterations=400)
    for member in range(2):
        mean, _ = exact(p, D[member].flatten(), cov)
        torch.testing.assert_close(found[member].flatten(), mean, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("background", [None, 0.3])
@pytest.mark.parametrize("steps, eta", [(2, 1.0), (12, 1.0), (12, 0.5)])
def test_spectral_samples_the_exact_posterior(tiny_system, tiny_prior, background, steps, eta):
    """With draws, for any number of steps; for any eta, if the first noise drowns the data."""
    p = problem(tiny_system, tiny_prior, ("identity",), background=background)
    mean, P = exact(p)
    members = 400
    high = 20.0 if eta == 1 else 400.0
    method = SpectralGuidance(steps=steps, eta=eta, iterations=60, sigma_max=high)
    draws = last(method, p, members).estimate.flatten(1)
    error = draws.mean(0) - mean
    assert error @ torch.linalg.solve(P, error) * members / len(mean) == pytest.approx(1, abs=0.25)
    assert (draws.var(0) / torch.diagonal(P)).mean() == pytest.approx(1.0, abs=0.02)
    empirical = torch.cov(draws.T)
    sampling_error = (P.pow(2).sum() + torch.diagonal(P).sum() ** 2) / members
    assert (empirical - P).pow(2).sum() == pytest.approx(sampling_error.item(), rel=0.15)


def test_taking_means_loses_variance_to_first_order(tiny_system, tiny_prior):
    """The plain ancestral sampler is right in the limit only: the deficit falls as 1/steps."""
    p = problem(tiny_system, tiny_prior, ("identity",), background=0.3)
    variance = torch.diagonal(exact(p)[1])

    def deficit(steps: int) -> float:
        method = SpectralGuidance(steps=steps, iterations=20, sigma_min=0.005, draws=False)
        draws = last(method, p, 100).estimate.flatten(1)
        return 1 - float((draws.var(0) / variance).mean())

    coarse, fine = deficit(40), deficit(160)
    assert 0.1 < coarse < 0.3
    assert fine == pytest.approx(coarse / 4, rel=0.4)


# ---------------------------------------------------------------- scalar guidance

MU, SIGMA, XT, Y = 0.515811, 0.856703, 0.3, 0.8


def scalar_problem(c: float):
    system = Advection()
    system.shape = (1, 1, 1)
    identity = OPERATORS["identity"](system)
    net = network([identity], [torch.ones(1, 1, 1, dtype=torch.bool)], std=0.1)
    return Problem(system, ScalarPrior(c), net, torch.tensor([Y], dtype=torch.float64))


def scalar_guidance(c: float, posterior_mean) -> float:
    """Guidance score in the variance-preserving form of the published table, at t = 0.5."""
    p = scalar_problem(c)
    eta = 1e-3
    omega = torch.arccos(torch.tensor(eta, dtype=torch.float64).sqrt())
    mu = torch.cos(omega * 0.5) ** 2
    sigma = torch.sqrt(1 - mu**2 + eta**2)
    assert mu == pytest.approx(MU, abs=1e-6) and sigma == pytest.approx(SIGMA, abs=1e-6)
    s = float(sigma / mu)
    x = (XT / mu).reshape(1, 1, 1, 1, 1)
    move = posterior_mean(p, x, s) - p.prior.denoise(x, s)
    return float(move.detach()) / s**2 / float(mu)


def sda(gamma):
    return lambda p, x, s: SDA(gamma=gamma).posterior_mean(Evidence(p), x, s)


def mmps(p, x, s):
    from azula.guidance.mmps import MMPSDenoiser
    from azula.linalg.covariance import DiagonalCovariance

    e = Evidence(p)
    cov = DiagonalCovariance(e.variance.double())
    guided_prior = MMPSDenoiser(p.prior, e.data, e.apply, cov, solver="cg", iterations=3)
    return guided_prior(x, p.prior.time(s)).mean


def spectral(p, x, s):
    return guided(p, Gaussian(p.prior.denoise(x, s), p.prior.error_covariance(s)), iterations=3)


@pytest.mark.parametrize(
    "c, method, expected",
    [
        (1.0, spectral, 0.447389498), (1.0, mmps, 0.447389498),
        (1.0, sda(0.1), 1.164339281), (1.0, sda(0.01), 8.855324068), (1.0, sda(0.0), 33.283044114),
        (0.25, spectral, 0.506189803), (0.25, mmps, 0.506189803),
        (0.25, sda(0.1), 0.423621368), (0.25, sda(0.01), 3.221831093),
        (0.25, sda(0.0), 12.109364442),
    ],
)  # fmt: skip
def test_published_scalar_guidance(c, method, expected):
    assert scalar_guidance(c, method) == pytest.approx(expected, rel=2e-7)


def test_published_scalar_guidance_of_dps_norm():
    """Minus the gradient of the norm; here the residual is whitened by the noise std of 0.1."""
    p = scalar_problem(1.0)
    s, mu = SIGMA / MU, MU
    x = torch.full((1, 1, 1, 1, 1), XT / mu, dtype=torch.float64)
    _, push = DPS(zeta=1.0).guidance(Evidence(p), x, s)
    assert -float(push) / mu == pytest.approx(0.515810872, rel=1e-5)


# ---------------------------------------------------------------- model-based methods


@pytest.mark.parametrize("operators", [("identity",), ("velocity",), ("identity", "velocity")])
def test_oi_analysis_is_exact(tiny_system, tiny_prior, operators):
    p = problem(tiny_system, tiny_prior, operators)
    first = tiny_prior.climatology.first()
    net, rows = p.network.at(0), p.network.rows(0)
    H = matrix(lambda x: net.apply(x[:, None]), (2, 8, 8))
    mean, P = posterior(
        torch.zeros(128, dtype=torch.float64), matrix(lambda x: first(x[:, None]), (2, 8, 8)), H,
        net.variance().double(), p.data[rows],
    )  # fmt: skip
    method = OptimalInterpolation(iterations=300)
    alone = last(method, p, 1).estimate[0, 0].flatten()
    torch.testing.assert_close(alone, mean, rtol=1e-6, atol=1e-7)
    ensemble = last(method, p, 400).estimate[:, 0].flatten(1)
    torch.testing.assert_close(ensemble.mean(0), mean, rtol=1e-6, atol=1e-7)
    ratio = ensemble.var(0) / torch.diagonal(P)
    assert ratio.mean() == pytest.approx(1.0, abs=0.02)


def test_oi_starts_from_the_background(tiny_system, tiny_prior):
    p = problem(tiny_system, tiny_prior, ("identity",), background=0.2, std=0.3)
    estimate = last(OptimalInterpolation(iterations=50), p, 1).estimate[0, 0]
    seen = p.network.at(0).instruments[0]
    gain = 0.04 / (0.04 + 0.09)
    innovation = p.data[p.network.rows(0)] - seen.take(p.background.state[None])
    expected = p.background.state + seen.put(gain * innovation)[0]
    torch.testing.assert_close(estimate, expected)


def kalman_filter(p) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Exact filter of a linear system from a white background: mean and covariance per step."""
    size = 128
    mean = p.background.state.flatten()
    P = p.background.std**2 * torch.eye(size, dtype=torch.float64)
    F = matrix(p.system.step, (2, 8, 8))
    history = []
    for k in range(p.window[0]):
        if k > 0:
            mean, P = F @ mean, F @ P @ F.T
        net = p.network.at(k)
        H = matrix(lambda x, net=net: net.apply(x[:, None]), (2, 8, 8))
        mean, P = posterior(mean, P, H, net.variance().double(), p.data[p.network.rows(k)])
        history.append((mean, P))
    return history


def moment_matched(mean: torch.Tensor, P: torch.Tensor) -> torch.Tensor:
    """Members whose sample mean and covariance are exactly ``mean`` and ``P``."""
    size = len(mean) + 1
    rotation = torch.linalg.qr(torch.cat([torch.ones(size, 1), torch.eye(size)[:, 1:]], 1))[0]
    rows = rotation[:, 1:].double() * (size - 1) ** 0.5
    return mean + rows @ torch.linalg.cholesky(P).T


def test_etkf_of_a_moment_matched_ensemble_is_the_kalman_filter(tiny_prior):
    p = problem(Advection(), tiny_prior, ("identity",), background=0.5)
    method = ETKF(localisation=0.0, inflation=1.0)
    size = 128
    P = p.background.std**2 * torch.eye(size, dtype=torch.float64)
    x = moment_matched(p.background.state.flatten(), P).unflatten(1, (2, 8, 8))
    for k, (mean, P) in enumerate(kalman_filter(p)):
        x = method.analysis(p, k, x if k == 0 else p.system.step(x))
        torch.testing.assert_close(x.mean(0).flatten(), mean, rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(torch.cov(x.flatten(1).T), P, rtol=1e-5, atol=1e-6)


def test_etkf_approaches_the_kalman_filter_as_the_ensemble_grows(tiny_prior):
    p = problem(Advection(), tiny_prior, ("identity",), background=0.5)
    mean, P = kalman_filter(p)[-1]

    def error(members: int) -> float:
        method = ETKF(ensemble=members, localisation=0.0, inflation=1.0)
        found = last(method, p, 1).estimate[:, -1].flatten(1).mean(0)
        return float((found - mean).pow(2).mean().sqrt() / torch.diagonal(P).mean().sqrt())

    few, many = error(500), error(2000)
    assert many == pytest.approx(few / 2, rel=0.25)


def test_local_etkf_with_an_infinite_radius_is_the_global_one(tiny_prior):
    p = problem(Advection(), tiny_prior, ("identity",), background=0.5)
    a = last(ETKF(ensemble=12, localisation=0.0), p, 1).estimate
    from dalab.methods import etkf

    network, data = p.network.at(0), p.data[p.network.rows(0)]
    x = etkf.first_ensemble(p, MemberStreams(0, 12, dtype=torch.float64))
    wide = etkf.local_transform(network, data, x, radius=1e6)
    torch.testing.assert_close(wide, etkf.transform(network, data, x), rtol=1e-6, atol=1e-8)
    assert a.shape == (12, *p.window)


def test_etkf_keeps_the_mean_of_the_members(tiny_prior):
    """The symmetric square root moves no anomaly into the mean: they still sum to zero."""
    from dalab.methods.etkf import weights

    Y = torch.randn(7, 20, generator=stream(0), dtype=torch.float64)
    Y = Y - Y.mean(0)
    T = weights(Y @ Y.T, torch.zeros(7, dtype=torch.float64))
    torch.testing.assert_close(T.sum(0), torch.ones(7, dtype=torch.float64))


def test_gaspari_cohn_values():
    from dalab.methods.etkf import gaspari_cohn

    taper = gaspari_cohn(32, 4.0)
    values = [taper[0, d].item() for d in (0, 2, 4, 6, 8, 12)]
    assert values == pytest.approx([1, 0.6849, 0.2083, 0.0165, 0, 0], abs=1e-4)
    assert taper[3, 5] == taper[-3, -5] == taper[5, 3]


def test_mmps_runs_azulas_solver(tiny_system, tiny_prior):
    """With enough iterations the guided mean is the exact one, as for spectral guidance."""
    p = problem(tiny_system, tiny_prior, ("identity",), background=0.3)
    x = torch.randn(1, *p.window, generator=stream(6), dtype=torch.float64)
    e, s = Evidence(p), 0.8
    from azula.guidance.mmps import MMPSDenoiser
    from azula.linalg.covariance import DiagonalCovariance

    cov = DiagonalCovariance(e.variance.double())
    guided_prior = MMPSDenoiser(tiny_prior, e.data, e.apply, cov, solver="cg", iterations=200)
    found = guided_prior(x, tiny_prior.time(s)).mean
    mean, _ = exact(p, tiny_prior.denoise(x, s).flatten(), tiny_prior.error_covariance(s))
    torch.testing.assert_close(found.flatten(), mean, rtol=1e-5, atol=1e-6)
    assert torch.isfinite(last(MMPS(steps=6), p, 2).estimate).all()
