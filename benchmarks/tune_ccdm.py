"""Grid search of the bandwidths of CCDM, as in its paper per problem, on truths of their own.

    python benchmarks/tune_ccdm.py [lorenz63-z ...] [--weights simulated known] [--members 250]

Prints the score of every pair of bandwidths, in the units of the equations without whitening, over
20 truths (seed 100), the best one, and what it has on the truths of the table (seed 0), which the
search has not seen. All draws are direct ones, whose law is that of the diffusion. The
settings are those of `dalab table ccdm`; where the data do not tell a sign, so that means are of
both, the score is the CRPS (normalised) instead of the RMSE.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from itertools import product

import torch

from dalab import Config, execute
from dalab.experiments.tables.rows import published_rows

H_MIN = {"random-walk": (0.02, 0.05, 0.1, 0.2), "lorenz63-fast": (0.1, 0.2, 0.4, 1.0, 2.0)}
H_Y = {"random-walk": (0.02, 0.05, 0.1, 0.2), "lorenz63-fast": (1.0, 2.0, 4.0, 8.0)}
"""Bandwidths of two settings; those of all others follow."""

SIGNLESS = ("random-walk", "lorenz63-z", "lorenz63-fast")
"""Settings whose observations are the same for two states."""

STATES, DATA = (0.1, 0.3, 0.5, 1.0, 2.0), (0.5, 1.0, 2.0, 4.0)


def settings() -> dict[str, Config]:
    """Experiments of the table, by setting."""
    return {row.setting: row.config.replace(reference="") for row in published_rows("ccdm")}


def score(config: Config, text: str, name: str) -> float:
    """Score of a filter, named."""
    metrics = execute(config.replace(methods=(text,)))["metrics"].to_dataset().isel(method=0)
    if str(metrics["status"].values).startswith("failed"):
        return math.inf
    return float(metrics[name])


def text_of(weights: str, members: int, h_min: float, h_y: float | None) -> str:
    """Registry text of the filter with direct draws."""
    y = "" if h_y is None else f",h_y={h_y:g}"
    known = ",weights=known" if weights == "known" else ""
    options = f"members={members},sampler=direct,units=physical,whiten=False{known}"
    return f"ccdm:{options},h_min={h_min:g}{y}"


def tune(name: str, weights: str, members: int) -> None:
    """Search the grid of one setting, and print what was found."""
    config = settings()[name]
    kind = "crps" if name in SIGNLESS else "rmse_units"
    search = config.replace(seed=100, repeats=20)
    data: Sequence[float | None] = H_Y.get(name, DATA) if weights == "simulated" else (None,)
    found = {}
    for h_min, h_y in product(H_MIN.get(name, STATES), data):
        text = text_of(weights, members, h_min, h_y)
        found[text] = score(search, text, kind)
        print(f"    {found[text]:.4f}  {text}", flush=True)
    best = min(found, key=lambda text: found[text])
    print(f"{name}, {weights}: {kind} {score(config, best, kind):.4f} by {best}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("settings", nargs="*", default=list(settings()))
    parser.add_argument("--weights", nargs="+", default=["simulated", "known"])
    parser.add_argument("--members", type=int, default=250)
    given = parser.parse_args()
    torch.set_num_threads(1)
    for name, weights in product(given.settings, given.weights):
        tune(name, weights, given.members)
