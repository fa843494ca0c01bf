"""Omega without a network, and its reference, against known posteriors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import norm

from dalab.errors import InputError
from dalab.experiments.config import Config
from dalab.experiments.experiment import Experiment
from dalab.experiments.run import execute
from dalab.methods.conditional_gaussian.mixture_filter import members_of
from dalab.methods.conditional_gaussian.observed import observations
from dalab.methods.conditional_gaussian.rbpf import RBPF
from dalab.methods.generative.omega.kernels import Analysis, Kernels, half_silverman
from dalab.methods.generative.omega.langevin import Annealing, MixtureScore, anneal
from dalab.methods.generative.omega.method import Omega
from dalab.random import stream
from dalab.systems import SYSTEMS
from dalab.systems.conditional_gaussian.base import ConditionalGaussian
from tests.methods.generative.omega.worlds import (
    COVARIANCE,
    FORECAST,
    FORECAST_VARIANCE,
    MEAN,
    MEAN_R,
    VARIANCE,
    analysis,
    dyad,
    forecast,
    moments,
    observing,
)


@pytest.mark.slow
@pytest.mark.parametrize("paths", ["innovations", "model"])
def test_the_reference_filter_has_the_posterior_of_the_dyad(paths):
    system = dyad()
    problem, method = observing(system, 1.6), RBPF(members=100_000, threshold=0.0, paths=paths)
    before = forecast(method, problem, 100_000)
    mean, var, _, _ = moments(before, system)
    assert mean == pytest.approx(FORECAST, abs=0.006)
    assert var == pytest.approx(FORECAST_VARIANCE, rel=0.02)
    mean, var, cov, R = moments(analysis(method, problem, 100_000, state=before), system)
    assert mean == pytest.approx(MEAN, abs=0.006)
    assert var == pytest.approx(VARIANCE, rel=0.02)
    assert cov == pytest.approx(COVARIANCE, abs=0.002)
    assert pytest.approx(MEAN_R, rel=0.02) == R


@pytest.mark.parametrize("sampler", ["direct", "preconditioned"])
@pytest.mark.slow
def test_omega_has_the_posterior_of_the_dyad(sampler):
    system, members = dyad(), 1000
    problem = observing(system, 1.6)
    method = Omega(members=members, sampler=sampler, steps=20, rate=0.2)
    found = [moments(analysis(method, problem, members, seed), system) for seed in range(8)]
    means, variances = (np.mean([f[k] for f in found], 0) for k in (0, 1))
    assert means == pytest.approx(MEAN, abs=0.03)
    assert variances == pytest.approx(VARIANCE, rel=0.06)


def test_without_kernels_omega_weights_as_the_particle_filter():
    system = dyad(interval=0.1)
    problem = observing(system, 1.6)
    state = forecast(RBPF(), problem, 400)
    omega = Omega(members=400, bandwidth=0.0)
    expected = analysis(RBPF(members=400, threshold=1.0), problem, 400, state=state)
    found = analysis(omega, problem, 400, state=state)
    for name in ("resolved", "hidden_mean", "hidden_cov"):
        torch.testing.assert_close(found[name], expected[name], rtol=1e-9, atol=1e-9)


def test_one_component_has_the_mean_of_the_kalman_update():
    system = dyad(interval=0.1)
    problem = observing(system, 1.6)
    state = forecast(RBPF(), problem, 300)
    u, m, R = (state[k].flatten() for k in ("resolved", "hidden_mean", "hidden_cov"))
    C = torch.cov(torch.stack([u, m]))
    gain = C[:, 0] / (C[0, 0] + problem.network.variance().double()[0])
    expected = torch.stack([u.mean(), m.mean()]) + gain * (problem.data[0] - u.mean())
    kernels = Omega(baseline="gaussian").kernels(members_of(state))
    found = kernels.analysed(_seen(problem))
    x = found.moments()[0]
    v = kernels.moved(x.view(1, 1), torch.zeros(1, dtype=torch.long))
    assert float(x) == pytest.approx(float(expected[0]), rel=1e-10)
    assert float(v.mean) == pytest.approx(float(expected[1]), rel=1e-10)
    left = R.mean() + C[1, 1] - C[0, 1] ** 2 / C[0, 0]
    assert float(v.cov) == pytest.approx(float(left), rel=1e-10)


def test_kernels_about_shrunk_members_keep_the_covariance():
    state = forecast(RBPF(), observing(dyad(interval=0.1), 1.6), 40)
    members = members_of(state)
    plain, shrunk = (Kernels.of(members, 0.5, shrink) for shrink in (False, True))
    spread = members.u.flatten().var()
    for kernels, factor in ((plain, 1.25), (shrunk, 1.0)):
        total = kernels.u.flatten().var() + kernels.cov.squeeze()
        assert float(total) == pytest.approx(float(factor * spread), rel=1e-9)
    assert half_silverman(100, 1) == pytest.approx(0.5 * (4 / 300) ** 0.2)


def bimodal():
    """Posterior of two Gaussians at -1 and 1 of variance 0.2, observed as 0.1 with variance 0.5."""
    gain = 0.2 / 0.7
    centres = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)
    logs = -(0.1 - centres.flatten()).square() / (2 * 0.7)
    return Analysis(
        torch.log_softmax(logs, 0), centres + gain * (0.1 - centres),
        torch.full((1, 1), 0.2 * 0.5 / 0.7, dtype=torch.float64),
    )


def w1(x, law):
    """Wasserstein distance of draws from the mixture."""
    grid = np.linspace(-4, 4, 100_001)
    w, m, s = law.log_weights.exp(), law.means.flatten(), float(law.cov) ** 0.5
    cdf = sum(float(a) * norm.cdf(grid, float(b), s) for a, b in zip(w, m, strict=True))
    levels = (np.arange(len(x)) + 0.5) / len(x)
    return np.abs(np.sort(x.flatten().numpy()) - np.interp(levels, cdf, grid)).mean()


@pytest.mark.parametrize(("preconditioned", "rate", "steps", "stated"), [
    pytest.param(True, 0.1, 60, 0.0027, marks=pytest.mark.slow), (True, 0.2, 20, 0.0079),
    pytest.param(False, 0.1, 60, 0.0079, marks=pytest.mark.slow),
])
def test_langevin_keeps_a_bimodal_posterior(preconditioned, rate, steps, stated):
    law, members = bimodal(), 100_000 if steps == 60 else 40_000
    assert float(law.moments()[0]) == pytest.approx(0.1299, abs=1e-4)
    assert float(law.moments()[1]) == pytest.approx(0.6428, abs=1e-4)
    source = stream(0, "langevin")

    def normal():
        return torch.randn(members, 1, generator=source, dtype=torch.float64)

    chosen = torch.multinomial(law.log_weights.exp(), members, True, generator=source)
    x = law.means[chosen] + law.cov.sqrt() * normal()
    levels = torch.tensor(2.0, dtype=torch.float64), torch.tensor(0.05, dtype=torch.float64)
    found = anneal(MixtureScore(law), x, levels, Annealing(12, steps, rate, preconditioned), normal)
    assert w1(found, law) < 1.5 * stated + 0.5 / members**0.5
    assert float((found > 0).double().mean()) == pytest.approx(0.5718, abs=0.01)


def test_the_score_of_a_mixture_is_the_gradient_of_its_log_density():
    law = bimodal()
    x = torch.linspace(-2, 2, 9, dtype=torch.float64)[:, None].requires_grad_()
    sigma = torch.full((1, 1), 0.3, dtype=torch.float64)
    apart = (x - law.means.T).square() / (law.cov + sigma**2)
    density = torch.logsumexp(law.log_weights - apart / 2, -1).sum()
    torch.testing.assert_close(
        MixtureScore(law)(x.detach(), sigma), torch.autograd.grad(density, x)[0],
        rtol=1e-9, atol=1e-9,
    )


@pytest.mark.parametrize(("fields", "message"), [
    ({"system": "lorenz96", "operators": ["identity"]}, "must be conditional Gaussian"),
    ({"operators": ["identity"]}, "must see the resolved variables alone"),
    ({"operators": ["component:field=2"]}, "must see the resolved variables alone"),
    ({"operators": ["component-arctan:field=1"]}, "must be linear"),
    ({"methods": ["omega:regime=path"]}, "must be one time step"),
    ({"methods": ["omega:regime=path"], "system": "dyad:interval=0.005"}, "takes observations for"),
])
def test_problems_that_omega_cannot_solve_are_refused(fields, message):
    given = {"system": "dyad", "operators": ["component:field=1"], "masks": ["full"],
             "cycles": 3, "methods": ["omega"], **fields}
    with pytest.raises(InputError, match=message):
        Experiment.of(Config(**given))


GAUSSIAN = [name for name in SYSTEMS if isinstance(SYSTEMS[name](), ConditionalGaussian)]


@pytest.mark.slow
@pytest.mark.parametrize("name", GAUSSIAN)
def test_every_conditional_gaussian_system_is_taken(name):
    result = execute({
        "system": name, "operators": ["resolved"], "masks": ["full"], "noise": 0.3, "cycles": 2,
        "burn_in": 0, "methods": ["omega:members=20", "rbpf:members=20"], "members": 4,
    })
    metrics = result["metrics"].to_dataset()
    assert list(metrics["status"].values) == ["complete"] * 2
    assert bool((metrics["rmse_hidden"] < 3).all())


def _seen(problem):
    return observations(problem.network, problem.data, problem.system)


@pytest.mark.parametrize("field", [0, 1])
def test_marginal_densities_have_the_moments_of_the_mixture(field):
    system = dyad(interval=0.1)
    problem, method = observing(system, 1.6), Omega(members=200, network="none")
    state = analysis(method, problem, 200)
    grid = torch.linspace(-8, 8, 4001, dtype=torch.float64)
    density = method.marginal(state, field, grid)
    step = float(grid[1] - grid[0])
    assert float(density.sum()) * step == pytest.approx(1, abs=1e-6)
    mean = float((grid * density).sum()) * step
    assert mean == pytest.approx(float(state["mean"].flatten()[field]), abs=1e-6)
