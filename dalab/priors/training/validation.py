"""Denoising errors of a prior on held-out windows."""

from __future__ import annotations

import torch
from torch import Tensor

from ..denoisers.residual import ResidualPrior

LEVELS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
"""Noise levels of the validation table."""

BACKGROUND = 0.1
"""Standard deviation of the background's error in that table."""


@torch.no_grad()
def validation_table(
    prior: ResidualPrior, windows: Tensor, seed: int = 0, batch: int = 8
) -> list[dict[str, float]]:
    """Root-mean-square denoising error of the Gaussian, of the start, and of the trained prior.

    Args:
        prior: the prior to test.
        windows: held out, ``(count, time, lev, y, x)``.
        seed: of the noise.
        batch: windows per pass.

    Returns:
        One row per noise level: ``sigma``, ``gaussian``, ``start``, ``trained``, and ``ratio``,
        trained over Gaussian; with a part for backgrounds also ``background_conditional``, its
        error given one of :data:`BACKGROUND`.
    """
    noise = torch.randn(windows.shape, generator=torch.Generator().manual_seed(seed)).to(windows)
    rows = [_row(prior, windows, noise, sigma, batch) for sigma in LEVELS]
    if prior.background_conditional is not None:
        for row in rows:
            error = _conditional_error(prior, windows, noise, noise.roll(1, 0)[:, 0], row["sigma"])
            row["background_conditional"] = error
    return rows


def _row(
    prior: ResidualPrior, windows: Tensor, noise: Tensor, sigma: float, batch: int
) -> dict[str, float]:
    squares = torch.zeros(3, dtype=torch.float64)
    for clean, normal in zip(windows.split(batch), noise.split(batch), strict=True):
        noisy, levels = clean + sigma * normal, clean.new_full((len(clean),), sigma)
        answers = (
            prior.gaussian.denoise(noisy, sigma),
            prior.features(noisy, levels)[0],
            prior.estimate(noisy, levels),
        )
        squares += torch.stack([(a - clean).double().square().sum().cpu() for a in answers])
    gaussian, start, trained = (squares / windows.numel()).sqrt().tolist()
    return {
        "sigma": sigma, "gaussian": gaussian, "start": start, "trained": trained,
        "ratio": trained / gaussian,
    }


def _conditional_error(
    prior: ResidualPrior, windows: Tensor, noise: Tensor, first: Tensor, sigma: float
) -> float:
    """Denoising error with a background per window, made with the noise ``first``."""
    squares = 0.0
    for clean, normal, error in zip(windows, noise, first, strict=True):
        given = prior.conditioned_on(clean[0] + BACKGROUND * error, BACKGROUND)
        assert given is not None
        squares += float((given.denoise(clean + sigma * normal, sigma) - clean).square().mean())
    return (squares / len(windows)) ** 0.5
