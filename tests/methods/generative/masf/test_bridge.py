"""The forward process of MASF against its own marginals, and its bounds."""

from __future__ import annotations

import pytest
import torch

from dalab.errors import InputError
from dalab.methods.generative.masf.bridge import Bridge, share, share_rate
from dalab.methods.generative.masf.samplers import diffused
from dalab.random import stream

H = (0.0, 0.3, 0.7, 1.0)


def bridge(h=H, b=(0.4, -0.2, 0.1, 0.0), sigma=(0.5, 0.2, 1.0, 0.1)):
    """A process with several factors, on a ring."""
    return Bridge(*(torch.as_tensor(v).double().reshape(1, 1, -1) for v in (h, b, sigma)))


def test_the_share_of_the_state_goes_from_one_to_nothing():
    assert float(share(0.0)) == 1.0 and abs(float(share(1.0))) < 1e-15
    assert float(share(0.992)) == pytest.approx(0.01247, abs=1e-5)
    assert float(share(0.984)) == pytest.approx(0.0248, abs=2e-4)
    slope = (share(0.6 + 1e-6) - share(0.6 - 1e-6)) / 2e-6
    assert float(share_rate(0.6)) == pytest.approx(float(slope), rel=1e-8)


@pytest.mark.parametrize("s, r, t", [(0.1, 0.4, 0.9), (0.0, 0.5, 0.992), (0.3, 0.3001, 0.6)])
def test_transitions_are_a_semigroup(s, r, t):
    process = bridge()
    first, then, whole = (process.transition(*p) for p in ((s, r), (r, t), (s, t)))
    (M1, U1, Q1), (M2, U2, Q2) = first, then
    close = {"rtol": 1e-10, "atol": 1e-14}
    torch.testing.assert_close(whole[0], M2 * M1, **close)
    torch.testing.assert_close(whole[1], M2 * U1 + U2, **close)
    torch.testing.assert_close(whole[2], M2**2 * Q1 + Q2, **close)


def test_transitions_have_the_closed_forms_of_seen_and_unseen_variables():
    process, s, t = bridge(), 0.2, 0.7
    M, U, Q = (v.flatten() for v in process.transition(s, t))
    a, c = share(s), share(t)
    sigma, b = process.sigma.flatten().square(), process.b.flatten()
    assert M[0] == pytest.approx(float(c / a)) and M[-1] == 1.0 and U[-1] == 0.0
    assert U[0] == pytest.approx(float((1 - c) * b[0] - c / a * (1 - a) * b[0]))
    assert Q[0] == pytest.approx(float(sigma[0] * (1 - c**2 / a**2)))
    assert Q[-1] == pytest.approx(float(sigma[-1] * (a**2 - c**2)))


def test_it_ends_at_a_measurement():
    process = bridge()
    x = torch.rand(20_000, 1, 1, 1, dtype=torch.float64, generator=stream(1))
    x = x.expand(-1, 1, 1, 4).contiguous()
    found = diffused(process, x, 1.0, Cloud(len(x)))
    error = ((found - process.h * x - process.b) / process.sigma).flatten(1)
    assert error.mean(0).abs().max() < 4 / len(x) ** 0.5
    assert (error.var(0) - 1).abs().max() < 5 * (2 / len(x)) ** 0.5
    assert torch.corrcoef(torch.cat([error, x.flatten(1)[:, :1]], 1).T)[-1, :-1].abs().max() < 0.03


class Cloud:
    """Streams of very many members, from one generator."""

    def __init__(self, members):
        self.members, self.generator = members, stream(0)

    def normal(self, shape):
        return torch.randn(self.members, *shape, generator=self.generator, dtype=torch.float64)


def test_the_equation_has_these_marginals():
    """Mean and variance of its Euler-Maruyama steps, which are linear, from one state."""
    process, n = bridge(), 4000
    x0 = torch.tensor([1.0, -2.0, 0.5, 3.0], dtype=torch.float64).reshape(1, 1, 4)
    zero, one = torch.zeros_like(x0), torch.ones_like(x0)
    mean, variance = x0, zero
    for k in range(9 * n // 10):
        t = (k + 0.5) / n
        slope = process.drift(one, t) - process.drift(zero, t)
        variance = variance + (2 * slope * variance + process.diffusion(t)) / n
        mean = mean + process.drift(mean, t) / n
        if (k + 1) % (3 * n // 10) == 0:
            t = (k + 1) / n
            torch.testing.assert_close(mean, process.A(t) * x0 + process.B(t), rtol=1e-2, atol=1e-3)
            torch.testing.assert_close(variance, process.Sigma(t), rtol=1e-2, atol=0)


def test_its_noise_is_positive():
    process = bridge(h=torch.linspace(0, 1, 21), b=[0.0] * 21, sigma=[1.0] * 21)
    t = torch.linspace(1e-5, 0.9999, 50, dtype=torch.float64).reshape(-1, 1, 1, 1)
    assert (process.diffusion(t) >= 0).all()
    assert (process.transition(t[:-1], t[1:])[2] >= 0).all()


@pytest.mark.parametrize("h", [1.5, -0.5, float("nan")])
def test_factors_outside_zero_and_one_are_refused(h):
    with pytest.raises(InputError, match=r"factor h of linear operator = .*must lie in \[0, 1\]"):
        bridge(h=(0.0, 0.5, h, 1.0))
    with pytest.raises(InputError, match="noise"):
        bridge(sigma=(0.5, 0.2, 0.0, 1.0))


def test_the_likelihood_score_is_the_gradient_of_the_transition_density():
    process, t = bridge(), 0.4
    x, z = torch.randn(2, 3, 1, 1, 4, dtype=torch.float64, generator=stream(2))

    def log(x):
        M, U, Q = process.transition(t, 0.992)
        return -((z - M * x - U) ** 2 / Q).sum() / 2

    expected = torch.func.grad(log)(x)
    torch.testing.assert_close(process.likelihood_score(x, t, z, end=0.992), expected)


def test_the_likelihood_score_becomes_that_of_the_observation():
    process = bridge(b=(0.0, 0.0, 0.0, 0.0))
    x, z = torch.full((1, 1, 1, 4), 0.3, dtype=torch.float64), torch.zeros(1, 1, 4).double()
    ratio = (process.likelihood_score(x, 1e-7, z) / (-x / process.sigma**2)).flatten()
    assert ratio[0] == pytest.approx(0.0, abs=1e-12)  # nothing is observed there
    assert ratio[-1] == pytest.approx(1.0, rel=1e-6)
    early = (process.likelihood_score(x, 1e-7, z, end=0.992) / (-x / process.sigma**2)).flatten()
    assert early[-1] - 1 == pytest.approx(1.6e-4, abs=5e-6)
