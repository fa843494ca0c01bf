"""Covariance of the error that a forecast model makes in one interval.

It is the second moment of the differences between true states one interval later and forecasts from
the same true states, averaged over the grid: a bias counts as error. What the truth takes that no
model knows of, process noise and shocks, is part of it.
"""

from __future__ import annotations

import torch

from ..priors.covariance import SpectralCovariance, estimate
from ..random import stream
from .nature import Truths

VALUES, LEAST = 40_000, 64
"""Numbers to estimate the covariance from, about, and states at least."""


def model_error_covariance(truths: Truths, seed: int) -> SpectralCovariance:
    """Covariance of one-interval errors, of one state, ``(1, lev, y, x)``, in normalised units.

    Args:
        truths: the truths, and the forecast model.
        seed: of the states that are compared.

    Raises:
        InputError: if the truths are recorded, so that none can be drawn.
    """
    model = truths.model
    count = max(LEAST, VALUES // torch.Size(model.shape).numel())
    nature = truths.simulated(count, torch.float64)
    with torch.no_grad():
        state = nature.start(stream(seed, "model error", "state"))
        after = nature.advance(state, 1, stream(seed, "model error", "truth"))
        error = nature.truth(after) - model.step(nature.truth(state))
    return SpectralCovariance(estimate(error[:, None]), (1, *model.shape))
