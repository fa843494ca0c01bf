"""Diffusion posteriors of many numbers at once: correctors, SOAD, and what they do to the spread.

The values are those of window_posterior.md, sections 8.1, 8.3 and 8.4. Independent numbers are
written as cells of a grid: what is measured is a Monte Carlo mean over them.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from dalab.methods.diffusion.dps import DPS
from dalab.methods.diffusion.guided import Guided, langevin
from dalab.methods.diffusion.sda import SDA, SDAReleased
from dalab.methods.diffusion.soad import SOAD, SOADRepaired, diffuse
from dalab.random import MemberStreams
from tests.methods.worlds import Advection, CellwisePrior, last, problem, white

R = 0.01
PUBLISHED = {"schedule": "cosine", "steps": 256, "eta": 0.0}


def moments(method, p, members: int = 1) -> tuple[float, float, float]:
    """Slope over the exact one, squared distance to the exact mean over the exact variance, RMSE.

    The datum is the observation, or the background where there is no observation; the truth that
    the RMSE needs is drawn from the exact posterior.
    """
    c = float(p.prior.climatological_covariance.variance().mean())
    y = p.background.state[None] if p.background else p.data.view(p.window)
    K, P = c / (c + R), c * R / (c + R)
    x = last(method, p, members).estimate
    truth = K * y + P**0.5 * MemberStreams(9, 1, dtype=x.dtype).normal(y.shape)
    slope = float((x * y).mean() / (y * y).mean()) / K
    rmse = float((x - truth).pow(2).mean().sqrt())
    return slope, float((x - K * y).pow(2).mean()) / P, rmse


def close(found, c: float, n: int, slope: float, variance: float, rmse: float | None = None):
    """Within four standard errors of n^2 draws and the rounding of the published digits."""
    K, P = c / (c + R), c * R / (c + R)
    slope_error = (variance * P) ** 0.5 / (K * (c + R) ** 0.5) / n
    assert found[0] == pytest.approx(slope, abs=4 * slope_error + 1e-3), (c, "slope")
    assert found[1] == pytest.approx(variance, abs=(4 * 2**0.5 / n + 5e-3) * variance), (c, "var")
    if rmse is not None:
        assert found[2] == pytest.approx(rmse, abs=3 * rmse / n + 1e-3), (c, "rmse")


@pytest.mark.parametrize("method", [
    SDA(gamma=0.1, corrections=5, tau=0.25, **PUBLISHED),
    DPS(form="likelihood", corrections=5, **PUBLISHED),
])  # fmt: skip
def test_fresh_corrections_repair_what_has_the_right_limit(method):
    """To 1.12, the bias of the corrector; less where the last two levels are left alone."""
    found = moments(method, white(1.0))
    close(found, 1.0, 64, 1.0, 1.05)
    method.final_levels_without_correction = 0
    close(moments(method, white(1.0)), 1.0, 64, 1.0, 1.12)


def test_the_released_sda_runs_away():
    slope, _, rmse = moments(SDAReleased(), white(1.0, n=200))
    assert slope == pytest.approx(-11.2, rel=0.05) and rmse == pytest.approx(12.8, rel=0.05)
    slope, _, rmse = moments(SDAReleased(corrections=0), white(1.0, n=200))
    assert slope == pytest.approx(-1.5, abs=0.1) and rmse == pytest.approx(2.8, abs=0.1)


# ---------------------------------------------------------------- SOAD on a duplicated channel

# z = (x, h) with h = x, of which h is observed

FREE = {"cap_guidance": False, "forward": False}
VARIANTS = {
    "predictor only": (SOAD(corrections=0, **FREE), [
        (0.448, 1.60, 0.115), (0.943, 4.70, 0.238), (1.042, 1.76, 0.166)]),
    "fresh": (SOAD(reuse_score=False, **FREE), [
        (0.941, 1.04, 0.101), (0.999, 1.12, 0.145), (1.000, 1.12, 0.146)]),
    "fresh, forward": (SOAD(reuse_score=False, cap_guidance=False), [
        (0.950, 1.05, 0.101), (1.000, 1.13, 0.145), (1.000, 1.13, 0.145)]),
    "as released": (SOAD(), [
        (0.947, 1.21, 0.105), (1.000, 1.24, 0.148), (1.000, 1.24, 0.149)]),
    "as released, forward off": (SOAD(forward=False), [
        (0.909, 1.18, 0.104), (0.998, 1.28, 0.150), (1.000, 1.29, 0.151)]),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_soad_on_a_duplicated_channel(name):
    method, table = VARIANTS[name]
    n = 128 if method.reuse_score else 48
    for c, expected in zip((0.01, 1.0, 10.0), table, strict=True):
        close(moments(method, white(c, n, copies=1)), c, n, *expected)


def test_the_cap_hurts_where_nothing_needs_capping():
    """The more, the more values there are: it is set by the largest of them."""
    found = moments(SOAD(corrections=0, forward=False), white(1.0))
    assert found[0] == pytest.approx(0.893, abs=0.02) and found[2] == pytest.approx(0.281, abs=0.01)
    assert moments(SOAD(corrections=0, forward=False), white(1.0, n=200))[2] > 0.3
    close(moments(SOAD(corrections=0, **FREE), white(1.0)), 1.0, 64, 1.0, 0.936, 0.139)
    close(moments(SOAD(forward=False), white(1.0)), 1.0, 64, 1.0, 1.63)


# ---------------------------------------------------------------- the background


def background_only(c: float):
    p = white(c, background=0.1, copies=1)
    blind = [replace(i, mask=~i.mask) for i in p.network.instruments]
    return replace(p, network=replace(p.network, instruments=tuple(blind)), data=p.data[:0])


@pytest.mark.parametrize("c, expected", [
    (0.01, (0.237, 2.76, 0.137)), (1.0, (0.984, 4.62, 0.236)),
])  # fmt: skip
def test_a_background_through_the_forward_corrector_alone(c, expected):
    close(moments(SOAD(), background_only(c)), c, 64, *expected)


def test_fresh_corrections_walk_away_from_such_a_background():
    method = SOAD(reuse_score=False)
    assert moments(method, background_only(1.0))[2] == pytest.approx(0.297, rel=0.03)


def test_a_background_in_the_likelihood_is_as_good_as_it_can_be():
    method = SOADRepaired(cap_guidance=False, steps=256, corrections=5)
    close(moments(method, background_only(1.0)), 1.0, 64, 1.0, 1.12, 0.145)


# ---------------------------------------------------------------- correctors by themselves


@pytest.mark.parametrize("reuse, ratio", [(False, 1.125), (True, 1.625)])
def test_fixed_point_of_the_corrector_in_pure_noise(reuse, ratio):
    """1 + tau / 2 with fresh scores, 1 + C tau / 2 with one score for C = 5 corrections."""
    s, streams = 3.0, MemberStreams(0, 1, dtype=torch.float64)
    x = s * streams.normal((1, 1, 200, 200))
    for _ in range(30):
        e = x / s
        for _ in range(5):
            x = langevin(x, e if reuse else x / s, s, 0.25, streams)
    assert x.var() / s**2 == pytest.approx(ratio, rel=0.02)


class Unguided(Guided):
    """The sampler by itself."""

    final_levels_without_correction = 0

    def posterior_mean(self, observations, x, s):
        return observations.problem.prior.denoise(x, s)


@pytest.mark.parametrize("corrections, reuse, tau, ratios", [
    (1, False, 0.25, (1.05, 1.03, 1.01, 1.01, 1.00)),
    (5, False, 0.25, (1.02, 0.99, 1.01, 1.00, 0.98)),
    (1, False, 0.5, (1.11, 1.05, 1.02, 1.02, 1.01)),
    (5, True, 0.25, (1.45, 1.15, 1.06, 1.02, 1.00)),
])  # fmt: skip
def test_correctors_are_too_hot_at_small_scales(corrections, reuse, tau, ratios):
    """Output variance over c for c = 1e-4 ... 10 side by side: they share one step size.

    To four standard errors of these draws and the published ones. At 1e-4 the ratio (published:
    1.7 to 7.5) hangs on the last level; it is far above 1 throughout.
    """
    c = 10.0 ** torch.arange(-4, 2, dtype=torch.float64)
    system = Advection()
    system.shape = (6, 80, 80)
    p = problem(system, CellwisePrior(torch.diag(c), 80), mask="full")
    method = Unguided(corrections=corrections, tau=tau, **PUBLISHED)
    method.reuse_score = reuse
    found = last(method, p, 1).estimate.var((0, 1, 3, 4)) / c
    torch.testing.assert_close(found[1:], torch.tensor(ratios, dtype=c.dtype), rtol=0.08, atol=0)
    assert found[0] > 1.6


def test_diffused_data_are_noisy_states_of_their_level():
    """Over draws of y about h: mean h, variance s^2; for one y, variance s^2 - R."""
    s, std, h = 0.7, 0.4, 1.5
    streams = MemberStreams(0, 40000, dtype=torch.float64)
    draws = diffuse(torch.full((2,), h, dtype=torch.float64), std, s, streams)
    assert draws.var() == pytest.approx(s**2 - std**2, rel=0.02)
    data = std * streams.normal((2,))
    noisy = data + diffuse(torch.full((2,), h, dtype=torch.float64), std, s, streams)
    assert noisy.mean() == pytest.approx(h, abs=0.01)
    assert noisy.var() == pytest.approx(s**2, rel=0.02)
