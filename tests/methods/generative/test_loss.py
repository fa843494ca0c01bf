"""Losses of conditional means: networks that can be the exact ones become them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from dalab.methods.generative.ensemble_scores import GaussianMean, GaussianMeans
from dalab.methods.generative.loss import linear_loss, nonlinear_loss, times
from dalab.methods.generative.masf.bridge import Bridge
from dalab.methods.generative.masf.nonlinear import NonlinearBridge
from dalab.random import stream
from tests.methods.generative.linear import ensemble

P = torch.tensor([[1.0, 0.8], [0.8, 1.0]], dtype=torch.float64)
MEAN = torch.tensor([0.5, -1.0], dtype=torch.float64)

BATCH = 2000


def draws(count, generator):
    """States N(MEAN, P), ``(count, 1, 1, 2)``."""
    normal = torch.randn(count, 2, generator=generator, dtype=torch.float64)
    return (MEAN + normal @ torch.linalg.cholesky(P).T).reshape(-1, 1, 1, 2)


class Affine(nn.Module):
    """An affine function of a state at one time, with a number of results of the same shape."""

    def __init__(self, heads):
        super().__init__()
        self.layer, self.heads = nn.Linear(2, 2 * heads).double(), heads
        for values in self.layer.parameters():
            nn.init.zeros_(values)

    def forward(self, x, t):
        found = self.layer(x.flatten(-3)).unflatten(-1, (1, 1, 2 * self.heads)).split(2, -1)
        return found[0] if self.heads == 1 else found


def trained(network, loss):
    """The network after gradient steps with decreasing rate on a loss of one generator."""
    optimiser = torch.optim.Adam(network.parameters(), lr=0.3)
    steps, generator = 600, stream(5)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimiser, 0.99)
    for _ in range(steps):
        optimiser.zero_grad()
        loss(network, draws(BATCH, generator), generator).backward()
        optimiser.step()
        schedule.step()
    return network


def process():
    h, b = (torch.tensor(v, dtype=torch.float64).reshape(1, 1, 2) for v in ([1.0, 0.0], [0.0, 0.4]))
    return Bridge(h, b, torch.full((1, 1, 2), 0.5, dtype=torch.float64))


@pytest.mark.parametrize("time", [0.3, 0.8])
def test_a_linear_network_becomes_the_conditional_mean_of_a_gaussian(time):
    bridge, t = process(), torch.full((BATCH, 1, 1, 1), time, dtype=torch.float64)
    network = trained(Affine(1), lambda n, x, g: linear_loss(n, x, bridge, t, g))
    x = draws(50, stream(1))
    exact = GaussianMean(ensemble(P, MEAN), bridge).estimate(x, time)
    torch.testing.assert_close(network(x, t[:50]), exact, rtol=0, atol=0.02)


class Twice(NonlinearBridge):
    """The process of an operator that is 2 x."""

    def measure(self, x):
        return 2 * x


def test_two_heads_become_both_conditional_means():
    sigma = torch.full((1, 1, 2), 0.5, dtype=torch.float64)
    bridge, time = Twice(None, sigma, sigma > 0), 0.5
    t = torch.full((BATCH, 1, 1, 1), time, dtype=torch.float64)
    network = trained(Affine(2), lambda n, x, g: nonlinear_loss(n, x, bridge, sigma, t, g))
    x = draws(50, stream(1))
    found, exact = network(x, t[:50]), GaussianMeans(ensemble(P, MEAN), bridge).estimate(x, time)
    torch.testing.assert_close(found[0], exact[0], rtol=0, atol=0.03)
    torch.testing.assert_close(found[1], exact[1], rtol=0, atol=0.03)


def test_the_exact_mean_has_the_least_loss_at_all_times_together():
    bridge, generator = process(), stream(3)
    mean = GaussianMean(ensemble(P, MEAN), bridge)

    def exact(x, t):
        each = [mean.estimate(a[None], float(s)) for a, s in zip(x, t, strict=True)]
        return torch.cat(each)

    x, t = draws(1000, generator), times(1000, 1e-5, 0.992, generator)
    assert 1e-5 <= float(t.min()) < 0.01 and 0.98 < float(t.max()) <= 0.992
    least = linear_loss(exact, x, bridge, t, stream(4))
    for change in (lambda x, t: exact(x, t) + 0.1, lambda x, t: 1.1 * exact(x, t)):
        assert linear_loss(change, x, bridge, t, stream(4)) > least + 0.005
