r"""A cheap propagator of two-layer flow: over one interval, there and back.

Without drag the equations are unchanged when time and x are both reversed, so that a state is taken
*back* by mirroring it in x, carrying it ahead, and mirroring it again. Drag and the exponential
filter are linear and isotropic: who uses these states corrects for them wavenumber by wavenumber.
A few steps are enough, for the error that matters is that of the states themselves, as long as they
are stable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from .two_layer_qg import Symbols, TwoLayerQG, regrid

MIDPOINT = (1 / 2, 1.0)
"""Two stages: the cheapest; waves grow slowly, which matters beyond one cell a step."""

FOUR_STAGES = (1 / 4, 1 / 3, 1 / 2, 1.0)
"""Jameson's four stages: waves are stable up to 2.8 radians a step."""


class QGPropagator:
    """A cheap solver that takes normalised PV over one interval, ahead and back at once.

    Args:
        model: the solver's parameters; its drag is left out, its filter acts once a step. States on
            another grid than its own are carried on its own.
        scale: physical units per normalised unit, ``(2, 1, 1)`` [1/s].
        interval: time to carry over [s].
        steps: Runge-Kutta steps per interval.
        stages: share of a step that each stage goes, with the change at the end of the one before.
        frozen: true if derivatives take the flow that carries the states for given.

    References:
        | Jameson, Schmidt and Turkel, Numerical solution of the Euler equations by finite volume
          methods using Runge-Kutta time stepping schemes, AIAA 1981: the stages
    """

    def __init__(
        self,
        model: TwoLayerQG,
        scale: Tensor,
        interval: float,
        steps: int = 2,
        stages: Sequence[float] = MIDPOINT,
        frozen: bool = False,
    ) -> None:
        self.model = replace(model, dt=interval / steps, rek=0.0)
        self.scale, self.steps, self.stages = scale, steps, tuple(stages)
        self.frozen = frozen
        self._symbols: dict[tuple[torch.device, torch.dtype], Symbols] = {}

    def __call__(self, states: Tensor) -> Tensor:
        """States one interval after ``states[0]`` and one interval before ``states[1]``.

        Args:
            states: normalised, ``(2, batch, lev, y, x)``.

        Returns:
            The same shape; right up to a linear, isotropic damping and the error of few steps.
        """
        ahead, back = states
        ahead, back = self.ahead(torch.stack([ahead, back.flip(-1)]))
        return torch.stack([ahead, back.flip(-1)])

    def ahead(self, x: Tensor) -> Tensor:
        """States one interval later, ``(..., lev, y, x)``."""
        scale, symbols = self.scale.to(x), self._place(x)
        z = torch.complex(*(x * scale).unbind(-3))
        Z = regrid(torch.fft.fft2(z, norm="forward").flatten(0, -3), self.model.nx)
        *earlier, last = self.stages
        for _ in range(self.steps):
            reached = Z
            for share in earlier:
                reached = Z + share * self._change(symbols, reached)
            Z = symbols.decay * Z + last * self._change(symbols, reached)
        carried = torch.fft.ifft2(regrid(Z, z.shape[-1]), norm="forward").view(z.shape)
        return torch.view_as_real(carried).movedim(-1, -3) / scale

    def _change(self, symbols: Symbols, Z: Tensor) -> Tensor:
        """Filtered change of spectra ``(batch, l, k)`` over one step."""
        return symbols.increment(torch.fft.ifft2(Z, norm="forward"), Z, self.frozen)

    def _place(self, x: Tensor) -> Symbols:
        key = (x.device, x.dtype)
        if key not in self._symbols:
            self._symbols[key] = Symbols(self.model, x)
        return self._symbols[key]
