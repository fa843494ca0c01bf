r"""Linear regression of unobserved variables on the increments of the observed ones (EnSF-LR).

.. math::
    x_u \leftarrow x_u^f + C_{uo} C_{oo}^{-1} (x_o^a - x_o^f)

with sample covariances of the forecast, in the space of the observed variables or of the members,
whichever is smaller.

Reference: Xiong (2026), EnSF-LR. What differs: C_oo is regularised, by a share of 1e-6 of its mean
variance.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...errors import InputError
from ...observations import ObservingNetwork
from ...observations.operators import Component, Elementwise
from ..ensemble.simulated_enkf import regression_weights

RIDGE = 1e-6
"""Regularisation relative to the mean variance."""


def regress_unobserved(found: Tensor, forecasts: Tensor, network: ObservingNetwork) -> Tensor:
    """Analysis whose unobserved variables follow the increments of the observed ones.

    Args:
        found: analysis of the observed variables ``(..., N, lev, y, x)``.
        forecasts: the ensemble before it, same shape.
        network: network of that time.
    """
    seen = observed_variables(network, forecasts)
    a, f = found.flatten(-3), forecasts.flatten(-3)
    X = (f - f.mean(-2, keepdim=True)) / (f.shape[-2] - 1) ** 0.5
    O = X[..., seen]
    rest = ~seen
    ridge = RIDGE * O.square().mean((-2, -1), keepdim=True) * O.shape[-2]
    weights = regression_weights(O, a[..., seen] - f[..., seen], ridge)
    f_rest = f[..., rest] + weights @ X[..., rest]
    result = a.clone()
    result[..., rest] = f_rest
    return result.unflatten(-1, forecasts.shape[-3:])


def observed_variables(network: ObservingNetwork, like: Tensor) -> Tensor:
    """True for the variables that an operator sees, boolean ``(lev y x,)``."""
    seen = torch.zeros(like.shape[-3:], dtype=torch.bool, device=like.device)
    for instrument in network.instruments:
        operator, cells = instrument.operator, instrument.mask[0].to(like.device)
        fields = operator.field - 1 if isinstance(operator, Component) else slice(None)
        seen[fields] |= cells
    return seen.flatten()


def check_elementwise(network: ObservingNetwork) -> None:
    """Raise :class:`InputError` unless every operator acts on single variables."""
    for instrument in network.instruments:
        if not isinstance(instrument.operator, Elementwise | Component):
            raise InputError(
                "regression with the operator", instrument.operator.title(),
                "needs operators that act on every value by itself",
                "Use identity, arctan, sine or component, or regression=False.",
            )
