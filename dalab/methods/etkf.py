r"""ETKF: ensemble transform Kalman filter, global or localised.

With forecast anomalies X' and Y' (rows are members), innovation d and N members, the analysis is

.. math::
    H = (N - 1) I + Y' R^{-1} Y'^T, \quad \bar w = H^{-1} Y' R^{-1} d, \quad
    W = \sqrt{N - 1} \, H^{-1/2}, \quad x_j = \bar x + X'^T (\bar w + W_{\cdot j}) .

With localisation, each grid point solves this for itself with R^{-1} tapered by the Gaspari-Cohn
function of the periodic distance. The tapered products are sums over observations of fields on the
grid, hence convolutions, so that all points are prepared by a few FFTs and solved in one batch.

References:
    | Bishop, Etherton and Majumdar (2001); Hunt, Kostelich and Szunyogh (2007)
    | Gaspari and Cohn (1999), equation 4.10, with half-width c and support 2c

Defaults: the best of half-widths 2, 3, 4 and inflations 1.1, 1.25 for 24 members on qg64, arctan,
noise 0.1, every day, perfect model, two seeds. RMSE of the mean to expect: 0.26 with everything
observed and no background, 0.50 with a quarter of the cells, 0.06 with these and a background.
"""

from __future__ import annotations

from collections.abc import Iterator

import param
import torch
from torch import Tensor

from ..observations import ObservingNetwork
from ..random import MemberStreams
from .base import Method, Problem, Step
from .cycle import pad


class ETKF(Method):
    """Ensemble transform Kalman filter with the forecast model; localisation optional."""

    uses_model = True
    coupled = True

    ensemble = param.Integer(24, bounds=(2, 10_000), doc="ensemble members, all kept in the result")
    localisation = param.Number(
        2.0, bounds=(0.0, 64.0), doc="half-width of the taper in grid cells; 0 switches it off"
    )
    inflation = param.Number(1.1, bounds=(1.0, 2.0), doc="factor on the forecast anomalies")

    def size(self, members: int) -> int:
        return max(self.ensemble, members)

    def iterate(self, problem: Problem, streams: MemberStreams) -> Iterator[Step]:
        total, window = problem.window[0], []
        x = first_ensemble(problem, streams)
        for k in range(total):
            if k > 0:
                x = problem.system.step(window[-1])
            window.append(self.analysis(problem, k, x))
            yield Step(pad(window, total), k + 1, total, note=f"step {k}")

    def analysis(self, problem: Problem, k: int, x: Tensor) -> Tensor:
        """Update the forecasts ``(members, lev, y, x)`` with the observations of step ``k``."""
        network, rows = problem.network.at(k), problem.network.rows(k)
        if network.size == 0:
            return x
        mean = x.mean(0)
        x = mean + self.inflation * (x - mean)
        data = problem.data[rows.to(problem.data.device)]
        if self.localisation == 0:
            return transform(network, data, x)
        return local_transform(network, data, x, self.localisation)


def first_ensemble(problem: Problem, streams: MemberStreams) -> Tensor:
    """States of step 0, ``(members, lev, y, x)``: about the background, or climatological."""
    if problem.background is None:
        return problem.prior.sample_climatology(streams)[:, 0]
    background = problem.background
    return background.state + background.std * streams.normal(problem.window[1:])


def transform(network: ObservingNetwork, data: Tensor, x: Tensor) -> Tensor:
    """Global update of an ensemble ``(members, lev, y, x)`` by observations ``(size,)``."""
    seen = network.apply(x[:, None])
    weighted = (seen - seen.mean(0)) / network.variance(like=data)
    T = weights(weighted @ (seen - seen.mean(0)).T, weighted @ (data - seen.mean(0)))
    mean = x.mean(0)
    return mean + torch.einsum("i...,ij->j...", x - mean, T)


def local_transform(network: ObservingNetwork, data: Tensor, x: Tensor, radius: float) -> Tensor:
    """Update every grid point with the observations around it, tapered over ``2 radius`` cells."""
    n = x.shape[-1]
    taper = torch.fft.rfft2(gaspari_cohn(n, radius).to(x))
    products, innovations = local_products(network, data, x)

    def spread(field: Tensor) -> Tensor:
        return torch.fft.irfft2(taper * torch.fft.rfft2(field), s=(n, n))

    C = spread(products).permute(2, 3, 0, 1)
    b = spread(innovations).permute(1, 2, 0)
    mean = x.mean(0)
    return mean + torch.einsum("ilyx,yxij->jlyx", x - mean, weights(C, b))


def local_products(network: ObservingNetwork, data: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """Y'_i Y'_j / R, ``(N, N, y, x)``, and Y'_i d / R, ``(N, y, x)``, at each cell."""
    seen = network.apply(x[:, None])
    mean = seen.mean(0)
    pieces = zip(
        network.instruments,
        network.split((seen - mean) / network.variance(like=data).sqrt()),
        network.split((data - mean) / network.variance(like=data).sqrt()),
        strict=True,
    )
    N, n = len(x), x.shape[-1]
    C, b = x.new_zeros(N, N, n, n), x.new_zeros(N, n, n)
    for instrument, anomalies, innovation in pieces:
        Y, d = instrument.put(anomalies)[:, 0], instrument.put(innovation)[0]
        C = C + torch.einsum("icyx,jcyx->ijyx", Y, Y)
        b = b + torch.einsum("icyx,cyx->iyx", Y, d)
    return C, b


def weights(C: Tensor, b: Tensor) -> Tensor:
    """Transform w + W_j of every point, ``(..., N, N)``, from C ``(..., N, N)`` and b ``(..., N)``.

    The symmetric square root keeps the ensemble mean and changes the members least.
    """
    N = C.shape[-1]
    eigenvalues, E = torch.linalg.eigh((C + C.mT) / 2)
    eigenvalues = eigenvalues.clamp(min=0) + N - 1
    mean = E @ ((E.mT @ b[..., None]) / eigenvalues[..., None])
    root = (E * ((N - 1) / eigenvalues).sqrt()[..., None, :]) @ E.mT
    return mean + root


def gaspari_cohn(n: int, c: float) -> Tensor:
    """Taper as a function of the periodic distance to cell (0, 0), ``(n, n)``, support ``2 c``."""
    offset = torch.fft.fftfreq(n) * n
    r = torch.hypot(offset[:, None], offset) / c
    near = 1 - 5 / 3 * r**2 + 5 / 8 * r**3 + r**4 / 2 - r**5 / 4
    far = 4 - 5 * r + 5 / 3 * r**2 + 5 / 8 * r**3 - r**4 / 2 + r**5 / 12 - 2 / (3 * r).clamp(min=1)
    return torch.where(r <= 1, near, torch.where(r <= 2, far, 0.0))
