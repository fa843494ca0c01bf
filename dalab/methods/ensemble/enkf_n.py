r"""EnKF-N: ensemble Kalman filter that finds its inflation from the size of its ensemble.

Target: at every step, the forecast prior given the members, a Student's t since their covariance is
that of a small sample, times the Gaussian likelihood of the observations of that step.

The analysis is that of the ``etkf`` with zeta in the place of N - 1, and no taper,

.. math::
    w = (Y Y^T + \zeta I)^{-1} Y d, \quad W = \sqrt{N - 1} \, (Y Y^T + \zeta I)^{-1/2}, \quad
    x_j = \bar x + X'^T (w + W_{\cdot j}) ,

where zeta is found at every analysis by the dual form of
:mod:`dalab.methods.ensemble.finite_size`: the forecast is inflated by the root of (N - 1) / zeta,
more when the innovations are larger than the ensemble explains. Neither model error nor that of a
tuned inflation is needed, as long as the errors come from the ensemble being small.

References:
    | Bocquet (2011); Bocquet and Sakov (2012): dual form; Bocquet, Raanes and Hannart (2015)
    | What differs: W is the square root with the Hessian of the Kalman filter, as in DAPPER, not
      that of the cost in w, whose curvature in the direction of w is a little smaller; the nullity
      of the anomalies is left out of the constants (g = 0)

Expect, Lorenz-96 with 40 variables, all observed every 0.05 with unit error, 24 members and
rotation: analysis RMSE 0.21.
"""

from __future__ import annotations

import param
import torch
from torch import Tensor

from ...random import MemberStreams
from ..base import Problem
from ..filtering import State
from .finite_size import dual_zeta
from .subspace import Modes, SquareRootFilter
from .transform import apply_transform, standardise


class EnKFN(SquareRootFilter):
    """Finite-size ensemble Kalman filter: global, with adaptive inflation."""

    xN = param.Number(
        1.0, bounds=(0.1, 10.0), doc="factor on the trust in the ensemble; 1 is the theory"
    )

    def begin(self, ensemble: Tensor, problem: Problem) -> State:
        return {"ensemble": ensemble, "inflation": torch.ones_like(ensemble[..., 0, 0, 0, 0])}

    def assimilate(self, state: State, problem: Problem, streams: MemberStreams) -> State:
        x = state["ensemble"]
        Y, d = standardise(x, problem.network, problem.data)
        b, modes = (Y @ d.unsqueeze(-1)).squeeze(-1), Modes.of(Y)
        zeta = dual_zeta(modes, b, self.xN)
        T = self.transform(modes.solve(zeta, b), modes.anomaly_weights(zeta), streams)
        found = ((modes.members - 1) / zeta).sqrt()
        return {**state, "ensemble": apply_transform(x, T), "inflation": found}

    def diagnostics(self, state: State) -> dict[str, Tensor]:
        return {"inflation": state["inflation"]}

    def note(self, k: int, state: State) -> str:
        return f"{super().note(k, state)}, inflation {float(state['inflation']):.3g}"
