"""Solver with a tabulated covariance, primal and dual, against dense linear algebra."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from dalab.methods.gaussian.innovations import (
    background_innovations,
    observation_innovations,
    stack,
)
from dalab.methods.gaussian.solver import GaussianSolver
from dalab.random import stream
from tests.dense import matrix
from tests.methods.worlds import problem


def innovations(p, members: int = 2, sigma: float = 1.0):
    """Innovations of noisy windows, and their covariance."""
    x = torch.randn(members, *p.window, generator=stream(3), dtype=torch.float64)
    D, C = p.prior.denoise(x, sigma), p.prior.error_covariance(sigma)
    seen = observation_innovations(p.network, p.data, D, C)
    if p.background is None:
        return seen, C
    return stack([seen, background_innovations(p.background, D, C)]), C


def dense(p, seen, C):
    """w and a of every member, from the matrix E + J C J^T of a linear network."""
    J = matrix(p.network.apply, p.window)
    if p.background is not None:
        J = torch.cat([J, matrix(lambda w: w[:, 0], p.window)])
    cov = matrix(C, p.window)
    a = torch.linalg.solve(torch.diag(seen.error[0]) + J @ cov @ J.T, seen.values.T)
    return (cov @ J.T @ a).T.view(-1, *p.window), a.T


@pytest.mark.parametrize("background", [None, 0.2])
@pytest.mark.parametrize("mask", ["full", "stride:2", "random:0.3"])
@pytest.mark.parametrize(
    "operators", [("velocity",), ("identity",), ("velocity", "identity"), ("velocity", "velocity")]
)
def test_the_solution_is_that_of_dense_algebra(
    tiny_system, tiny_prior, operators, mask, background
):
    p = problem(tiny_system, tiny_prior, operators, mask=mask, background=background)
    seen, C = innovations(p)
    increment, rows = GaussianSolver(seen, C, 400).solve(seen.values)
    wanted_increment, wanted_rows = dense(p, seen, C)
    torch.testing.assert_close(increment, wanted_increment, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(rows, wanted_rows, rtol=1e-6, atol=1e-6)


def test_a_velocity_in_every_cell_takes_one_iteration(tiny_system, tiny_prior):
    """But for the Nyquist wavenumbers, of which a real velocity shows a part only."""
    p = problem(tiny_system, tiny_prior, ("velocity",), mask="full")
    seen, C = innovations(p)
    wanted, _ = dense(p, seen, C)
    assert (GaussianSolver(seen, C, 1).increment(seen.values) - wanted).norm() < 0.1 * wanted.norm()
    for_rows = GaussianSolver(replace(seen, spectral_information=None), C, 1).increment(seen.values)
    assert (for_rows - wanted).norm() > 0.5 * wanted.norm()


def test_every_iteration_comes_nearer_to_the_posterior(tiny_system, tiny_prior):
    """In the norm of the posterior's inverse covariance, as rows do not."""
    p = problem(tiny_system, tiny_prior, ("velocity",), mask="random:0.4", std=0.01)
    seen, C = innovations(p, members=1)
    wanted, _ = dense(p, seen, C)
    J, cov = matrix(p.network.apply, p.window), matrix(C, p.window)
    precision = torch.linalg.inv(cov) + J.T @ (J / seen.error[0][:, None])

    def distances(known):
        increments = [GaussianSolver(known, C, k).increment(known.values) for k in range(1, 12)]
        apart = torch.stack([torch.zeros_like(wanted), *increments]).flatten(1) - wanted.flatten()
        return torch.einsum("ka,ab,kb->k", apart, precision, apart)

    assert (distances(seen).diff() < 0).all()
    assert (distances(replace(seen, spectral_information=None)).diff() > 0).any()


def test_members_are_solved_by_themselves(tiny_system, tiny_prior):
    """One that has nothing to learn rests, and does not disturb the other."""
    p = problem(tiny_system, tiny_prior, ("velocity",))
    seen, C = innovations(p)
    values = torch.stack([seen.values[0], torch.zeros_like(seen.values[0])])
    increment, rows = GaussianSolver(seen, C, 60).solve(values)
    assert (increment[1] == 0).all() and (rows[1] == 0).all()
    alone = GaussianSolver(replace(seen, error=seen.error[:1]), C, 60).increment(values[:1])
    torch.testing.assert_close(increment[:1], alone, rtol=1e-10, atol=1e-12)


def test_single_precision_stays_finite_however_many_iterations(tiny_system, tiny_prior):
    p = problem(tiny_system, tiny_prior, ("velocity",), mask="full", std=1e-3)
    seen, C = innovations(p)
    wanted, _ = dense(p, seen, C)
    single = replace(
        seen, values=seen.values.float(), error=seen.error.float(), signal=seen.signal.float()
    )
    half = type(C)(C.matrices.to(torch.complex64), C.window)
    increment = GaussianSolver(single, half, 500).increment(single.values)
    assert (increment - wanted).norm() < 1e-2 * wanted.norm()
