"""The exhibit of DAISI: what the inversion keeps of the forecast of one number."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from scipy.stats import gaussian_kde
from torch import Tensor

from ...methods import Problem
from ...methods.generative.daisi.closed_form import gaussian_analysis, gaussian_latent
from ...methods.generative.daisi.method import DAISI
from ...priors import GaussianPrior
from ...random import MemberStreams
from ..exact import normal
from ..lessons.scenario import Choice, Settings
from .exhibit import EXACT, FILTER, OTHER, Chart, Curve, Exhibit
from .linear import AutoRegression, moments, observing, quantiles

CLIMATE, ERROR, MEMBERS = 2.0, 0.5, 400
"""Variances of the climate and of the error of the observation; members."""

TIMES = np.round(np.arange(0.05, 0.951, 0.05), 2)
"""Times at which the inversion may end."""

PUBLISHED = 0.3

Moments = tuple[float, float]
"""Mean and standard deviation."""


def bayes(mean: float, std: float, datum: float) -> Moments:
    """Mean and standard deviation of the exact analysis of a forecast."""
    gain = std**2 / (std**2 + ERROR)
    return mean + gain * (datum - mean), ((1 - gain) * std**2) ** 0.5


def ensembles(
    t_min: float, epsilon: float, mean: float, std: float, datum: float
) -> tuple[Tensor, Tensor]:
    """Latents and analysis of DAISI, of forecasts without sampling error, ``(N, 1, 1, 1)``."""
    system, forecasts = AutoRegression(), quantiles(MEMBERS, std, mean)
    climate = torch.full((1, 1, 1, 1), CLIMATE, dtype=torch.complex128)
    problem = Problem(
        system, GaussianPrior(climate, (1, *system.shape)), observing(system, ERROR**0.5),
        torch.full((1,), datum, dtype=torch.float64),
    )
    method = DAISI(t_min=t_min, epsilon=epsilon, inversion_epsilon=0.0, batch=MEMBERS)
    method = method.prepare(problem)
    streams = MemberStreams(0, MEMBERS, dtype=torch.float64)
    with torch.no_grad():
        state = method.assimilate(method.begin(forecasts, problem), problem, streams)
    return method.analysis_stages(state)["latent"], state["ensemble"]


@lru_cache(maxsize=64)
def closed_form(
    epsilon: float, mean: float, std: float, datum: float
) -> tuple[np.ndarray, np.ndarray]:
    """Means and standard deviations of the analysis for all :data:`TIMES`."""
    found, variance = gaussian_analysis(
        mean, std**2, prior_variance=CLIMATE, error_variance=ERROR, data=datum,
        t_min=torch.from_numpy(TIMES), epsilon=epsilon,
    )
    return found.numpy(), variance.sqrt().numpy()


def distance(mean: np.ndarray, std: np.ndarray, right: Moments) -> np.ndarray:
    """Wasserstein distance W2 of normal distributions from another one."""
    return np.hypot(mean - right[0], std - right[1])


def _kept(settings: Settings) -> tuple[Chart, ...]:
    t_min, *problem = (float(settings[k]) for k in ("t_min", "epsilon", "mean", "std", "datum"))
    _, mean, std, datum = problem
    latents, analysis = ensembles(t_min, *problem)
    at, variance = gaussian_latent(mean, std**2, prior_variance=CLIMATE, t_min=t_min)
    latent = float(at), float(variance) ** 0.5
    means, stds = closed_form(*problem)
    chosen = int(np.abs(TIMES - t_min).argmin())
    exact, right = (means[chosen], stds[chosen]), bayes(mean, std, datum)
    shown = moments(analysis)
    apart = float(distance(np.array(shown[0]), np.array(shown[1]), right))
    return (
        _densities(
            f"latents at t = {t_min:g}: {latent[0]:.2f} ± {latent[1]:.2f}", latent, latents,
            ("forecast", (mean, std)),
        ),
        _densities(
            f"analysis: {shown[0]:.2f} ± {shown[1]:.2f}; Kalman: {right[0]:.2f} ± {right[1]:.2f}",
            exact, analysis, ("Kalman's analysis", right),
        ),
        _distances(t_min, distance(means, stds, right), apart),
    )


def _densities(
    title: str, exact: Moments, members: Tensor, beside: tuple[str, Moments]
) -> Chart:
    """Closed form, members and another density, on axes that are the same for all settings."""
    x = np.linspace(-4.0, 5.0, 361)
    label, other = beside
    return Chart(title, "state", "density", (
        Curve("DAISI, closed form", EXACT, x, normal(x, *exact)),
        Curve("DAISI, members", FILTER, x, gaussian_kde(members.numpy().ravel())(x)),
        Curve(label, OTHER, x, normal(x, *other)),
    ))


def _distances(t_min: float, apart: np.ndarray, found: float) -> Chart:
    published = int(np.abs(TIMES - PUBLISHED).argmin())
    return Chart("distance from Kalman's analysis", "t_min", "W2", (
        Curve("DAISI, closed form", EXACT, TIMES, apart),
        Curve("DAISI, members", FILTER, np.array([t_min]), np.array([found])),
        Curve("t_min as published", OTHER, np.array([PUBLISHED]), apart[[published]]),
    ))


INVERSION = Exhibit(
    name="inversion",
    title="What the inversion keeps",
    story="A number with climate N(0, 2), forecast as 1 ± 0.55 and observed as 1.5 ± 0.71. DAISI "
    "takes the forecasts back along its generative prior to latents at t_min, and from there "
    "forward again, guided by the observation. The lower t_min, the more of the forecast may be "
    "undone. At 0.3, as published, the analysis trusts the observation too much and itself, too; "
    "at 0.5 to 0.6 it is nearly Kalman's.",
    reason="The latent holds the forecast whole: without noise the inversion can be undone, and "
    "its spread is that of the forecast, stretched. But the guidance weighs the observation "
    "against the climate, not against the forecast, for all the way from t_min to 1. So t_min is "
    "the weight of the forecast, and no t_min is right for all spreads; epsilon gives back some "
    "of the spread that is lost. Only a forecast that is the climate, with t_min near 0, gets the "
    "exact answer.",
    choices=(
        Choice("t_min", "t_min, the end of the inversion", tuple(TIMES.tolist()), PUBLISHED,
               slider=True),
        Choice("epsilon", "epsilon, noise of the generation", (0.0, 0.03, 0.1, 0.3, 1.0), 0.03,
               slider=True),
        Choice("mean", "Mean of the forecast", (-1.0, 0.0, 0.5, 1.0, 2.0), 1.0, slider=True),
        Choice("std", "Spread of the forecast", (0.2, 0.3**0.5, 1.0, 2.0**0.5), 0.3**0.5,
               {0.2: "0.2", 0.3**0.5: "0.55", 1.0: "1", 2.0**0.5: "1.41, the climate's"},
               slider=True),
        Choice("datum", "Observation", (-1.0, 0.0, 1.5, 3.0), 1.5, slider=True),
    ),
    draw=_kept,
)
