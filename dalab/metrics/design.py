r"""Observing-system design: the value of one more sensor, from a posterior ensemble.

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
whose spread does not depend on the reading, and the rest are judged by the remaining variance.

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
class CandidateSensors:
    """Candidate sensors, one in each cell, and the posterior ensemble that they would observe.

    Args:
        state: anomalies of the window, ``(N, variables, y, x)``.
        readings: anomalies of the values that a sensor in a cell delivers, ``(N, values, y, x)``.
        noise: error variance of a value.
        taper: by the periodic distance to cell (0, 0), ``(y, x)``; ones for none.
    """

    state: Tensor
    readings: Tensor
    noise: float
    taper: Tensor

    @property
    def variance(self) -> float:
        """Total variance of the window."""
        return float(self.state.square().sum()) / (len(self.state) - 1)

    def value(self) -> Tensor:
        """Variance of the window that a sensor in each cell would remove, ``(y, x)``."""
        K = self.readings.shape[1]
        H = self.readings.permute(2, 3, 1, 0)  # y, x, values, members
        S = H @ H.mT / (len(self.state) - 1) + self.noise * torch.eye(K).to(H)
        B = torch.linalg.solve_triangular(torch.linalg.cholesky(S), H, upper=False)
        weight = torch.fft.rfft2(self.taper.square())
        total = torch.zeros_like(self.taper)
        for i, member in enumerate(self.state):
            products = (member * self.state).sum(1)
            G = torch.fft.irfft2(weight * torch.fft.rfft2(products), s=self.taper.shape)
            total += torch.einsum("yxk,yxkn,nyx->yx", B[..., i], B, G)
        return total / (len(self.state) - 1) ** 2

    def assimilate(self, cell: Cell, active: Tensor | None = None) -> CandidateSensors:
        """Candidates for one more sensor once one in ``cell`` has been assimilated.

        Args:
            cell: its place.
            active: boolean ``(steps,)``, the steps on which it observes; all, if ``None``.
        """
        used = torch.arange(self.readings.shape[1])
        if active is not None:
            used = used[self._per_value(active)]
        left = self
        for k in used.tolist():
            left = left._assimilate_value(left.readings[:, k, *cell], cell)
        return left

    def exclude(self, cells: Tensor) -> CandidateSensors:
        """Candidates without the cells and times that the network observes already.

        Args:
            cells: boolean ``(steps, y, x)``, the cells observed at the sensor's steps.
        """
        return replace(self, readings=self.readings.masked_fill(self._per_value(cells), 0.0))

    def _per_value(self, active: Tensor) -> Tensor:
        """Repeat ``(steps, ...)`` for every value that a step delivers."""
        return active.repeat_interleave(self.readings.shape[1] // len(active), dim=0)

    def _assimilate_value(self, h: Tensor, cell: Cell) -> CandidateSensors:
        """Assimilate one value with anomalies ``h``, ``(N,)``, in ``cell``."""
        spare = len(h) - 1
        total = float(h @ h) / spare + self.noise
        damping = 1 / (1 + (self.noise / total) ** 0.5)
        rho = torch.roll(self.taper, cell, dims=(0, 1))

        def update(z: Tensor) -> Tensor:
            gain = rho * torch.einsum("n,nfyx->fyx", h, z) / (spare * total)
            return z - damping * torch.einsum("n,fyx->nfyx", h, gain)

        return replace(self, state=update(self.state), readings=update(self.readings))


def candidate_sensors(
    estimate: Tensor, instrument: Instrument, steps: Sequence[int], radius: float
) -> CandidateSensors:
    """Candidate sensors of the kind of ``instrument`` for a posterior ensemble.

    Args:
        estimate: posterior members, ``(N, time, lev, y, x)``.
        instrument: instrument whose operator and assumed noise the sensors have.
        steps: steps of the window on which they observe.
        radius: half-width of the Gaspari-Cohn taper in cells; 0 for none.

    Raises:
        InputError: for fewer than two members: one has no spread.
    """
    if len(estimate) < 2:
        raise InputError(
            "members", len(estimate), "must be at least 2: one has no spread", "Run with 8."
        )
    members, grid = estimate.double(), estimate.shape[-2:]
    readings = instrument.operator(members)[:, list(steps)]
    taper = gaspari_cohn(grid, radius) if radius > 0 else torch.ones(grid, dtype=torch.float64)
    return CandidateSensors(
        state=_anomalies(members).flatten(1, 2),
        readings=_anomalies(readings).flatten(1, 2),
        noise=float(instrument.assumed_std or instrument.std) ** 2,
        taper=taper.to(members),
    )


def place_sensors(
    candidates: CandidateSensors, count: int
) -> tuple[list[Cell], CandidateSensors]:
    """Place sensors in the most valuable cells, one after the other.

    Args:
        candidates: candidates before any is placed.
        count: number of sensors; fewer are placed if no further one has any value.

    Returns:
        The cells, best first, and the candidates for one more sensor.
    """
    cells: list[Cell] = []
    for _ in range(count):
        value = candidates.value()
        if not value.max() > 0:
            break
        row, column = divmod(int(value.argmax()), value.shape[1])
        cells.append((row, column))
        candidates = candidates.assimilate((row, column))
        candidates.readings[..., row, column] = 0.0
    return cells, candidates


def _anomalies(members: Tensor) -> Tensor:
    return members - members.mean(0)
