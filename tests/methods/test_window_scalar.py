"""Diffusion posteriors of one number: who is exact, who is biased, and by how much.

The values are those of window_posterior.md, sections 4.1, 8.1 to 8.3, in the variance-preserving
form in which they are published.
"""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from scipy.integrate import quad

from dalab.methods import Problem
from dalab.methods.diffusion.dmps import DMPS
from dalab.methods.diffusion.dps import DPS
from dalab.methods.diffusion.guided import cosine_levels
from dalab.methods.diffusion.mmps import MMPS
from dalab.methods.diffusion.pgdm import PiGDM
from dalab.methods.diffusion.sda import SDA, SDAReleased
from dalab.methods.diffusion.soad import SOAD, select_channels
from dalab.methods.diffusion.stacked_observations import StackedObservations
from dalab.methods.gaussian.update import Gaussian, background_observation
from dalab.methods.gaussian.update import posterior as guided
from dalab.observations import OPERATORS, network
from dalab.options import options
from dalab.random import MemberStreams, stream
from tests.methods.worlds import Advection, ScalarPrior, augmented, last

R, MU, SIGMA, XT, Y = 0.01, 0.515811, 0.856703, 0.3, 0.8


def scalar_problem(c: float) -> Problem:
    system = Advection()
    system.shape = (1, 1, 1)
    identity = OPERATORS["identity"](system)
    net = network(identity, mask=torch.ones(1, 1, 1, dtype=torch.bool), noise=0.1).realise()
    return Problem(system, ScalarPrior(c), net, torch.tensor([Y], dtype=torch.float64))


@pytest.mark.parametrize(
    "j, r",
    [(0, 0.001), (1, 0.00856157), (4, 0.0340373), (16, 0.136787), (32, 0.2781), (64, 0.59575),
     (128, 1.66088), (192, 6.02968), (256, 1000)],
)  # fmt: skip
def test_published_schedule(j, r):
    levels = cosine_levels(256)
    assert len(levels) == 257
    assert levels[256 - j] == pytest.approx(r, rel=2e-5)


# ---------------------------------------------------------------- guidance at one level


def scalar_guidance(c: float, posterior_mean) -> float:
    """Guidance score in the variance-preserving form of the published table, at t = 0.5."""
    p = scalar_problem(c)
    s = cosine_levels(256)[128]
    mu = math.cos(math.acos(math.sqrt(1e-3)) * 0.5) ** 2
    assert mu == pytest.approx(MU, abs=1e-6) and s * mu == pytest.approx(SIGMA, abs=1e-6)
    x = torch.full((1, 1, 1, 1, 1), XT / mu, dtype=torch.float64)
    move = posterior_mean(p, x, s) - p.prior.denoise(x, s)
    return float(move.detach()) / s**2 / mu


def by(method):
    return lambda p, x, s: method.posterior_mean(StackedObservations(p), x, s)


def soad(p, x, s):
    """The state itself is observed: its channel of an augmented window without others."""
    p = select_channels(augmented(replace(p, prior=p.prior)))
    return SOAD(cap_guidance=False).posterior_mean(StackedObservations(p), x, s)


def spectral(p, x, s):
    gaussian = Gaussian(p.prior.denoise(x, s), p.prior.error_covariance(s))
    return guided(p, gaussian, background_observation(p), iterations=3)


@pytest.mark.parametrize("c, values", [
    (1.0, (0.447389498, 0.447389498, 1.164339281, 8.855324068, 33.283044114, 0.152931138)),
    (0.25, (0.506189803, 0.162773647, 0.423621368, 3.221831093, 12.109364442, 0.152931138)),
])  # fmt: skip
def test_published_guidance(c, values):
    exact, white, tenth, hundredth, none, flat = values
    likelihood = DPS(form="likelihood")
    expected = [
        (spectral, exact), (by(MMPS(iterations=2)), exact),
        (by(MMPS(iterations=2, solver="gmres")), exact),
        (by(PiGDM(iterations=2)), white), (soad, white), (by(SDA(gamma=0.1)), tenth),
        (by(SDA(gamma=0.01)), hundredth), (by(SDA(gamma=0.0)), none), (by(likelihood), none),
        (by(DMPS(iterations=2, factor=1.0)), flat), (by(DMPS(iterations=2)), 1.75 * flat),
    ]
    for method, value in expected:
        assert scalar_guidance(c, method) == pytest.approx(value, rel=2e-6)


def test_the_released_sda_points_away_from_the_data():
    method = SDAReleased(cap_guidance=False)
    assert scalar_guidance(1.0, by(method)) == pytest.approx(-3.211870483, rel=2e-6)


def test_the_detached_sda_takes_the_identity_for_the_jacobian():
    """S as SDA, J = 1 instead of c / (c + s^2)."""
    s, c = SIGMA / MU, 1.0
    ratio = (c + s**2) / c
    found = scalar_guidance(c, by(SDA(gamma=0.1, detached=True)))
    assert found == pytest.approx(1.164339281 * ratio, rel=1e-5)


def test_published_guidance_of_dps_norm():
    """Minus the gradient of the norm; here the residual is whitened by the noise std of 0.1."""
    p = scalar_problem(1.0)
    s, mu = SIGMA / MU, MU
    x = torch.full((1, 1, 1, 1, 1), XT / mu, dtype=torch.float64)
    _, push = DPS(zeta=1.0).guidance(StackedObservations(p), x, s)
    assert -float(push) / mu == pytest.approx(0.515810872, rel=1e-5)


# ---------------------------------------------------------------- deterministic sampling


def affine(method, p: Problem) -> tuple[float, float]:
    """Slope in the datum and variance of what a deterministic sampler returns: both exact."""
    streams = MemberStreams(stream(0).initial_seed(), 2, dtype=torch.float64)
    start = method.grid[0] * streams.normal(p.window).flatten()
    end = last(method, p, 2).estimate.flatten()
    gain = float((end[0] - end[1]) / (start[0] - start[1]))
    slope = float(end[0] - gain * start[0]) / Y
    return slope, (gain * method.grid[0]) ** 2


@pytest.mark.parametrize("steps, ratios", [
    (64, (0.1395, 0.4358, 0.7675, 0.9135, 0.9568, 0.9528)),
    (256, (0.5846, 0.8224, 0.9364, 0.9777, 0.9890, 0.9880)),
])  # fmt: skip
def test_published_predictor_loses_variance(steps, ratios):
    method = SDA(schedule="cosine", steps=steps, corrections=0)
    for c, ratio in zip((1e-4, 1e-3, 1e-2, 0.1, 1, 10), ratios, strict=True):
        p = scalar_problem(c)
        blind = replace(p, network=_nothing(p), data=p.data[:0])
        assert affine(method, blind)[1] / c == pytest.approx(ratio, abs=1.5e-4)


def _nothing(p):
    instrument = p.network.instruments[0]
    return replace(p.network, instruments=(replace(instrument, mask=~instrument.mask),))


def limit(method, p: Problem) -> tuple[float, float]:
    """Slope and variance of infinitely many steps: the errors of first order cancel."""
    half, whole = (type(method)(**{**settings(method), "steps": n}) for n in (400, 800))
    (slope, variance), (slope2, variance2) = affine(half, p), affine(whole, p)
    return 2 * slope2 - slope, variance2**2 / variance


def settings(method):
    return {name: getattr(method, name) for name in options(type(method))}


FINE = {"steps": 800, "sigma_max": 1000.0, "sigma_min": 2e-4, "eta": 0.0, "schedule": "power"}
SPREAD = (0.01, 0.1, 1.0, 10.0)


@pytest.mark.slow
@pytest.mark.parametrize("method, slopes, variances", [
    (MMPS(iterations=1, **FINE), (1, 1, 1, 1), (1, 1, 1, 1)),
    (PiGDM(iterations=1, **FINE), (0.588, 0.758, 1.000, 1.018), (1.21, 1.81, 1.00, 1.5e-4)),
    (SDA(gamma=1.0, corrections=0, **FINE), (0.580, 0.722, 0.890, 0.964),
     (1.21, 1.95, 2.53, 2.69)),
    (SDA(gamma=0.1, corrections=0, **FINE), (1.018, 1.162, 1.024, 1.002),
     (0.875, 0.074, 3e-6, 1e-13)),
    (SDA(gamma=0.01, corrections=0, **FINE), (1.282, 1.248, 1.021), (0.763, 2.8e-3, 2e-20)),
    (DPS(form="likelihood", **FINE), (1.449, 1.273), (0.736, 5e-4)),
])  # fmt: skip
def test_published_biases_in_the_limit_of_many_steps(method, slopes, variances):
    for c, slope, variance in zip(SPREAD, slopes, variances, strict=False):
        found_slope, found_variance = limit(method, scalar_problem(c))
        assert found_slope / (c / (c + R)) == pytest.approx(slope, abs=2e-3)
        ratio = found_variance / (c * R / (c + R))
        if variance > 0.01:
            assert ratio == pytest.approx(variance, rel=0.01)
        else:  # published to one digit; an exponent of 50 is still coarse with 800 steps
            assert math.log(ratio) == pytest.approx(math.log(variance), rel=0.1)


def test_biases_are_those_of_the_quadrature():
    """PiGDM, c = 0.1: variance and slope of the continuous limit, integrated."""
    c, v = 0.1, lambda q: q / (1 + q)

    def h(q):
        return 1 / (c + q) + c**2 / ((c + q) ** 2 * (R + v(q)))

    exponent = quad(lambda q: c**2 / ((c + q) ** 2 * (R + v(q))), 0, math.inf)[0]
    inner = lambda q: quad(h, 0, q)[0]
    outer = lambda q: c / ((c + q) * (R + v(q))) * math.exp(-inner(q) / 2)
    slope = 0.5 * (quad(outer, 0, 1)[0] + quad(outer, 1, 1e4, limit=200)[0])
    found = affine(PiGDM(iterations=1, **FINE), scalar_problem(c))
    assert found[0] == pytest.approx(slope, rel=0.02)
    assert found[1] == pytest.approx(c * math.exp(-exponent), rel=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("c", SPREAD)
def test_dmps_loses_all_spread(c):
    slope, variance = affine(DMPS(iterations=1, factor=1.0, **FINE), scalar_problem(c))
    assert variance < 1e-3 * c * R / (c + R)
    assert slope == pytest.approx(math.sqrt(c) / (math.sqrt(c) + math.sqrt(R)), rel=0.02)


@pytest.mark.parametrize("c, ratio", [(0.01, 0.913), (0.1, 0.934), (1, 0.936), (10, 0.936)])
def test_the_exact_score_on_the_published_grid(c, ratio):
    method = MMPS(iterations=1, eta=0.0, schedule="cosine", steps=256)
    slope, variance = affine(method, scalar_problem(c))
    assert slope == pytest.approx(c / (c + R), rel=2e-3)
    assert variance / (c * R / (c + R)) == pytest.approx(ratio, abs=1e-3)


def test_the_likelihood_of_dps_diverges_on_the_published_grid():
    method = DPS(form="likelihood", eta=0.0, schedule="cosine", steps=256)
    steps = method.run(scalar_problem(10.0), 1, stream(0))
    assert max(float(step.estimate.abs().max()) for step in steps) > 1e6


def test_members_are_evaluated_in_batches():
    p = scalar_problem(1.0)
    together, few = (last(SDA(steps=8, batch=b), p, 5).estimate for b in (64, 2))
    torch.testing.assert_close(together, few)
