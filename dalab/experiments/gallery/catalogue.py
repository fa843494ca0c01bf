"""The exhibits of the gallery, in the order in which they are shown."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy.stats import gaussian_kde

from ...methods import METHODS, Filter
from ..exact import normal
from ..lessons.scenario import Choice, Settings
from .bandwidths import BANDWIDTHS
from .exhibit import EXACT, FILTER, OTHER, Chart, Curve, Exhibit
from .inversion import INVERSION
from .linear import (
    AutoRegression,
    analyse,
    cycle,
    kalman,
    moments,
    quantiles,
    steady_spread,
)
from .shocks import SHOCKS

ERRORS = np.geomspace(0.1, 2.0, 6)
"""Standard deviations of observations that curves run over."""

NOISE = Choice("r", "Error of the observation", (0.1, 0.2, 0.5, 1.0), 0.2)


def make(text: str) -> Filter:
    """The filter of a registry text."""
    return METHODS.make(text)


def densities(found: torch.Tensor, r: float, y: float, label: str) -> Chart:
    """Density of the members of an analysis of N(0, 1) beside that of the exact one."""
    gain, std = kalman(1.0, r)
    mean, spread = moments(found)
    reach = 4 * max(std, spread)
    x = np.linspace(min(gain * y, mean) - reach, max(gain * y, mean) + reach, 201)
    smooth = gaussian_kde(found.numpy().ravel())
    return Chart(
        f"exact: {gain * y:.3f} ± {std:.3f}; {label}: {mean:.3f} ± {spread:.3f}", "state",
        "density", (
            Curve("exact posterior", EXACT, x, normal(x, gain * y, std)),
            Curve(label, FILTER, x, smooth(x)),
            Curve("forecast", OTHER, x, normal(x)),
        ),
    )


def gains(response: Callable[[float], float], label: str) -> Chart:
    """Gain on the observation of forecasts N(0, 1) for several errors of it."""
    return Chart(
        "gain on the observation", "error of the observation", "gain", (
            Curve("exact", EXACT, ERRORS, np.array([kalman(1.0, r)[0] for r in ERRORS])),
            Curve(label, FILTER, ERRORS, np.array([response(r) for r in ERRORS])),
        ), log_x=True, highest=1.6,
    )


# --- EnSF -----------------------------------------------------------------------------------------


def _halved(settings: Settings) -> tuple[Chart, ...]:
    r, score = float(settings["r"]), settings["score"]
    method = make(f"ensf:score={score},steps=200")
    forecasts = quantiles(200)
    stds = [moments(analyse(method, forecasts, e, 0.5))[1] for e in ERRORS]
    exact = np.array([kalman(1.0, e)[1] for e in ERRORS])
    spread = Chart(
        "spread of the analysis", "error of the observation", "standard deviation", (
            Curve("exact", EXACT, ERRORS, exact), Curve("EnSF", FILTER, ERRORS, np.array(stds)),
        ), log_x=True, log_y=True,
    )
    return densities(analyse(method, forecasts, r, 0.5), r, 0.5, "EnSF"), spread


HALVED = Exhibit(
    name="halved-variance",
    title="Half the variance",
    story="One number, forecast as N(0, 1) and observed as 0.5. EnSF, with all forecasts as "
    "kernels as in its papers, draws the blue density. Its mean is about right, its variance is "
    "half of the exact one where the observation is accurate.",
    reason="The likelihood enters the reverse diffusion with a factor 1 - t, taken at the noisy "
    "state. That is no posterior score at any t, and near the end, where it matters, the data are "
    "counted in full while the prior still narrows. The conditional score evaluates the likelihood "
    "of the expected state, with its uncertainty, and is exact but for the blur of its last step.",
    choices=(
        NOISE,
        Choice("score", "Score", ("mixture", "conditional"), "mixture",
               {"mixture": "mixture, as in the papers", "conditional": "conditional, exact"}),
    ),
    draw=_halved,
)


def _nudging(settings: Settings) -> tuple[Chart, ...]:
    r = float(settings["r"])
    method = make("ensf:steps=500")
    spreads = np.geomspace(0.05, 2.0, 6)
    found = [moments(analyse(method, quantiles(200, std), r, 1.0)) for std in spreads]
    exact = [kalman(std**2, r) for std in spreads]
    means, stds = (np.array(part) for part in zip(*found, strict=True))
    axis = "spread of the forecast"
    return (
        Chart("mean of the analysis of N(0, spread²), observed as 1", axis, "mean", (
            Curve("exact", EXACT, spreads, np.array([gain for gain, _ in exact])),
            Curve("EnSF, paired", FILTER, spreads, means),
        ), log_x=True),
        Chart("spread of the analysis", axis, "standard deviation", (
            Curve("exact", EXACT, spreads, np.array([std for _, std in exact])),
            Curve("EnSF, paired", FILTER, spreads, stds),
        ), log_x=True, log_y=True),
    )


NUDGING = Exhibit(
    name="nudging",
    title="A nudging in disguise",
    story="The same number, forecast with ever more spread. The exact gain goes from 0 to 1: an "
    "uncertain forecast yields to the data. EnSF as released moves by the same share, whether the "
    "forecast is certain or not.",
    reason="In the released code the score of a member is that of a kernel about its own forecast. "
    "The spread of the ensemble appears nowhere: an analysis is c x + k y + noise with numbers "
    "that the two epsilons, the error of the data and the number of steps fix. It is a nudging.",
    choices=(NOISE,),
    draw=_nudging,
)

EPSILONS = {
    "0.5,0.025": "0.5 and 0.025, for error 0.05", "0.5,0.05": "0.5 and 0.05",
    "0.001,0.001": "0.001 and 0.001",
}


def _retuning(settings: Settings) -> tuple[Chart, ...]:
    alpha, beta = settings["epsilons"].split(",")
    method = make(f"ensf:steps=500,epsilon_alpha={alpha},epsilon_beta={beta}")

    def moved(r: float) -> float:
        up, down = (moments(analyse(method, quantiles(200), r, y))[0] for y in (1.0, -1.0))
        return (up - down) / 2

    return (gains(moved, "EnSF, paired"),)


RETUNING = Exhibit(
    name="retuning",
    title="A gain for each instrument",
    story="The gain of paired EnSF on observations of a forecast N(0, 1), for errors from 0.1 to "
    "2. Each pair of epsilons has a gain of its own, right at one error at most.",
    reason="The epsilons say how much of the forecast is left at the end of the diffusion and how "
    "much noise there is at its beginning. With the paired score they are the gain, and the papers "
    "choose them anew for each noise level.",
    choices=(Choice("epsilons", "Epsilons", tuple(EPSILONS), "0.5,0.025", EPSILONS),),
    draw=_retuning,
)


def _few_steps(settings: Settings) -> tuple[Chart, ...]:
    r = float(settings["r"])
    counts = np.array([10, 20, 50, 100, 200, 500, 1000])
    exact = kalman(1.0, r)[1]
    curves = [Curve("exact", EXACT, counts, np.full(len(counts), exact))]
    for label, role, text in (
        ("EnSF, paired", FILTER, "ensf:steps={}"), ("MASF, bridge", OTHER, "masf:steps={}"),
    ):
        stds = [moments(analyse(make(text.format(n)), quantiles(100), r, 0.5))[1] for n in counts]
        curves.append(Curve(label, role, counts, np.array(stds)))
    return (Chart(
        "spread of the analysis", "steps", "standard deviation", tuple(curves), log_x=True,
        log_y=True, highest=100.0,
    ),)


FEW_STEPS = Exhibit(
    name="few-steps",
    title="Too few steps",
    story="An accurate observation makes the likelihood sharp. With few steps the sampler of EnSF "
    "overshoots and its members fly apart; a bound on the score only hides it. The bridge of MASF "
    "starts at the data and stays stable.",
    reason="Euler's method is stable while step times curvature is below 2. The curvature of the "
    "likelihood is 1 / error²: 400 for an error of 0.05, so that hundreds of steps are needed.",
    choices=(Choice("r", "Error of the observation", (0.03, 0.05, 0.1, 0.3), 0.05),),
    draw=_few_steps,
)


# --- MASF -----------------------------------------------------------------------------------------


def _twice(settings: Settings) -> tuple[Chart, ...]:
    r, sampler = float(settings["r"]), settings["sampler"]
    method, system = make(f"masf:sampler={sampler}"), AutoRegression()
    found = cycle(method, system, r, 20, members=40, truths=50)
    best, k = steady_spread(system, r), np.arange(1, 21)
    exact = Curve("exact", EXACT, k, np.full(20, best))
    return tuple(
        Chart(title, "cycle", "error" if values is found.rmse else "standard deviation", (
            exact, Curve(f"MASF, {sampler}", FILTER, k, values[:, 0]),
        ))
        for title, values in (
            ("error of the mean", found.rmse), ("spread of the ensemble", found.spread),
        )
    )


TWICE = Exhibit(
    name="counted-twice",
    title="Counted twice",
    story="A number that decays and is stirred, observed at every cycle, for 50 truths. The error "
    "of the guided MASF, as published, is next to the best there is. Its spread is not: the "
    "ensemble believes itself two thirds as uncertain as it is.",
    reason="The data are the end of the path that is reversed: they are in the start of the "
    "sampler already, and the likelihood score adds them again. The gain is ln(1 + κ)/κ instead of "
    "1/(1 + κ), κ = r²/P, hardly another, and the variance a third of the right one for accurate "
    "data. Tables of errors do not show it; spread, CRPS and rank histograms do.",
    choices=(
        Choice("r", "Error of the observation", (0.1, 0.5, 1.0), 0.5),
        Choice("sampler", "Sampler", ("guided", "bridge"), "guided",
               {"guided": "guided, as published", "bridge": "bridge, ours"}),
    ),
    draw=_twice,
)


# --- EnFF -----------------------------------------------------------------------------------------


def _lambda(settings: Settings) -> tuple[Chart, ...]:
    r, coupling = float(settings["r"]), settings["coupling"]
    steps = 20
    weights = np.geomspace(0.02, 4.0, 8)
    limit = 2 * steps * r**2

    def gain(weight: float) -> float:
        if coupling == "f2p" and weight > 0.98 * limit:
            return np.nan
        method = make(f"enff:coupling={coupling},steps={steps},guidance={weight:.4f}")
        up, down = (moments(analyse(method, quantiles(200), r, y))[0] for y in (1.0, -1.0))
        return (up - down) / 2

    return (Chart(
        "gain on the observation of N(0, 1)", "guidance lambda", "gain", (
            Curve("exact", EXACT, weights, np.full(len(weights), kalman(1.0, r)[0])),
            Curve(f"EnFF, {coupling}", FILTER, weights, np.array([gain(w) for w in weights])),
        ), log_x=True, highest=1.6,
    ),)


LAMBDA = Exhibit(
    name="lambda",
    title="A gain called lambda",
    story="The gain of EnFF on an observation of a forecast N(0, 1), for values of its guidance. "
    "The right one is where the curve crosses the exact gain, another for each error.",
    reason="From the analysis before (f2p), each forecast moves by 1 - (1 - q/n)^n of the way to "
    "the data, q = lambda/r², whatever the spread, and beyond q = 2 n it is unstable, where the "
    "curve ends. From noise (ot) the theory asks for lambda = 1, whose gain is too large.",
    choices=(
        NOISE, Choice("coupling", "Paths", ("f2p", "ot"), "f2p",
                      {"f2p": "from the analysis before (f2p)", "ot": "from noise (ot)"}),
    ),
    draw=_lambda,
)


def _gaps(settings: Settings) -> tuple[Chart, ...]:
    text, cycles = str(settings["filter"]), 30
    system = AutoRegression(count=2, factor=1.0, noise=0.0)
    found = cycle(make(text), system, 0.5, cycles, members=40, truths=20, first=True)
    k = np.arange(1, cycles + 1)
    seen = (1 + k / 0.5**2) ** -0.5  # k observations of a number that stands still
    return tuple(
        Chart(title, "cycle", "standard deviation", (
            Curve("exact", EXACT, k, exact),
            Curve(FILTERS[text].partition(",")[0], FILTER, k, found.spread[:, i]),
        ), log_y=True)
        for i, (title, exact) in enumerate((
            ("spread of the number that is observed", seen),
            ("spread of the number that is not", np.ones(cycles)),
        ))
    )


FILTERS = {
    "etkf:members=40,inflation=1.1": "ETKF, inflation 1.1",
    "etkf:members=40,inflation=1.0": "ETKF, no inflation",
    "ensf:steps=100,score=paired": "EnSF, paired",
    "masf:members=40,steps=150": "MASF, bridge",
}

GAPS = Exhibit(
    name="gaps",
    title="Inflated where nothing is seen",
    story="Two numbers that stand still; the first is observed at every cycle, the second never. "
    "What is known of the second cannot change: its spread stays 1. With inflation it grows and "
    "grows, and the paired EnSF blurs it at every analysis.",
    reason="Inflation multiplies all anomalies at every analysis; only data hold them down. In "
    "gaps of the network they grow until the forecast model, if it is chaotic and bounded, stops "
    "them: relaxation to the spread of the forecast (rtps) does not have this fault. The paired "
    "EnSF adds a variance of epsilon_beta to every variable that it does not see.",
    choices=(Choice("filter", "Filter", tuple(FILTERS), next(iter(FILTERS)), FILTERS),),
    draw=_gaps,
)

EXHIBITS = {
    e.name: e
    for e in (
        HALVED, NUDGING, RETUNING, FEW_STEPS, TWICE, LAMBDA, BANDWIDTHS, INVERSION, GAPS, SHOCKS,
    )
}
"""Exhibits by name."""
