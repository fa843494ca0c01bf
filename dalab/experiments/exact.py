r"""Exact answers as a reference for approximate methods.

Three kinds of problems have them:

- one number: Bayes' rule on a grid, by quadrature,

  .. math:: p(x \mid y) = p(x) \, p(y \mid x) / \int p(x) \, p(y \mid x) \, dx ;

- a Gaussian prior of windows with linear operators: one dense linear system, the window posterior;
- a system of a few variables that can sample its climate: very many windows of the climate weighted
  by their likelihood. The error falls with the effective number of windows, which is reported.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.integrate import trapezoid
from torch import Tensor

from ..errors import InputError
from ..methods import Problem
from ..random import stream

LARGEST = 3000
"""Maximum size of a window for which a dense covariance is formed."""

Function = Callable[[np.ndarray], np.ndarray]


def normal(x: np.ndarray, mean: float = 0.0, std: float = 1.0) -> np.ndarray:
    """Evaluate the density of N(mean, std^2)."""
    return np.exp(-(((x - mean) / std) ** 2) / 2) / (std * np.sqrt(2 * np.pi))


def density(x: np.ndarray, prior: np.ndarray, likelihood: np.ndarray) -> np.ndarray:
    """Compute the posterior density of a scalar on a grid, by the trapezoidal rule.

    Args:
        x: grid, increasing.
        prior: prior density on the grid, not necessarily normalised.
        likelihood: likelihood of the data on the grid.
    """
    product = prior * likelihood
    return product / trapezoid(product, x) if np.any(product) else np.full_like(x, np.nan)


def information(x: np.ndarray, h: Function, std: float) -> np.ndarray:
    """Compute the Fisher information h'(x)^2 / std^2 of h(x) observed with Gaussian noise."""
    return (np.gradient(h(x), x) / std) ** 2


@dataclass(frozen=True)
class Exact:
    """First two moments of an exact window posterior.

    Args:
        mean: ``(time, lev, y, x)``, float64.
        std: same shape.
        windows: effective sample size if the answer is a weighted sample, else infinity.
        sample: equally probable windows of the posterior, ``(draws, time, lev, y, x)``.
    """

    mean: Tensor
    std: Tensor
    windows: float
    sample: Tensor


def gaussian(problem: Problem, draws: int = 200) -> Exact:
    """Compute the posterior of a Gaussian prior and linear operators by dense linear algebra.

    For a system with a Gaussian climate and linear steps this is the Kalman smoother.

    Args:
        problem: problem whose prior is its climatology.
        draws: number of posterior samples.

    Raises:
        InputError: if an operator is not linear, or the window is too large.
    """
    shape = problem.window
    size = torch.Size(shape).numel()
    if not problem.network.linear:
        raise InputError("operators", "nonlinear", "must be linear", "Use identity.")
    if size > LARGEST:
        raise InputError("window size", size, f"must be at most {LARGEST}", "Use a small system.")
    eye = torch.eye(size, dtype=torch.float32).unflatten(1, shape)
    C = problem.prior.climatological_covariance(eye).flatten(1).double()
    H, R, y = _observed(problem, eye)
    S = H @ C @ H.T + torch.diag(R)
    K = torch.linalg.solve(S, H @ C).T
    P = C - K @ H @ C
    w, V = torch.linalg.eigh((P + P.T) / 2)
    white = torch.randn(draws, size, generator=stream(0, "exact"), dtype=torch.float64)
    mean = K @ y
    sample = mean + white @ (V * w.clamp(min=0).sqrt()) @ V.T
    std = P.diagonal().clamp(min=0).sqrt()
    return Exact(
        mean.unflatten(-1, shape), std.unflatten(-1, shape), float("inf"),
        sample.unflatten(-1, shape),
    )  # fmt: skip


def _observed(problem: Problem, eye: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Stack matrix, error variances and values of the observations, the background last."""
    H, R = problem.network.apply(eye).T.double(), problem.network.variance().double()
    y = problem.data.double()
    if problem.background is None:
        return H, R, y
    state = problem.background.state.double().flatten()
    first = torch.eye(len(state), len(eye), dtype=torch.float64)
    std = torch.full_like(state, problem.background.std)
    return torch.cat([H, first]), torch.cat([R, std**2]), torch.cat([y, state])


def weighted(problem: Problem, count: int = 400_000, draws: int = 200, seed: int = 0) -> Exact:
    """Sample the posterior by importance: weight windows of the climate by their likelihood.

    Args:
        problem: problem of a system of a few variables, such as Lorenz-63.
        count: number of windows of the climate, cut from long trajectories.
        draws: number of posterior samples.
        seed: seed of the trajectories.

    Raises:
        InputError: if the system cannot sample its climate.
    """
    windows = climate_windows(problem, count, seed)
    misfit = (problem.data - problem.network.apply(windows.float())).double()
    logw = -(misfit**2 / problem.network.variance().double()).sum(-1) / 2
    if problem.background is not None:
        gap = (windows[:, 0] - problem.background.state).flatten(1)
        logw = logw - (gap / problem.background.std).pow(2).sum(-1) / 2
    w = torch.softmax(logw, 0)
    mean = torch.einsum("i,i...->...", w, windows)
    std = torch.einsum("i,i...->...", w, (windows - mean) ** 2).sqrt()
    chosen = torch.multinomial(w, draws, replacement=True, generator=stream(seed, "chosen"))
    return Exact(mean, std, float(1 / w.pow(2).sum()), windows[chosen])


def climate_windows(problem: Problem, count: int, seed: int = 0) -> Tensor:
    """Sample windows of the climate, ``(count, time, lev, y, x)``, float64.

    They are cut from trajectories at every step, so that neighbours overlap.
    """
    system, steps = problem.system, problem.window[0]
    if not system.independent_climate:
        raise InputError("system", system.name, "must draw its climate", "Use lorenz63.")
    generator, trajectories = stream(seed, "windows"), 2000
    each = -(-count // trajectories)
    x = system.sample_climate(min(trajectories, count), generator)
    states = system.trajectory(x, each + steps - 1, generator)
    windows = states.unfold(1, steps, 1).movedim(-1, 2).flatten(0, 1)
    return windows[:count]
