r"""Two-layer flow carried over one interval, there and back, at a fraction of the solver's cost.

Without drag the equations are unchanged when time and x are both reversed, so that a state is taken
*back* by mirroring it in x, carrying it ahead, and mirroring it again. Drag and the exponential
filter are linear and isotropic: who uses these states corrects for them wavenumber by wavenumber.
A few midpoint steps are enough, for the error that matters is that of the states themselves.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from .two_layer_qg import Symbols, TwoLayerQG


class Transport:
    """Carries normalised PV over one interval, ahead and back at once.

    States on a finer grid than the model's lose the scales that the model does not resolve.

    Args:
        model: the solver's parameters; its drag is left out.
        scale: physical units per normalised unit, ``(2, 1, 1)`` [1/s].
        interval: time to carry over [s].
        steps: midpoint steps per interval.
    """

    def __init__(self, model: TwoLayerQG, scale: Tensor, interval: float, steps: int = 2) -> None:
        self.model = replace(model, dt=interval / steps, rek=0.0)
        self.scale, self.steps = scale, steps
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
        Z = resampled(torch.fft.fft2(z, norm="forward").flatten(0, -3), self.model.nx)
        for _ in range(self.steps):
            middle = Z + _change(symbols, Z) / 2
            Z = symbols.decay * Z + _change(symbols, middle)
        carried = torch.fft.ifft2(resampled(Z, x.shape[-1]), norm="forward").view(z.shape)
        return torch.view_as_real(carried).movedim(-1, -3) / scale

    def _place(self, x: Tensor) -> Symbols:
        key = (x.device, x.dtype)
        if key not in self._symbols:
            self._symbols[key] = Symbols(self.model, x)
        return self._symbols[key]


def resampled(Z: Tensor, n: int) -> Tensor:
    """Spectra ``(batch, l, k)`` of the same field on n x n cells: cut, or filled up with zeros.

    The field is sampled at the cell corners of both grids, and Nyquist wavenumbers are dropped.
    """
    size = Z.shape[-1]
    if n == size:
        return Z
    half = min(n, size) // 2
    result = Z.new_zeros(len(Z), n, n)
    kept = torch.cat([torch.arange(half), torch.arange(1 - half, 0)]).to(Z.device)
    rows, columns = kept[:, None], kept
    result[:, rows, columns] = Z[:, rows, columns]
    return result


def _change(symbols: Symbols, Z: Tensor) -> Tensor:
    """Filtered change of spectra ``(batch, l, k)`` over one step."""
    return symbols.increment(torch.fft.ifft2(Z, norm="forward"), Z)
