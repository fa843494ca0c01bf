r"""LNETF: local nonlinear ensemble transform filter.

Target: at every step and grid point, the members of the forecast as they are, times the Gaussian
likelihood of the observations nearby: the mean and the covariance of a particle filter, in an
ensemble that stays equally weighted.

The weights are those of particles, w_j proportional to the likelihood of member j, and a transform
gives the members the mean and the covariance of the weighted ensemble,

.. math::
    x_j = \bar x + X'^T (w + W_{\cdot j}), \qquad
    W = \sqrt N \, (\mathrm{diag}(w) - w w^T)^{1/2} \, \Lambda ,

with the symmetric square root and a random rotation Lambda that keeps the mean. With localisation
each grid point has weights of its own: the squared misfits around it are multiplied by the
Gaspari-Cohn taper of the periodic distance with half-width c. Lambda is the same everywhere.

The forecast need not be Gaussian and operators may be nonlinear, but as for every particle filter
one member takes all the weight where many independent observations count together: the localisation
has to be narrow, or the ensemble large.

References:
    | Toedter and Ahrens, A second-order exact ensemble square root filter for nonlinear data
      assimilation (2015)
    | What differs: the forecast is inflated by a given factor, which is not adapted
"""

from __future__ import annotations

import param
import torch
from torch import Tensor

from ...observations import ObservingNetwork
from ...random import MemberStreams
from ..base import Problem
from .base import EnsembleFilter, inflate
from .localisation import Taper, taper, to_fields
from .transform import apply_transform, rotation


class LNETF(EnsembleFilter):
    """Local nonlinear ensemble transform filter: particle weights, members that are recombined."""

    localisation = param.Number(
        2.0, bounds=(0.0, 64.0), step=0.5, doc="half-width of the taper in grid cells; 0: none"
    )
    inflation = param.Number(
        1.0, bounds=(1.0, 2.0), step=0.05, doc="factor on the forecast anomalies"
    )
    rotation = param.Boolean(
        True, doc="turn the analysed anomalies by a random rotation that keeps mean and covariance"
    )

    def floats(self, problem: Problem, members: int) -> int:
        cells = problem.window[-2] * problem.window[-1]
        return super().floats(problem, members) + 6 * members * cells

    def analysis(
        self, ensemble: Tensor, network: ObservingNetwork, data: Tensor, streams: MemberStreams
    ) -> Tensor:
        x = inflate(ensemble, self.inflation)
        logw = log_likelihoods(x, network, data, taper(x, self.localisation))
        w = torch.softmax(logw, -1)
        W = second_order_transform(w)
        if self.rotation:
            W = W @ rotation(streams).to(W)
        return apply_transform(x, w.unsqueeze(-1) + W)


def log_likelihoods(
    x: Tensor, network: ObservingNetwork, data: Tensor, where: Taper | None
) -> Tensor:
    """Log likelihoods of the members, up to a constant, ``(..., N)``, or ``(..., y, x, N)``.

    Args:
        x: forecasts ``(..., N, lev, y, x)``.
        network: network of one step.
        data: its observations, ``(..., size)``.
        where: localisation, if there is any: then there is one for every grid point.
    """
    misfits = data.unsqueeze(-2) - network.apply(x.unsqueeze(-4))
    squares = misfits.square() / network.variance(like=data)
    if where is None:
        return -squares.sum(-1) / 2
    return -where(to_fields(network, squares).sum(-3)).movedim(-3, -1) / 2


def second_order_transform(w: Tensor) -> Tensor:
    """Weights W of anomalies with the covariance of an ensemble of weights w.

    Args:
        w: weights ``(..., N)``, each row of sum 1.

    Returns:
        Symmetric matrices ``(..., N, N)`` whose rows sum to zero.
    """
    exact = w.double()  # single precision fails where one member has almost all the weight
    covariance = torch.diag_embed(exact) - exact.unsqueeze(-1) * exact.unsqueeze(-2)
    eigenvalues, E = torch.linalg.eigh(covariance)
    root = (w.shape[-1] * eigenvalues.clamp(min=0)).sqrt()
    return ((E * root.unsqueeze(-2)) @ E.mT).to(w)
