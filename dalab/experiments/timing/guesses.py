r"""Guesses of run times, for methods that have not been measured on this machine.

A method works in calls, one for every step of a window or cycle that a filter goes through, one for
every window otherwise. A call takes

.. math:: t = n \, (a + b \, N) ,

where n is its effort (:attr:`dalab.methods.base.Method.effort`), N the numbers in the states of all
members, a the time of starting its operations, and b that of a number.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ...methods import METHODS, Filter, Method
from ..experiment import Experiment


class Price(NamedTuple):
    """Run time of one call at effort 1.

    Attributes:
        call: time of starting its operations [s].
        million: time of a million numbers [s].
    """

    call: float
    million: float


PRICES = {
    "spectral": Price(0.003, 1.7),
    "sda": Price(0.002, 1.0),
    "sda-released": Price(0.001, 0.6),
    "dps": Price(0.001, 1.5),
    "dmps": Price(0.01, 0.9),
    "pgdm": Price(0.01, 1.5),
    "mmps": Price(0.002, 2.3),
    "soad": Price(0.004, 1.1),
    "soad-repaired": Price(0.002, 0.9),
    "letkf": Price(0.003, 1.0),
    "etkf": Price(0.001, 0.3),
    "enkf": Price(0.002, 0.8),
    "enkf-simulated": Price(0.001, 0.3),
    "denkf": Price(0.002, 0.8),
    "enkf-n": Price(0.001, 0.3),
    "enks": Price(0.003, 1.2),
    "ienks": Price(0.003, 0.9),
    "lnetf": Price(0.003, 1.0),
    "la": Price(0.001, 0.3),
    "ensf": Price(0.0003, 0.06),
    "enff": Price(0.0005, 0.1),
    "masf": Price(0.0006, 0.03),
    "sf": Price(0.0006, 0.02),
    "ssls": Price(0.0006, 0.02),
    "ccdm": Price(0.0005, 2.0),
    "daisi": Price(0.001, 0.5),
    "latent-ensf": Price(0.0003, 0.06),
    "omega": Price(0.03, 100.0),
    "oi": Price(0.005, 1.2),
    "var3d": Price(0.003, 0.13),
    "var4d": Price(0.015, 0.5),
    "var4d-lagged": Price(0.002, 0.45),
    "kf": Price(0.001, 3.0),
    "rts": Price(0.002, 6.0),
    "pf": Price(0.002, 0.4),
    "rbpf": Price(0.03, 100.0),
    "pff": Price(0.0006, 0.07),
    "climatology": Price(0.0005, 0.05),
    "persistence": Price(0.0005, 0.1),
}
"""Of dalab's methods, measured on one core with Lorenz-96 and two-layer flow on 64 x 64 cells."""

FAMILIES = {
    "Diffusion": Price(0.002, 1.0),
    "Ensemble filters": Price(0.002, 0.8),
    "Score and flow filters": Price(0.0005, 0.1),
    "Variational": Price(0.003, 0.5),
    "Exact and particles": Price(0.002, 0.4),
    "Reference forecasts": Price(0.0005, 0.1),
}
"""Of methods of other packages that name one of dalab's families."""

OTHER = Price(0.01, 1.0)
"""Of any other method."""

RECORDING = 0.003
"""Time of making and scoring a cycle [s]."""


TRANSPORT = 0.15
"""Time of the distances of one analysis from the reference posterior [s]."""


def guess(experiment: Experiment, label: str) -> float:
    """Guess the run time of a method of an experiment [s]."""
    method, schedule = experiment.methods[label], experiment.schedule
    state = math.prod(experiment.system.shape)
    members, window = method.size(experiment.members), experiment.window
    steps = 1 if isinstance(method, Filter) else window  # in the states of a call
    calls = window // steps
    if schedule is not None:
        calls = schedule.cycles * experiment.repeats
    price = price_of(method)
    seconds = calls * method.effort * (price.call + price.million * members * steps * state / 1e6)
    if schedule is None:
        return max(seconds, 1e-3)
    compared = experiment.reference_label not in ("", label)
    each = RECORDING + TRANSPORT * experiment.repeats * compared
    return max(seconds, 1e-3) + each * schedule.cycles


def price_of(method: Method) -> Price:
    """Price of a method, of its family, or of any."""
    return PRICES.get(METHODS.name_of(method) or "", FAMILIES.get(method.family, OTHER))
