r"""Cycled 4D-Var that uses every observation once.

Target: at every analysis, a background with a static covariance at the start of a window of some
intervals, times the Gaussian likelihood of the observations at its end, with a perfect model; the
result is the mode, carried to the end of the window.

The background is the analysis that the window before gave for that time. With lag L and model M,

.. math:: J(v) = \tfrac12 |v|^2 + \tfrac12 |R^{-1/2} (y_k - h(M^L(x_{k-L} + B^{1/2} v)))|^2 .

Older observations are not used again, so that none counts twice. With lag 0 this is ``var3d``. At
first the window is shorter: it begins at the first time.

References:
    | Le Dimet and Talagrand (1986); Bocquet and Sakov (2014): single data assimilation in lagged
      windows
    | Minimised by L-BFGS, where DAPPER takes full Gauss-Newton steps
"""

from __future__ import annotations

from functools import partial

import param
import torch
from torch import Tensor

from ...random import MemberStreams
from ...systems.base import System
from ..base import Problem
from ..filtering import State
from .cost import Variational
from .oi import OptimalInterpolation, over_members, perturbed


class LaggedVar4D(OptimalInterpolation):
    """4D-Var with a static covariance in lagged windows; each observation is used once."""

    measure = "gradient"

    lag = param.Integer(1, bounds=(0, 100), doc="intervals from the start of a window to its end")
    iterations = param.Integer(20, bounds=(1, 1000), doc="L-BFGS iterations per analysis")

    @property
    def effort(self) -> float:
        return self.iterations * max(self.lag, 1)

    def begin(self, ensemble: Tensor, problem: Problem) -> State:
        first = super().begin(ensemble, problem)
        return {**first, "start": ensemble, "age": torch.tensor(0)}

    def forecast(
        self, state: State, problem: Problem, steps: int = 1,
        generator: torch.Generator | None = None,
    ) -> State:
        age, ahead = int(state["age"]) + 1, super().forecast(state, problem, steps, generator)
        start = state["start"]
        if age > self.lag:
            start, age = problem.system.step(start, steps), self.lag
        return {**ahead, "start": start, "age": torch.tensor(age), "steps": torch.tensor(steps)}

    def assimilate(self, state: State, problem: Problem, streams: MemberStreams) -> State:
        noisy = perturbed(problem.network, problem.data, streams)
        B = self._unscaled(problem) * (self.scale or 1.0) ** 2
        steps = int(state["age"]) * int(state.get("steps", torch.tensor(1)))
        model = partial(_carry, problem.system, steps)
        residuals: list[Tensor] = []

        def minimise(data: Tensor, x: Tensor) -> Tensor:
            cost = Variational(x, B, model, problem.network, data)
            final = cost.minimise(self.iterations)
            residuals.append(cost.relative_gradient(final))
            return cost.state(final.v)

        start = over_members(minimise, noisy, state["start"])
        flat = start.reshape(-1, *start.shape[-3:])
        return {
            **state, "start": start, "ensemble": model(flat)[:, 0].reshape(start.shape),
            "residual": torch.cat(residuals).max(),
        }


def _carry(system: System, steps: int, x: Tensor) -> Tensor:
    """The end of the windows that begin with ``x``, ``(k, 1, lev, y, x)``."""
    return (system.step(x, steps) if steps else x)[:, None]
