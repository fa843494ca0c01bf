r"""IEnKS: iterative ensemble Kalman smoother.

Target: the forecast prior some times back, a Gaussian with the covariance of the ensemble there,
times the Gaussian likelihood of the new observations, through the nonlinear model; its mode, with
the curvature there for a covariance.

A new observation corrects the ensemble that the filter had ``lag`` times ago, and the model runs
again from there. With anomalies X' and mean of that ensemble, M the model up to now and d the
innovation over the error std, the cost of the weights w,

.. math::
    J(w) = \tfrac12 |R^{-1/2} (y - h(M(\bar x + X'^T w)))|^2 + \tfrac{N - 1}{2} |w|^2 ,

is minimised by Gauss-Newton steps: with Y the sensitivity of the observed members to the weights,

.. math::
    w \leftarrow w + (Y Y^T + \zeta I)^{-1} (Y d - \zeta w), \qquad
    T = \sqrt{N - 1} \, (Y Y^T + \zeta I)^{-1/2}, \qquad \zeta = N - 1 .

The sensitivity is found from the members at the last estimate, whose anomalies are those of the
analysis (``transform``: X'^T T, and Y is that of the model output times T^{-1}) or very small ones
(``bundle``). With ``xN`` the prior is the Student's t of the ``enkf-n``, whose zeta depends on w
(:mod:`dalab.methods.ensemble.finite_size`, primal form). The ensemble X'^T (w + T) some times ago
is carried through the model: its end is the analysis, its other states are the smoother's. Then the
window moves on by one time.

Every observation is used once, when it is new, so that the state carries no data: it carries the
ensemble at all times of the window, and the number of steps of the model between them. One time
back is the iterative ensemble Kalman filter, 0 the maximum-likelihood ensemble filter. The model is
run without noise.

References:
    | Bocquet and Sakov, An iterative ensemble Kalman smoother (2014): S = 1, each observation
      assimilated once
    | Sakov, Oliver and Bertino, An iterative EnKF for strongly nonlinear systems (2012): lag 1
    | Zupanski (2005): lag 0
    | What differs: inflation and rotation come after the iterations, at the start of the window

Expect, Lorenz-63 observed every 0.25 with error variance 2, 10 members, inflation 1.02 and
rotation: analysis RMSE 0.31.
"""

from __future__ import annotations

from dataclasses import dataclass

import param
import torch
from torch import Tensor

from ...random import MemberStreams
from ..base import Problem
from ..filtering import State
from .finite_size import primal_zeta
from .subspace import Modes, SquareRootFilter
from .transform import apply_transform, standardise

SMALL = 1e-4
"""Size of the anomalies of the ``bundle`` form, relative to those of the ensemble."""


class IEnKS(SquareRootFilter):
    """Iterative ensemble Kalman smoother: Gauss-Newton through the model, without its adjoint."""

    lag = param.Integer(1, bounds=(0, 100), doc="times back that a new observation corrects first")
    iterations = param.Integer(10, bounds=(1, 100), doc="most Gauss-Newton iterations")
    tolerance = param.Number(
        1e-3, bounds=(0.0, 1.0), doc="length of the last step of the weights; 0 does all iterations"
    )
    linearisation = param.Selector(
        default="transform", objects=["transform", "bundle"],
        doc="sensitivities from members as far apart as the analysed ones, or very close ones",
    )
    xN = param.Number(
        0.0, bounds=(0.0, 10.0),
        doc="factor on the trust in the ensemble of the finite-size prior; 0: a Gaussian prior",
    )

    @property
    def past_times(self) -> int:
        return self.lag

    def begin(self, ensemble: Tensor, problem: Problem) -> State:
        none = torch.zeros_like(ensemble[..., 0, 0, 0, 0])
        return {"ensemble": ensemble, "past": ensemble.unsqueeze(-4)[..., :0, :, :, :],
                "steps": torch.zeros(0, dtype=torch.long), "iterations": none}

    def forecast(
        self, state: State, problem: Problem, steps: int = 1,
        generator: torch.Generator | None = None,
    ) -> State:
        ahead = super().forecast(state, problem, steps, generator)
        past, taken = self.smoothed(state), torch.cat([state["steps"], torch.tensor([steps])])
        return {**ahead, "past": past[..., max(0, past.shape[-4] - self.lag) :, :, :, :],
                "steps": taken[max(0, len(taken) - self.lag) :]}

    def assimilate(self, state: State, problem: Problem, streams: MemberStreams) -> State:
        start = self.smoothed(state)[..., 0, :, :, :]
        steps: list[int] = state["steps"].tolist()
        best = self.minimise(start, steps, problem)
        window = [apply_transform(start, self.transform(best.w, best.T, streams))]
        for n in steps:
            window.append(problem.system.step(window[-1], n))
        *past, now = window
        return {**state, "ensemble": now, "iterations": best.done,
                "past": torch.stack(past, -4) if past else state["past"]}

    def smoothed(self, state: State) -> Tensor:
        return torch.cat([state["past"], state["ensemble"].unsqueeze(-4)], -4)

    def diagnostics(self, state: State) -> dict[str, Tensor]:
        return {"iterations": state["iterations"]}

    def floats(self, problem: Problem, members: int) -> int:
        state = torch.Size(problem.window[1:]).numel()
        return super().floats(problem, members) + 2 * self.lag * state

    # --- one analysis -----------------------------------------------------------------------------

    def minimise(self, start: Tensor, steps: list[int], problem: Problem) -> Iterate:
        """Weights at the start of a window; every repeat stops by itself.

        Args:
            start: ensemble there, ``(..., N, lev, y, x)``.
            steps: steps of the model from one time to the next, up to that of the observations.
            problem: holds the network of that time and its data.
        """
        now = Iterate.first(start)
        for _ in range(self.iterations):
            Y, d = self._sensitivity(start, now, steps, problem)
            modes = Modes.of(Y)
            zeta = self._zeta(modes, now.w)
            slope = (Y @ d.unsqueeze(-1)).squeeze(-1) - zeta.unsqueeze(-1) * now.w
            now = now.moved(modes.solve(zeta, slope), modes, zeta, self.tolerance)
            if not now.active.any():
                break
        return now

    def _sensitivity(
        self, start: Tensor, now: Iterate, steps: list[int], problem: Problem
    ) -> tuple[Tensor, Tensor]:
        """Sensitivity Y ``(..., N, size)`` and innovation d over the error std."""
        T, inverse = now.T, now.inverse
        if self.linearisation == "bundle":
            eye = torch.eye(T.shape[-1]).to(T)
            T, inverse = SMALL * eye, eye / SMALL
        x = apply_transform(start, now.w.unsqueeze(-1) + T)
        for n in steps:
            x = problem.system.step(x, n)
        Y, d = standardise(x, problem.network, problem.data)
        return inverse @ Y, d

    def _zeta(self, modes: Modes, w: Tensor) -> Tensor:
        if self.xN > 0:
            return primal_zeta(modes, w, self.xN)
        return torch.full_like(w[..., 0], modes.members - 1)


@dataclass(frozen=True)
class Iterate:
    """Weights of all repeats, ``(...)``, after some iterations.

    Args:
        w: weights of the mean, ``(..., N)``.
        T: weights of the anomalies, ``(..., N, N)``.
        inverse: of T.
        done: iterations of each repeat.
        active: repeats that go on.
    """

    w: Tensor
    T: Tensor
    inverse: Tensor
    done: Tensor
    active: Tensor

    @classmethod
    def first(cls, start: Tensor) -> Iterate:
        """The ensemble ``(..., N, lev, y, x)`` as it is."""
        w = torch.zeros_like(start[..., 0, 0, 0])
        eye = torch.eye(w.shape[-1]).to(w).expand(*w.shape, -1)
        done = torch.zeros_like(w[..., 0])
        return cls(w, eye, eye, done, torch.ones_like(done, dtype=torch.bool))

    def moved(self, dw: Tensor, modes: Modes, zeta: Tensor, tolerance: float) -> Iterate:
        """The next iterate of the repeats that go on; they stop after a short step ``dw``."""
        on, matrix_on = self.active[..., None], self.active[..., None, None]
        return Iterate(
            w=torch.where(on, self.w + dw, self.w),
            T=torch.where(matrix_on, modes.anomaly_weights(zeta), self.T),
            inverse=torch.where(matrix_on, modes.inverse_weights(zeta), self.inverse),
            done=self.done + self.active,
            active=self.active & (dw.norm(dim=-1) >= tolerance),
        )
