"""The exhibit of the bandwidths of CCDM: both modes of a number of which |x| is observed."""

from __future__ import annotations

import numpy as np
import torch

from ...methods.generative.base import Likelihood
from ...methods.generative.ccdm.kernels import Kernels
from ...methods.generative.ccdm.method import CCDM
from ...observations import OPERATORS, network
from ...random import TimeStreams, stream
from ..exact import density, normal
from ..lessons.scenario import Choice, Settings
from .exhibit import EXACT, FILTER, OTHER, Chart, Curve, Exhibit
from .linear import AutoRegression

NOISE, DATUM = 0.1, 1.15
"""Error of the observation, and what is observed: the toy problem of the paper."""

WIDTHS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
GRID = np.linspace(-1.8, 1.8, 721)


def two_humps(members: int) -> torch.Tensor:
    """Forecasts near -1 and 1, with standard deviation 0.1, ``(members, 1, 1, 1)``."""
    source = stream(0, "two humps")
    sign = 2 * (torch.arange(members) % 2) - 1
    normals = torch.randn(members, generator=source, dtype=torch.float64)
    return (sign + 0.1 * normals).reshape(-1, 1, 1, 1)


def exact_posterior() -> np.ndarray:
    """Density of the posterior on the grid."""
    prior = normal(GRID, -1.0, 0.1) + normal(GRID, 1.0, 0.1)
    return density(GRID, prior, normal(np.abs(GRID), DATUM, NOISE))


def mixture(settings: Settings) -> Kernels:
    """Forecasts and their log weights."""
    x = two_humps(int(settings["members"]))
    system = AutoRegression()
    observing = network(OPERATORS.make("absolute"), noise=NOISE).realise(system, 1)
    likelihood = Likelihood(observing, torch.full((1,), DATUM, dtype=torch.float64))
    method = CCDM(weights=settings["weights"], h_y=float(settings["h_y"]))
    streams = TimeStreams(stream(0, "noise"), len(x), dtype=torch.float64)
    return Kernels(x.flatten(1), method.log_weights(x, likelihood, streams))


def density_of(kernels: Kernels, h_min: float) -> np.ndarray:
    """Density of the analysis on the grid: all samplers draw from it."""
    apart = GRID[:, None] - kernels.centres[:, 0].numpy()
    return normal(apart, 0.0, h_min) @ kernels.weights.numpy()


def moments_of(p: np.ndarray) -> tuple[float, float]:
    """Mean of |x|, less 1, and its standard deviation, for a density on the grid."""
    p = p / p.sum()
    mean = float(p @ np.abs(GRID))
    return mean - 1, float(p @ GRID**2 - mean**2) ** 0.5


def _bandwidths(settings: Settings) -> tuple[Chart, ...]:
    h_min, kernels, exact = float(settings["h_min"]), mixture(settings), exact_posterior()
    by_width = [moments_of(density_of(mixture({**settings, "h_y": h}), h_min)) for h in WIDTHS]
    right = moments_of(exact)
    widths = np.array(WIDTHS)
    prior = (normal(GRID, -1.0, 0.1) + normal(GRID, 1.0, 0.1)) / 2
    title = f"{float(kernels.effective):.0f} of {len(kernels.centres)} kernels effective"
    return (
        Chart(title, "state", "density", (
            Curve("exact posterior", EXACT, GRID, exact),
            Curve("CCDM", FILTER, GRID, density_of(kernels, h_min)),
            Curve("forecast", OTHER, GRID, prior),
        )),
        *(
            Chart(f"{what} of |x|{less}", "bandwidth of the observations", what, (
                Curve("exact", EXACT, widths, np.full(len(widths), right[i])),
                Curve("CCDM", FILTER, widths, np.array([found[i] for found in by_width])),
            ), log_x=True, highest=1.0)
            for i, (what, less) in enumerate((("mean", ", less 1"), ("standard deviation", "")))
        ),
    )


BANDWIDTHS = Exhibit(
    name="bandwidths",
    title="Two bandwidths for a price",
    story="A number near -1 or 1, of which the absolute value is observed as 1.15 ± 0.1. CCDM "
    "keeps both modes, which no Kalman filter does. A small bandwidth of the observations leaves "
    "few forecasts with any weight, a large one forgets the data; that of the states blurs.",
    reason="All its samplers draw from one mixture: forecasts weighted by how close their "
    "simulated observations come to the data, blurred by h_min. That acts as an error variance of "
    "R + h_y² and adds h_min². Where the likelihood is known, exact weights need no h_y at all.",
    choices=(
        Choice("members", "Members", (50, 250, 2000), 250),
        Choice("h_y", "Bandwidth of the observations", (0.02, 0.05, 0.1, 0.3), 0.05),
        Choice("h_min", "Bandwidth of the states", (0.02, 0.05, 0.1, 0.2), 0.05),
        Choice("weights", "Weights", ("simulated", "known"), "simulated",
               {"simulated": "simulated observations, as published", "known": "known likelihood"}),
    ),
    draw=_bandwidths,
)
