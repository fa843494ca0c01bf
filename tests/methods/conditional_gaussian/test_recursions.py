"""Recursions of conditional laws against conditioning of one joint Gaussian."""

from __future__ import annotations

import pytest
import torch

from dalab.methods.conditional_gaussian.recursions import (
    draw_backward,
    draw_increment,
    filter_path,
    innovation,
    smooth,
    update,
    update_hidden,
    update_resolved,
)
from dalab.systems.conditional_gaussian.base import Coefficients, Gaussian

from .laws import BLOCKS, nonlinear, normal, path, start

STEPS = 12
CASES = [(2, 3, False), (2, 3, True), (3, 2, True), (1, 2, True), (3, 1, False)]


class Joint:
    """All hidden variables and increments of a block, given the coefficients along a path.

    They are affine maps of the hidden variables at the start and of all noises.

    Args:
        laws: coefficients of every step of the block.
        first: law of its hidden variables at the start.
    """

    def __init__(self, laws: list[Coefficients], first: Gaussian) -> None:
        d2, k = laws[0].S2.shape
        size = d2 + len(laws) * k
        at, mean = torch.zeros(d2, size, dtype=torch.float64), first.mean
        at[:, :d2] = torch.linalg.cholesky(first.cov)
        self.hidden, self.increments = [(mean, at)], []
        for n, law in enumerate(laws):
            noise = torch.zeros(k, size, dtype=torch.float64)
            noise[:, d2 + n * k : d2 + (n + 1) * k] = torch.eye(k)
            self.increments.append((law.f + law.H @ mean, law.H @ at + law.S1 @ noise))
            mean, at = law.F @ mean + law.c, law.F @ at + law.S2 @ noise
            self.hidden.append((mean, at))

    def seen(self, n: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The first n increments."""
        means, maps = zip(*self.increments[:n], strict=True)
        return torch.cat(means), torch.cat(maps)

    def conditional(self, wanted, n: int, increments: torch.Tensor) -> Gaussian:
        """Law of affine maps ``wanted`` given the first n increments."""
        mean, at = wanted
        if n == 0:
            return Gaussian(mean, at @ at.mT)
        expected, maps = self.seen(n)
        gain = torch.linalg.solve(maps @ maps.mT, maps @ at.mT).mT
        return Gaussian(mean + gain @ (increments - expected), (at - gain @ maps) @ at.mT)

    def log_density(self, increments: torch.Tensor) -> torch.Tensor:
        mean, maps = self.seen(len(self.increments))
        return torch.distributions.MultivariateNormal(mean, maps @ maps.mT).log_prob(increments)


def joints(law, walk, first: Gaussian) -> list[tuple[Joint, torch.Tensor]]:
    """Joint law of every block, and the increments that it sees."""
    steps = [law(u) for u in walk[:-1]]
    increments = torch.stack(walk).diff(dim=0)
    return [(Joint([Coefficients(*(part[b] for part in step)) for step in steps],
                   Gaussian(first.mean[b], first.cov[b])), increments[:, b].flatten())
            for b in range(BLOCKS)]  # fmt: skip


def assert_same(found: Gaussian, expected: Gaussian, tolerance: float = 1e-12) -> None:
    for one, other in zip(found, expected, strict=True):
        assert (one - other).abs().max() < tolerance


@pytest.mark.parametrize(("d1", "d2", "correlated"), CASES)
def test_conditional_laws_are_those_of_the_joint_gaussian(d1, d2, correlated):
    law, first, walk = nonlinear(d1, d2, correlated), start(d2), path(d1, STEPS)
    found = filter_path(law, walk, first)
    smoothed = smooth(found)
    total = 0.0
    for b, (joint, increments) in enumerate(joints(law, walk, first)):
        for n, wanted in enumerate(joint.hidden):
            expected = joint.conditional(wanted, n, increments[: n * d1])
            assert_same(Gaussian(*(part[b] for part in found.laws[n])), expected)
            expected = joint.conditional(wanted, STEPS, increments)
            assert_same(Gaussian(*(part[b] for part in smoothed[n])), expected)
        total += joint.log_density(increments)
    assert abs(found.log_likelihood - total) < 1e-12 * abs(total)


@pytest.mark.parametrize(("d1", "d2"), [(7, 3), (2, 2), (3, 7), (1, 4), (4, 1)])
def test_both_forms_of_the_update_are_the_same(d1, d2):
    law, known, (u, ahead) = nonlinear(d1, d2), start(d2), path(d1, 1)
    first = update_resolved(known, law(u), ahead - u)
    second = update_hidden(known, law(u), ahead - u)
    assert_same(second[0], first[0], 1e-10)
    torch.testing.assert_close(second[1], first[1], rtol=1e-10, atol=0)


def test_many_resolved_variables_of_independent_noise():
    """As many as 100 tracers have, in steps of 0.01; the covariance may be singular."""
    d1, d2 = 200, 28
    S = torch.eye(d1 + d2, dtype=torch.float64) * 0.1 * 0.01**0.5
    law = Coefficients(
        0.01 * normal(1, d1), 0.01 * normal(3, 1, d1, d2), 0.9 * torch.eye(d2, dtype=torch.float64),
        normal(d2), S[:d1], S[d1:],
    )  # fmt: skip
    root = normal(3, 1, d2, 5, seed=1)
    known, increment = Gaussian(normal(3, 1, d2), root @ root.mT), 0.02 * normal(3, 1, d1, seed=2)
    found, expected = update(known, law, increment), update_resolved(known, law, increment)
    assert_same(found[0], expected[0], 1e-10)
    torch.testing.assert_close(found[1], expected[1], rtol=1e-10, atol=0)
    assert torch.linalg.eigvalsh(found[0].cov).min() > -1e-12


def test_constant_coefficients_need_no_leading_axes():
    law, known = nonlinear(2, 3)(path(2, 0)[0]), start(3)
    one = Coefficients(*(part[0] for part in law))
    members = Gaussian(normal(5, 1, 3), known.cov[:1].expand(5, 1, 3, 3))
    found, log_density = update(members, one, normal(5, 1, 2, seed=1))
    assert found.mean.shape == (5, 1, 3) and found.cov.shape == (5, 1, 3, 3)
    again = update(Gaussian(*(part[3] for part in members)), one, normal(5, 1, 2, seed=1)[3])
    assert_same(Gaussian(*(part[3] for part in found)), again[0])
    assert log_density.shape == (5,) and again[1].shape == ()


def test_increments_are_drawn_of_their_law():
    law, known, draws = nonlinear(2, 3)(path(2, 0)[0]), start(3), 200_000
    x = draw_increment(known, law, normal(draws, BLOCKS, 2))
    expected = innovation(known, law)
    torch.testing.assert_close(x.mean(0), expected.mean, rtol=0, atol=0.03)
    centred = (x - expected.mean).transpose(0, 1)
    scale = expected.cov.abs().max()
    assert (centred.mT @ centred / draws - expected.cov).abs().max() < 0.01 * scale


def test_backward_draws_have_the_law_of_the_smoother():
    """Of every time, and of every two times in a row: their covariance is L R_s."""
    law, first, walk, draws = nonlinear(2, 3), start(3), path(2, 6), 200_000
    found = filter_path(law, walk, first)
    drawn = draw_backward(found, [normal(draws, BLOCKS, 3, seed=n) for n in range(7)])
    smoothed = smooth(found)
    centred = [(x - s.mean).transpose(0, 1) for x, s in zip(drawn, smoothed, strict=True)]
    for n, (x, s) in enumerate(zip(centred, smoothed, strict=True)):
        std = s.cov.diagonal(dim1=-2, dim2=-1).sqrt()
        scale = std.unsqueeze(-1) * std.unsqueeze(-2)
        assert (x.mean(1) / std).abs().max() < 0.012
        assert ((x.mT @ x / draws - s.cov) / scale).abs().max() < 0.015
        if n:
            before = smoothed[n - 1].cov.diagonal(dim1=-2, dim2=-1).sqrt()
            lag = found.backward[n - 1].L @ s.cov
            error = centred[n - 1].mT @ x / draws - lag
            assert (error / (before.unsqueeze(-1) * std.unsqueeze(-2))).abs().max() < 0.015
