r"""What one more sensor would be worth, told from a posterior ensemble.

Let A be the anomalies of N posterior members and H_i those of the K values that a new sensor in
cell i would deliver, all layers and observed steps together, with error variances R. Were the
posterior Gaussian, the total variance of the window would fall, whatever the sensor reads, by

.. math::
    \Delta_i = \mathrm{tr} \left[ P^{xh}_i (P^{hh}_i + R)^{-1} (P^{xh}_i)^T \right] ,
    \qquad P^{xh}_i = \rho_i \circ \frac{A^T H_i}{N - 1} , \quad
    P^{hh}_i = \frac{H_i^T H_i}{N - 1} ,

which is :math:`\sum_j \mathrm{cov}(x_j, h_i)^2 / (\mathrm{var}\, h_i + R)` for a sensor of one
value. The taper rho of the horizontal distance keeps the sampling errors of a small ensemble out.
The products of all cells are convolutions: with L_i the Cholesky factor of P^hh_i + R,

.. math::
    (N - 1)^2 \Delta_i = \sum_k b_{ik}^T G_i b_{ik} , \qquad B_i = L_i^{-1} H_i^T , \quad
    G_i = \sum_j \rho_{ij}^2 A_j A_j^T .

Operators may be nonlinear: they act on members, so that covariances take the place of derivatives.
To place several sensors, the ensemble assimilates the best one by the serial square root filter,
whose spread does not depend on the reading, and the rest are judged by what is left.

References:
    | Bishop, Etherton and Majumdar, Adaptive sampling with the ETKF (2001), MWR 129
    | Ancell and Hakim, Comparing adjoint- and ensemble-sensitivity analysis (2007), MWR 135
    | Whitaker and Hamill, Ensemble data assimilation without perturbed observations (2002), MWR 130
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..errors import InputError
from ..methods.ensemble.localisation import gaspari_cohn
from ..observations import Instrument

Cell = tuple[int, int]
"""Row and column."""


@dataclass(frozen=True)
class Outlook:
    """A posterior ensemble, and what a new sensor in each cell would see of it.

    Args:
        state: anomalies of the window, ``(N, variables, y, x)``.
        seen: anomalies of a sensor's values, ``(N, values, y, x)``.
        noise: error variance of a value.
        taper: by the periodic distance to cell (0, 0), ``(y, x)``; ones for none.
    """

    state: Tensor
    seen: Tensor
    noise: float
    taper: Tensor

    @property
    def variance(self) -> float:
        """Total variance of the window."""
        return float(self.state.square().sum()) / (len(self.state) - 1)

    def value(self) -> Tensor:
        """Variance that a sensor in each cell would remove, ``(y, x)``."""
        K = self.seen.shape[1]
        H = self.seen.permute(2, 3, 1, 0)  # y, x, values, members
        S = H @ H.mT / (len(self.state) - 1) + self.noise * torch.eye(K).to(H)
        B = torch.linalg.solve_triangular(torch.linalg.cholesky(S), H, upper=False)
        weight = torch.fft.rfft2(self.taper.square())
        total = torch.zeros_like(self.taper)
        for i, member in enumerate(self.state):
            products = (member * self.state).sum(1)
            G = torch.fft.irfft2(weight * torch.fft.rfft2(products), s=self.taper.shape)
            total += torch.einsum("yxk,yxkn,nyx->yx", B[..., i], B, G)
        return total / (len(self.state) - 1) ** 2

    def after(self, cell: Cell, looks: Tensor | None = None) -> Outlook:
        """The outlook once a sensor in ``cell`` has been assimilated.

        Args:
            cell: where it stands.
            looks: boolean, at which of the sensor's steps it looks; at all, if ``None``.
        """
        used = torch.arange(self.seen.shape[1])
        if looks is not None:
            used = used[self._per_value(looks)]
        left = self
        for k in used.tolist():
            left = left._less(left.seen[:, k, *cell], cell)
        return left

    def without(self, cells: Tensor) -> Outlook:
        """The outlook of sensors that see nothing where the network looks already.

        Args:
            cells: boolean ``(steps, y, x)``, what is observed at the sensor's steps.
        """
        return replace(self, seen=self.seen.masked_fill(self._per_value(cells), 0.0))

    def _per_value(self, looks: Tensor) -> Tensor:
        """``(steps, ...)`` repeated for every value that a step delivers."""
        return looks.repeat_interleave(self.seen.shape[1] // len(looks), dim=0)

    def _less(self, h: Tensor, cell: Cell) -> Outlook:
        """The outlook after one value with anomalies ``h``, ``(N,)``, read in ``cell``."""
        spare = len(h) - 1
        total = float(h @ h) / spare + self.noise
        damping = 1 / (1 + (self.noise / total) ** 0.5)
        rho = torch.roll(self.taper, cell, dims=(0, 1))

        def less(z: Tensor) -> Tensor:
            gain = rho * torch.einsum("n,nfyx->fyx", h, z) / (spare * total)
            return z - damping * torch.einsum("n,fyx->nfyx", h, gain)

        return replace(self, state=less(self.state), seen=less(self.seen))


def outlook(
    estimate: Tensor, instrument: Instrument, steps: Sequence[int], radius: float
) -> Outlook:
    """What a new sensor of the kind of ``instrument`` would see of a posterior ensemble.

    Args:
        estimate: posterior members, ``(N, time, lev, y, x)``.
        instrument: whose operator and assumed noise the sensor has.
        steps: steps of the window on which it looks.
        radius: half-width of the Gaspari-Cohn taper in cells; 0 for none.

    Raises:
        InputError: for fewer than two members: one has no spread.
    """
    if len(estimate) < 2:
        raise InputError(
            "members", len(estimate), "must be at least 2: one has no spread", "Run with 8."
        )
    members, grid = estimate.double(), estimate.shape[-2:]
    seen = instrument.operator(members)[:, list(steps)]
    taper = gaspari_cohn(grid, radius) if radius > 0 else torch.ones(grid, dtype=torch.float64)
    return Outlook(
        _anomalies(members).flatten(1, 2), _anomalies(seen).flatten(1, 2),
        float(instrument.assumed_std or instrument.std) ** 2, taper.to(members),
    )


def best(outlook: Outlook, count: int) -> tuple[list[Cell], Outlook]:
    """The most valuable cells, one after the other, and the outlook once sensors are there.

    Args:
        outlook: what sensors are worth now.
        count: how many; fewer if there are not so many of any worth.
    """
    cells: list[Cell] = []
    for _ in range(count):
        value = outlook.value()
        if not value.max() > 0:
            break
        row, column = divmod(int(value.argmax()), value.shape[1])
        cells.append((row, column))
        outlook = outlook.after((row, column))
        outlook.seen[..., row, column] = 0.0
    return cells, outlook


def _anomalies(members: Tensor) -> Tensor:
    return members - members.mean(0)
