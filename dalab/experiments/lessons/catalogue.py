"""Scenarios of the lab, in order of difficulty."""

from __future__ import annotations

from functools import partial

from ..config import Config
from ..exact import gaussian, weighted
from .scenario import (
    Choice,
    Measure,
    Scenario,
    Settings,
    error,
    price,
    readings,
    spread_skill,
    worst_error,
)

WAVES = Config(system="ring", operators=("identity",), noise=0.3, members=40, seed=0)
"""Linear waves on a ring, whose posterior is known exactly."""


def calibration_measure(low: float, high: float) -> Measure:
    """Require a calibrated ensemble: spread/skill within bounds."""
    return Measure(label="spread / skill", of=spread_skill, low=low, high=high)


def accuracy_measure(high: float) -> Measure:
    """Require an accurate ensemble mean."""
    return Measure(label="error of the mean", of=error, high=high)


def _assumed_noise(settings: Settings) -> Config:
    return WAVES.replace(
        masks="stride:4", noise=0.5, assumed_noise=float(settings["assumed"]), methods="rts"
    )


ASSUMED_NOISE = Scenario(
    name="assumed-noise",
    title="The instrument that lied",
    story="Ten buoys on a ring report the height of passing waves. Their maker promises an error "
    "of 0.05, and the smoother believes it. Its members agree wonderfully with each other. The "
    "waves look ragged all the same.",
    goal="Find out how noisy the buoys are: error of the mean at most 0.3, and a spread/skill "
    "between 0.85 and 1.15.",
    choices=(
        Choice("assumed", "Assumed noise", (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0), 0.05),
    ),
    config=_assumed_noise,
    measures=(accuracy_measure(0.3), calibration_measure(0.85, 1.15)),
    stars=(0.29, 0.28),
    hint="A spread far below the error means that the data are trusted too much. Try a larger "
    "noise until spread and error meet.",
    explanation="The gain of every Kalman filter is a ratio of variances. With the noise assumed "
    "ten times too small, the analysis follows the noise of the data (the error grows) and "
    "believes itself ten times too much (the spread shrinks). Assumed too large, it wastes the "
    "data. Spread against skill shows which of the two it is, and in practice the misfits to the "
    "data do, since they need no truth.",
    solution={"assumed": 0.5},
    exact=gaussian,
)


def _localisation(settings: Settings) -> Config:
    radius, inflation = settings["radius"], settings["inflation"]
    return WAVES.replace(
        masks="stride:5",
        methods=f"letkf:members=10,localisation={radius},inflation={inflation}",
    )


LOCALISATION = Scenario(
    name="localisation",
    title="Blinkers",
    story="Ten members, forty sites, a buoy at every fifth site. To keep accidental correlations "
    "out, somebody has told the ensemble filter to use a buoy within half a site only. Between "
    "the buoys it is blind.",
    goal="Error of the mean at most 0.4 with an honest ensemble: spread/skill of at least 0.7.",
    choices=(
        Choice("radius", "Localisation (sites)", (0.5, 1, 2, 3, 5, 8, 20), 0.5),
        Choice("inflation", "Inflation", (1.0, 1.05, 1.2, 1.5), 1.05),
    ),
    config=_localisation,
    measures=(accuracy_measure(0.4), calibration_measure(0.7, 1.4)),
    stars=(0.38, 0.365),
    hint="Buoys are five sites apart, so that a point may be two and a half sites from the next. "
    "Very large radii bring the accidental correlations back: watch the spread.",
    explanation="Localisation is a bargain. Too tight, and what the waves have in common over "
    "several sites is thrown away; too wide, and ten members cannot tell real correlations from "
    "chance, so that the filter becomes sure of itself for no reason. The right radius grows with "
    "the ensemble and with the size of the waves.",
    solution={"radius": 3, "inflation": 1.05},
    exact=gaussian,
)


def _stroboscope(settings: Settings) -> Config:
    return WAVES.replace(
        masks=settings["mask"], interval=int(settings["interval"]), noise=0.1, methods="rts"
    )


STROBOSCOPE = Scenario(
    name="aliasing",
    title="The stroboscope",
    story="Waves travel some two and a half sites per step. Five buoys stand eight sites apart "
    "and report every third step, in which time a wave runs just about from one buoy to the next: "
    "the buoys see the same piece of every wave again and again, as a stroboscope freezes a wheel.",
    goal="Error of the mean at most 0.2 with at most 25 readings. The method is the exact "
    "smoother: only the network can be improved.",
    choices=(
        Choice("mask", "Buoys", ("stride:4", "stride:5", "stride:8", "stride:10", "random:0.2"),
               "stride:8", {"stride:4": "10, every 4 sites", "stride:5": "8, every 5 sites",
                            "stride:8": "5, every 8 sites", "stride:10": "4, every 10 sites",
                            "random:0.2": "8, scattered"}),
        Choice("interval", "Steps between reports", (1, 2, 3, 4, 8), 3),
    ),
    config=_stroboscope,
    measures=(accuracy_measure(0.2), Measure(label="readings", of=readings, high=25)),
    stars=(0.16, 0.13),
    hint="Either change the beat, so that the waves have moved by a fraction of the spacing when "
    "the buoys look again, or scatter the buoys, so that no beat fits all of them.",
    explanation="A regular network in space and time has blind spots: patterns that look alike at "
    "all its readings. Here the blind pattern moves with the waves, since 3 steps times 2.55 "
    "sites is nearly the spacing of 8. Scattered buoys have no such favourite; so do steps that "
    "do not fit.",
    solution={"mask": "stride:8", "interval": 2},
    exact=gaussian,
)


def _guidance(settings: Settings) -> Config:
    gamma, corrections = settings["gamma"], settings["corrections"]
    method = f"sda:schedule=power,tau=0.25,gamma={gamma},corrections={corrections}"
    return WAVES.replace(masks="stride:4", methods=method, steps=32, members=16)


GUIDANCE = Scenario(
    name="guidance",
    title="Guidance with a heavy hand",
    story="A diffusion model turns noise into waves, and the data pull it towards what was seen. "
    "SDA pulls with the strength 1 / (noise² + γ s²) at noise level s. Somebody has set γ = 0, "
    "the likelihood as if the denoised guess were certain.",
    goal="Error of the mean at most 0.25 and an honest ensemble: spread/skill between 0.75 and "
    "1.25.",
    choices=(
        Choice("gamma", "γ: doubt about the guess", (0.0, 0.001, 0.01, 0.1, 1.0, 10.0), 0.0),
        Choice("corrections", "Corrections per level", (0, 1, 4), 0),
    ),
    config=_guidance,
    measures=(accuracy_measure(0.25), calibration_measure(0.75, 1.25)),
    stars=(0.21, 0.195),
    hint="Early in the diffusion the guess is poor and deserves doubt: raise γ. Too much doubt, "
    "and the data are ignored. Langevin corrections repair some of what is left.",
    explanation="The true likelihood of a noisy window includes the error of its denoised "
    "version. Without it the pull is far too strong while the noise is large: the window "
    "overshoots and diverges, or all members collapse onto one. Here γ = 0.1 is about right; "
    "spectral guidance knows the covariance of that error and needs no γ.",
    solution={"gamma": 0.1, "corrections": 1},
    exact=gaussian,
)


def _particles(settings: Settings) -> Config:
    method, ensemble = settings["method"], settings["ensemble"]
    return Config(
        system="lorenz96-ensf-lr", operators=("identity",), masks=("full",), noise=0.3,
        methods=(f"{method}:members={ensemble}",), members=2, seed=0,
    )


PARTICLES = Scenario(
    name="collapse",
    title="The last particle",
    story="The particle filter makes no assumption about shapes of distributions. On forty "
    "chaotic variables, all of them observed, it ends with a single particle that has all the "
    "weight. Its copies are certain, and wrong.",
    goal="Error of the mean at most 0.25 and a spread/skill of at least 0.7.",
    choices=(
        Choice("method", "Method", ("pf", "etkf", "letkf"), "pf",
               {"pf": "particle filter", "etkf": "ensemble Kalman filter, global",
                "letkf": "ensemble Kalman filter, local"}),
        Choice("ensemble", "Members", (20, 50, 200, 500), 50),
    ),
    config=_particles,
    measures=(accuracy_measure(0.25), calibration_measure(0.7, 1.4)),
    stars=(0.22, 0.195),
    hint="Give the particle filter more members first, and see how little it helps. Then change "
    "what is assumed.",
    explanation="A particle must fit all forty readings at once. The number needed grows "
    "exponentially with the number of independent readings; here millions would not do. The "
    "ensemble Kalman filter assumes near-Gaussian shapes and needs about as many members as the "
    "flow has growing directions; with localisation twenty are plenty.",
    solution={"method": "letkf", "ensemble": 50},
)


def _chaos(settings: Settings) -> Config:
    return Config(
        system="lorenz63", operators=("identity",), masks=("full",),
        noise=float(settings["noise"]), interval=int(settings["interval"]),
        methods=("etkf:members=40,inflation=1.02",), members=40, seed=2,
    )


CHAOS = Scenario(
    name="chaos",
    title="Errors that double",
    story="Lorenz-63 for two units of time. The budget has gone into one marvellous instrument, "
    "five hundredths of the climate's spread, that looks at the beginning and at the end. In "
    "between, errors double and double again.",
    goal="Error of the mean at most 0.3 on the worst step, for at most 45 units of money. A look "
    "costs 1 / noise.",
    choices=(
        Choice("interval", "Steps between looks", (1, 2, 4, 8), 8),
        Choice("noise", "Noise of the instrument", (0.05, 0.1, 0.2, 0.4, 0.8), 0.05),
    ),
    config=_chaos,
    measures=(
        Measure(label="worst error", of=worst_error, high=0.3),
        Measure(label="price", of=price, high=45.0),
    ),
    stars=(0.295, 0.2),
    hint="A look every step with an instrument four times worse costs about the same.",
    explanation="Chaos multiplies an error by a constant factor per unit of time, so that "
    "accuracy buys time only by its logarithm: an instrument twice as good, one doubling time "
    "more. Looking often buys it linearly. This is why weather services launch many cheap "
    "balloons.",
    solution={"interval": 1, "noise": 0.2},
    exact=partial(weighted, count=200_000),
)

SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for scenario in (ASSUMED_NOISE, LOCALISATION, STROBOSCOPE, GUIDANCE, PARTICLES, CHAOS)
}
