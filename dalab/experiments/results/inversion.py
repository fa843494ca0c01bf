r"""Diagnostics of methods that invert their forecasts: how much of these is kept, scale by scale.

Over members, cycles and the modes of a wavenumber, or for a variable of a point system, with
deviations f' of the forecasts from their mean, z' of the latents and a' of the analyses,

.. math:: c = \frac{\sum f' z'}{\sqrt{\sum f'^2 \sum z'^2}} , \qquad
    g = \frac{\sum f' a'}{\sum f'^2} .

The correlation c is below 1 where the latent has lost the forecast to noise. The share g is 1 for
an analysis that leaves the forecast as it is, 0 for one that forgets it; in a Kalman filter it is
1 less the gain. Beside both stands what DAISI would do with Gaussian climate and forecasts of the
same variances (:mod:`dalab.methods.generative.daisi.closed_form`), every mode and layer by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from ...errors import InputError
from ...methods import Problem
from ...methods.generative.daisi.closed_form import gaussian_analysis, gaussian_latent
from ...methods.generative.daisi.method import DAISI
from ...observations import ObservingNetwork
from ...priors.covariance import SpectralCovariance
from ...priors.denoisers.rings import ring_index, ring_sums
from ...priors.loading import load_state_prior
from ...systems import System
from ..config import Config
from ..from_config import make_methods, network_of
from .diagnostics import truth_of
from .recorded import system_of

LATENT = "latent"
"""Name of the latents among the estimates of a method."""

HARDLY = 1e-5
"""Least share of the largest sum of squares that a scale must have."""

STATES = 16
"""True states at which an operator is linearised."""


@dataclass(frozen=True)
class Kept:
    """Shares of a forecast that a method keeps.

    Args:
        latent: correlation of the latents with it, by wavenumber from 1, or by variable; NaN for
            scales that the forecasts hardly have.
        analysis: share of its deviations in the analysis.
    """

    latent: np.ndarray
    analysis: np.ndarray


@dataclass(frozen=True)
class Inversion:
    """Shares of the forecast that an inversion keeps, beside those expected.

    Args:
        measured: in the run.
        gaussian: in the closed form; ``None`` if it is not known.
        kalman: share that a Kalman filter would keep, ``None`` likewise.
        names: of the variables of a point system; empty for wavenumbers.
    """

    measured: Kept
    gaussian: Kept | None = None
    kalman: np.ndarray | None = None
    names: tuple[str, ...] = ()


def inversions(tree: xr.DataTree, layer: int) -> dict[str, Inversion]:
    """Diagnostics of every method whose latents a cycled result holds, by label.

    Args:
        tree: the result.
        layer: of fields; all variables of a point system are taken.
    """
    nodes = tree["estimates"].children if "estimates" in tree.children else {}
    return {
        label: _inversion(tree, label, layer)
        for label, node in nodes.items() if LATENT in node.data_vars
    }


def _inversion(tree: xr.DataTree, label: str, layer: int) -> Inversion:
    system, node = system_of(tree), tree[f"estimates/{label}"]
    point = system.geometry == "point"
    forecast, latent, analysis = (
        _deviations(torch.from_numpy(np.asarray(node[name].values, np.float64)), layer, point)
        for name in ("forecast", LATENT, "pv")
    )
    known = latent.isfinite().flatten(2).all(-1).all(0)  # cycles with an analysis
    forecast, latent, analysis = (x[:, known] for x in (forecast, latent, analysis))
    power = _sums(forecast, forecast, point)
    there = power > HARDLY * power.max()
    size = (power * _sums(latent, latent, point)).sqrt()
    measured = Kept(*(
        torch.where(there, share, torch.nan).numpy() for share in
        (_sums(forecast, latent, point) / size, _sums(forecast, analysis, point) / power)
    ))
    members, cycles = forecast.shape[:2]
    count = _sums(torch.ones_like(forecast[0, 0]), torch.ones_like(forecast[0, 0]), point)
    variance = power / (count * cycles * max(members - 1, 1))
    names = tuple(system.variables) if point else ()
    try:
        found = _closed_form(tree, label, system, layer, variance)
    except InputError:  # parts that no text makes again
        return Inversion(measured, names=names)
    return Inversion(measured, *found, names)


def _deviations(states: Tensor, layer: int, point: bool) -> Tensor:
    """Deviations from the mean over members, ``(member, time, variables)`` or of modes."""
    x = states - states.mean(0)
    return x[..., 0, 0] if point else torch.fft.rfft2(x[:, :, layer], norm="ortho")


def _sums(a: Tensor, b: Tensor, point: bool) -> Tensor:
    """Sums of products over all but variables, or rings from wavenumber 1 on."""
    products = (a.conj() * b).real
    products = products.reshape(-1, *products.shape[-(1 if point else 2):]).sum(0)
    return products if point else _rings(products)


def _rings(values: Tensor) -> Tensor:
    """Sums over rings of values ``(ny, nx // 2 + 1)``, from wavenumber 1 to half the columns."""
    columns = 2 * (values.shape[-1] - 1)
    return ring_sums(values, columns)[..., 1 : columns // 2 + 1]


def _closed_form(
    tree: xr.DataTree, label: str, system: System, layer: int, variance: Tensor
) -> tuple[Kept | None, np.ndarray]:
    """Shares for a Gaussian climate and forecasts of some variances, and those of a Kalman filter.

    Raises:
        InputError: if the system, the network or its climate cannot be made again.
    """
    config = Config.from_json(tree.attrs["config"])
    network = network_of(config, system)
    states = truth_of(tree).values[-STATES:]
    truth = torch.from_numpy(np.asarray(states, np.float32))
    information = _information(network, truth, layer, system)
    kalman = (1 / (1 + variance * information)).numpy()
    method = make_methods(config).get(label)
    if not isinstance(method, DAISI):
        return None, kalman
    climate = load_state_prior("gaussian", system)
    method = method.prepare(Problem(system, climate, network, torch.empty(0)))
    options = {
        "prior_variance": _variances(climate.climatological_covariance, layer, system),
        "t_min": method.t_min, "inversion_epsilon": method.inversion_noise, "start": method.start,
    }
    slope, spread = gaussian_latent(1.0, variance, **options)
    found, _ = gaussian_analysis(
        1.0, variance, error_variance=1 / information, data=0.0, epsilon=method.epsilon, **options
    )
    return Kept((slope * (variance / spread).sqrt()).numpy(), found.numpy()), kalman


def _variances(covariance: SpectralCovariance, layer: int, system: System) -> Tensor:
    """Variance by variable, or of a mode by ring."""
    variances = torch.diagonal(covariance.matrices, dim1=-2, dim2=-1).real.double()
    if system.geometry == "point":
        return variances[0, 0]
    one = variances[..., layer]
    return _rings(one) / _rings(torch.ones_like(one))


def _information(
    network: ObservingNetwork, truth: Tensor, layer: int, system: System
) -> Tensor:
    """Information of the data about a variable, or a mode of every ring, per unit of variance.

    That of the operators linearised at true states ``(time, lev, y, x)``, along random directions.
    """
    steps = [network.at(k) for k in range(network.steps)]
    one = next((step for step in steps if step.size), None)
    directions = _directions(system, layer)
    if one is None:
        return torch.zeros(len(directions), dtype=torch.float64)
    states, found = truth[:, None], []
    for direction in directions:
        seen = one.jvp(states, direction.to(states).expand_as(states))
        whole = (seen.square() / one.variance(like=seen)).sum(-1).mean()
        found.append(whole.double() / direction.square().sum())
    return torch.stack(found)


def _directions(system: System, layer: int) -> Tensor:
    """States along a variable each, or white in a ring of one layer each, ``(n, lev, y, x)``."""
    lev, rows, columns = system.shape
    if system.geometry == "point":
        return torch.eye(lev, dtype=torch.float64)[:, :, None, None]
    white = torch.randn(
        rows, columns, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    spectrum, ring, count = torch.fft.rfft2(white), ring_index(rows, columns), columns // 2
    found = torch.zeros(count, lev, rows, columns, dtype=torch.float64)
    for n in range(count):
        found[n, layer] = torch.fft.irfft2(spectrum * (ring == n + 1), s=(rows, columns))
    return found
