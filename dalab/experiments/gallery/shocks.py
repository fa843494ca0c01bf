"""The exhibit where EnSF wins: shocks of the truth that no filter is told of."""

from __future__ import annotations

import numpy as np
import xarray as xr

from ..config import Config
from ..lessons.scenario import Choice, Settings
from ..run import execute
from .exhibit import FILTER, OTHER, Chart, Curve, Exhibit

RING = Config(
    system="lorenz96-ensf:d=40,interval=0.01", interval=10, masks="full", noise=0.05,
    operators="arctan:slope=1.0,units=physical", start="normal", cycles=80, burn_in=0, members=1,
    device="cpu", seed=4,
    methods=("letkf:members=20,inflation=1.05,localisation=5",
             "ensf:members=20,steps=100,units=physical,bound=50"),
)
"""Lorenz-96 with 40 sites, arctan of all of them every ten time steps, for 80 analyses."""

KINDS = {"": "none", "0.005:1.0": "a large one", "0.005:0.5,0.01:0.2,0.02:0.05": "as published"}


def _shocks(settings: Settings) -> tuple[Chart, ...]:
    scores = execute(RING.replace(shocks=settings["shocks"]))["metrics"].to_dataset()
    errors = dict(zip(scores["method"].values, _by_cycle(scores, "rmse_analysis"), strict=True))
    k = scores["cycle"].values
    shocks = _by_cycle(scores, "shock")[0] if settings["shocks"] else np.zeros(len(k))
    return (
        Chart("error of the analysis", "cycle", "error (climate: 1)", (
            Curve("LETKF", OTHER, k, errors["letkf"]),
            Curve("EnSF, paired", FILTER, k, errors["ensf"]),
        ), log_y=True),
        Chart("shocks of the truth", "cycle", "size, share of the state", (
            Curve("shocks", OTHER, k, shocks),
        )),
    )


def _by_cycle(scores: xr.Dataset, name: str) -> np.ndarray:
    """Scores of every cycle of the first truth, ``(methods, cycles)``."""
    found = scores[f"{name}_cycles"].isel(repeat=0).values
    return np.atleast_2d(found)


SHOCKS = Exhibit(
    name="shocks",
    title="Where EnSF wins: shocks",
    story="Lorenz-96 with 40 sites, of which arctan is observed. Undisturbed, the tuned LETKF is "
    "the better filter. Then the truth takes jumps that no filter is told of. Where they are "
    "large, the LETKF may lose the truth for good; EnSF comes back within a few analyses.",
    reason="An ensemble that has converged has a small spread, and a Kalman filter with a small "
    "spread hardly listens. The paired EnSF has no such memory: its gain does not depend on the "
    "spread, which is its fault in calm times and its strength after a shock.",
    choices=(Choice("shocks", "Shocks", tuple(KINDS), "0.005:1.0", KINDS),),
    draw=_shocks,
)
