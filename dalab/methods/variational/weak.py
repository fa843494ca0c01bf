r"""Cost function of weak-constraint 4D-Var, with the errors of the model among the unknowns.

With x_0 = x_b + L v_0, L L^T = B, and a model M from one time of the window to the next,

.. math::
    x_{k+1} = M(x_k) + q \, (e_k + v_{k+1}), \qquad
    J(v) = \tfrac12 |v|^2 + \tfrac12 |R^{-1/2} (y - h(x))|^2 ,

where v = (v_0, v_1, ...) and q is the standard deviation of the errors: Q = q^2 I. The
perturbations e are zero for one member, and a draw of white noise for every member of an ensemble,
so that in linear problems its members are draws of the posterior. Everything else is as in
:mod:`dalab.methods.variational.cost`.

References:
    | Sasaki (1970)
    | Tremolet, Accounting for an imperfect model in 4D-Var (2006): model-error forcing
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from .cost import Variational


@dataclass(frozen=True)
class WeakVariational(Variational):
    """Independent minimisations over initial states and model errors, one per member.

    Args:
        step: M, from states ``(k, lev, y, x)`` to those of the next time.
        error_std: q, normalised.
        perturbations: e, ``(members, time - 1, lev, y, x)``.
    """

    step: Callable[[Tensor], Tensor]
    error_std: float
    perturbations: Tensor

    @classmethod
    def of(
        cls, cost: Variational, step: Callable[[Tensor], Tensor], error_std: float,
        perturbations: Tensor,
    ) -> WeakVariational:
        """The weak form of a cost; arguments as for the class."""
        strong = {field.name: getattr(cost, field.name) for field in fields(cost)}
        return cls(**strong, step=step, error_std=error_std, perturbations=perturbations)

    def without_errors(self, v: Tensor) -> Tensor:
        """Control vectors of initial states ``v`` and a model that makes no errors."""
        return torch.cat([v, torch.zeros_like(self.perturbations, dtype=v.dtype).flatten(1)], 1)

    @property
    def start(self) -> Tensor:
        return self.without_errors(super().start)

    def window(self, v: Tensor, rows: Tensor | slice = slice(None)) -> Tensor:
        e = self.perturbations[rows]
        first, errors = v.split([v.shape[1] - e[0].numel(), e[0].numel()], 1)
        states = [self.state(first, rows)]
        for error in (self.error_std * (e + errors.to(e).view_as(e))).unbind(1):
            states.append(self.step(states[-1]) + error)
        return torch.stack(states, 1)
