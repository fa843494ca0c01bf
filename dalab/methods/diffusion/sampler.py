r"""Noise levels and ancestral step, shared by all diffusion methods.

In the variance-exploding form, with posterior mean xhat at noise level s, the ancestral step to a
lower level s' is

.. math::
    x' = \hat x + \sqrt{s'^2 - s_d^2} \, (x - \hat x) / s + s_d e, \qquad
    s_d^2 = \eta^2 s'^2 (s^2 - s'^2) / s^2 ;

eta = 0 is the deterministic sampler, eta = 1 the ancestral one.

A sampler starts from noise, at a level where nothing else is left, or, in a cycled experiment, from
its first guess: the window of a member's last analyses with the new forecast at its end, inverted.
The probability-flow equation of the prior,

.. math:: dx / ds = (x - D(x, s)) / s ,

run upwards by Euler's method, takes it to the noisy window from which the same equation would make
it again. At the level where it turns back, the sampler keeps of the first guess what the prior does
not decide below. With t = 1 / (1 + s) this is the inversion of a stochastic interpolant
z_t = (1 - t) e + t x, in terms of x_s = z_t / t; the epsilon(t) = epsilon (1 - t) of that is
eta = sqrt(epsilon t), about 0.14 for 0.03.

References:
    | DAWIS (arXiv 2610.03314), after DAISI (arXiv 2512.00252). Differences: it turns back each
      state of a window at a level of its own, 1.5 for the oldest and 2.3 for the newest; the priors
      here know one level for all states of a window.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import param
import torch
from torch import Tensor

from ...errors import InputError
from ...notes import note
from ...priors.base import Prior
from ...random import MemberStreams
from ..base import Method, Problem


class Diffusion(Method):
    """Method that samples by denoising from a high to a low noise level."""

    family = "Diffusion"

    steps = param.Integer(48, bounds=(2, 1000), doc="noise levels from first to last")
    eta = param.Number(1.0, bounds=(0.0, 1.0), doc="noise renewed per step; 0 is deterministic")
    sigma_max = param.Number(20.0, bounds=(1.0, 1000.0), doc="first noise level")
    sigma_min = param.Number(0.02, bounds=(1e-4, 0.5), doc="last noise level")
    start = param.Selector(
        default="noise", objects=["noise", "invert"],
        doc="start: noise, or, in cycles, the forecast of the window inverted to the level turn",
    )
    turn = param.Number(
        2.0, bounds=(0.05, 20.0),
        doc="noise level at which an inverted forecast turns back, (1 - t) / t of DAISI's t_min",
    )

    @property
    def effort(self) -> float:
        return self.steps

    @property
    def uses_first_guess(self) -> bool:
        return self.start == "invert"

    def check(self, problem: Problem, members: int) -> None:
        """Raise if there is no first guess to start from.

        Raises:
            InputError: for an inversion in a single window.
        """
        if self.uses_first_guess and problem.first_guess is None and not problem.cycled:
            raise _no_guess()

    @property
    def levels(self) -> list[float]:
        """Noise levels, decreasing."""
        high = self.turn if self.uses_first_guess else self.sigma_max
        return noise_levels(self.steps, high, self.sigma_min)

    def begin(
        self, problem: Problem, grid: Sequence[float], streams: MemberStreams
    ) -> tuple[Tensor, list[float]]:
        """Noisy windows to start from, and the levels from theirs on.

        Args:
            problem: the problem, with a first guess if one is inverted.
            grid: noise levels, decreasing; may end with 0.
            streams: randomness, one stream per member.

        Returns:
            Windows ``(members, time, lev, y, x)`` at the first of the levels.

        Raises:
            InputError: if there is no first guess to invert.
        """
        if not self.uses_first_guess:
            return grid[0] * streams.normal(problem.window), list(grid)
        if problem.first_guess is None:
            raise _no_guess()
        levels = [s for s in grid if s <= self.turn * (1 + 1e-9)]
        upwards = sorted({s for s in levels if s > 0})
        return invert(problem.prior, problem.first_guess, upwards), levels


def noise_levels(steps: int, high: float, low: float, rho: float = 7.0) -> list[float]:
    """Noise levels from ``high`` down to ``low``, ``steps`` of them, dense at the low end."""
    ramp = torch.linspace(0, 1, steps, dtype=torch.float64)
    return ((1 - ramp) * high ** (1 / rho) + ramp * low ** (1 / rho)).pow(rho).tolist()


def invert(prior: Prior, windows: Tensor, levels: Sequence[float]) -> Tensor:
    """Carry windows up to the last of some noise levels; at the first they count as noisy.

    Args:
        prior: distribution of the windows.
        windows: normalised, ``(members, time, lev, y, x)``.
        levels: noise levels above 0, increasing.

    Returns:
        Noisy windows at the last level, same shape.
    """
    x = windows
    for s, higher in pairwise(levels):
        note(f"inversion, sigma {s:.3g}")
        x = ancestral_step(x, prior.denoise(x, s), s, higher, 0.0, 0.0)
    return x


def ancestral_step(
    x: Tensor, xhat: Tensor, s: float, lower: float, noise: Tensor | float, eta: float
) -> Tensor:
    """Step from level ``s`` to ``lower``, given the posterior mean ``xhat``; shapes of ``x``."""
    fresh = eta * lower * math.sqrt(max(s**2 - lower**2, 0.0)) / s
    kept = math.sqrt(max(lower**2 - fresh**2, 0.0))
    return xhat + kept / s * (x - xhat) + fresh * noise


def _no_guess() -> InputError:
    return InputError(
        "start", "invert", "needs a first guess, which only cycles have",
        "Use start=noise, or a cycled experiment.",
    )
