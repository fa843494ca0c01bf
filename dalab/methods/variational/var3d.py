r"""3D-Var: the most probable state between forecast and observations, at every step.

Target: at every step, a forecast prior with a static covariance, times the Gaussian likelihood of
the observations of that step; the result is the mode.

At each step the full cost of :mod:`dalab.methods.variational.cost` with the model left out,

.. math:: J(v) = \tfrac12 |v|^2 + \tfrac12 |R^{-1/2} (y - h(x_f + s \, B^{1/2} v))|^2 ,

is minimised by L-BFGS, and the result is carried to the next step. B is the climatological
covariance of one state times s^2, or a white one, or the white error covariance of the background
at step 0.
For linear operators this is ``oi`` to the last digit; for nonlinear ones ``oi`` solves once with a
statistical linearisation, while this follows the operator itself to a local minimum. An analysis
whose gradient has not fallen to a hundredth of that at the forecast counts as not converged.

References:
    | Parrish and Derber (1992); Lorenc (1986)
    | s is given, or estimated at every analysis from the innovations (Dee, 1995), as in ``oi``
"""

from __future__ import annotations

import param
from torch import Tensor

from ...observations import ObservingNetwork
from ...priors.covariance import SpectralCovariance
from .cost import Variational
from .oi import OptimalInterpolation


class Var3D(OptimalInterpolation):
    """3D-Var: full nonlinear operators, static covariance, cycled forecasts."""

    measure = "gradient"

    iterations = param.Integer(30, bounds=(1, 1000), doc="L-BFGS iterations per analysis")

    @property
    def effort(self) -> float:
        return self.iterations

    def solve(
        self, network: ObservingNetwork, data: Tensor, x: Tensor, B: SpectralCovariance
    ) -> tuple[Tensor, Tensor]:
        cost = Variational(x, B, lambda state: state[:, None], network, data)
        final = cost.minimise(self.iterations)
        return cost.state(final.v), cost.relative_gradient(final)
