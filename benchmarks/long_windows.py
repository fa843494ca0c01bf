"""Windows of thirty days from priors of nine: errors of the denoiser, and of a posterior by day.

First denoises two windows of two-layer flow with several compositions of overlapping windows; the
errors of the shipped one are beside what it promises. Then samples a window, arctan of a quarter of
the cells every day without a background, and prints its errors day by day, beside those of the
window of nine days with which it begins.

    python benchmarks/long_windows.py [--days 30] [--members 4] [--prior auto] [--seed 0]
"""

from __future__ import annotations

import argparse

import pandas as pd
import torch
from torch import Tensor

from dalab.experiments.config import Config
from dalab.experiments.run import execute
from dalab.experiments.truth import draw_truth
from dalab.priors.denoisers.composed import ComposedPrior
from dalab.priors.loading import load_prior
from dalab.random import stream
from dalab.systems import SYSTEMS

LEVELS = (0.05, 0.2, 0.5, 1.0, 3.0, 10.0)


def rms(error: Tensor) -> float:
    return float(error.square().mean().sqrt())


def take_middles(prior: ComposedPrior, x: Tensor, sigma: float) -> Tensor:
    """The published composition: a window at every state, each state from the middle of one."""
    length = prior.base.window[0]
    windows = x.unfold(1, length, 1).movedim(-1, 2)
    found = prior.base.denoise(windows.flatten(0, 1), sigma).view_as(windows)
    k = length // 2
    return torch.cat([found[:, 0, :k], found[:, :, k], found[:, -1, k + 1 :]], 1)


def denoise(name: str, days: int) -> pd.DataFrame:
    """Errors of denoised windows for several noise levels and compositions."""
    system = SYSTEMS["qg64"]()
    base = load_prior(name, system)
    truth = torch.stack([draw_truth("model", system, days, seed) for seed in (100, 101)])
    every, fourth, rows = ComposedPrior(base, days, 1), ComposedPrior(base, days), {}
    for sigma in LEVELS:
        x = truth + sigma * torch.randn(truth.shape, generator=stream(sigma))
        short = x[:, : base.window[0]]
        rows[sigma] = {
            "nine days": rms(base.denoise(short, sigma) - truth[:, : base.window[0]]),
            "middles": rms(take_middles(fourth, x, sigma) - truth),
            "weighted": rms(every.compose(base.denoise, x, sigma) - truth),
            "every fourth": rms(fourth.compose(base.denoise, x, sigma) - truth),
            "with the Gaussian": rms(fourth.denoise(x, sigma) - truth),
            "promised": float(fourth.error_covariance(sigma).variance().mean().sqrt()),
        }
    return pd.DataFrame(rows).T.rename_axis("noise")


def sample(name: str, days: int, members: int, seed: int) -> pd.DataFrame:
    """Errors of a posterior by day."""
    config = Config(prior=name, window=days, methods="spectral", members=members, seed=seed)
    runs = {days: execute(config), 9: execute(config.replace(window=9))}
    for length, run in runs.items():
        print(f"{length} days: {float(run['metrics/seconds'][0]):.0f} s")
    columns = {
        f"{kind}, {length} days": pd.Series(run[f"metrics/{score}"].values[0])
        for length, run in runs.items()
        for kind, score in {
            "mean": "rmse_steps", "one sample": "rmse_sample_steps", "spread": "spread_steps",
        }.items()
    }
    return pd.DataFrame(columns).rename_axis("day")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--members", type=int, default=4)
    parser.add_argument("--prior", default="auto")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with torch.no_grad():
        print(denoise(given.prior, given.days).round(4).to_string(), flush=True)
    found = sample(given.prior, given.days, given.members, given.seed)
    print(found.round(3).to_string(), found.mean().round(3).to_string(), sep="\n\n")
