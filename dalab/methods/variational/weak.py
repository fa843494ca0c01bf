r"""Cost function of weak-constraint 4D-Var, with the errors of the model among the unknowns.

With x_0 = x_b + L v_0, L L^T = B, and a model M from one time of the window to the next,

.. math::
    x_{k+1} = M(x_k) + Q^{1/2} (e_k + v_{k+1}), \qquad
    J(v) = \tfrac12 |v|^2 + \tfrac12 |R^{-1/2} (y - h(x))|^2 ,

where v = (v_0, v_1, ...) and Q is the covariance of the errors, independent from one interval to
the next. The perturbations e are zero for one member, and a draw of white noise for every member of
an ensemble, so that in linear problems its members are draws of the posterior. Everything else is
as in :mod:`dalab.methods.variational.cost`.

References:
    | Sasaki (1970)
    | Tremolet, Accounting for an imperfect model in 4D-Var (2006): model-error forcing
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from ...priors.covariance import SpectralCovariance
from .cost import Variational


@dataclass(frozen=True)
class WeakVariational(Variational):
    """Independent minimisations over initial states and model errors, one per member.

    Args:
        step: M, from states ``(k, lev, y, x)`` to those of the next time.
        error: covariance Q of one interval.
        perturbations: e, ``(members, time - 1, lev, y, x)``.
    """

    step: Callable[[Tensor], Tensor]
    error: SpectralCovariance
    perturbations: Tensor

    @classmethod
    def of(
        cls, cost: Variational, step: Callable[[Tensor], Tensor], error: SpectralCovariance,
        perturbations: Tensor,
    ) -> WeakVariational:
        """The weak form of a cost; arguments as for the class."""
        strong = {field.name: getattr(cost, field.name) for field in fields(cost)}
        return cls(**strong, step=step, error=error, perturbations=perturbations)

    def without_errors(self, v: Tensor) -> Tensor:
        """Control vectors of initial states ``v`` and a model that makes no errors."""
        return torch.cat([v, torch.zeros_like(self.perturbations, dtype=v.dtype).flatten(1)], 1)

    @property
    def start(self) -> Tensor:
        return self.without_errors(super().start)

    def window(self, v: Tensor, rows: Tensor | slice = slice(None)) -> Tensor:
        e = self.perturbations[rows]
        first, errors = v.split([v.shape[1] - e[0].numel(), e[0].numel()], 1)
        errors = self.error.sample((e + errors.to(e).view_as(e)).unsqueeze(2)).squeeze(2)
        states = [self.state(first, rows)]
        for error in errors.unbind(1):
            states.append(self.step(states[-1]) + error)
        return torch.stack(states, 1)
