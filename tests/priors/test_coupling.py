"""The last coupling between frames: nothing at first, never worse on what it was fitted to."""

from __future__ import annotations

import torch

from dalab.priors.denoisers.coupling import FrameCoupling
from tests.rolling import SITES, TIME, propagate, windows

LEVELS = (0.1, 1.0)


def noised(clean: torch.Tensor, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return clean + torch.randn(clean.shape, generator=generator, dtype=clean.dtype)


def test_it_changes_nothing_until_it_is_fitted():
    x = windows(3, 0)
    coupling = FrameCoupling((TIME, 1, 1, SITES), propagate, LEVELS).double()
    levels = torch.tensor([0.1, 0.5, 7.0], dtype=torch.float64)
    torch.testing.assert_close(coupling(noised(x, 1), levels, x), x)


def test_frames_whose_errors_are_independent_share_what_they_know():
    clean, test = windows(4000, 0), windows(2000, 2)
    coupling = FrameCoupling((TIME, 1, 1, SITES), propagate, LEVELS).double()
    noisy = noised(clean, 1)
    coupling.fit_level(1, noisy, clean, noisy / 2)  # each frame denoised alone, the best it can be
    seen = noised(test, 3)
    found = coupling(seen, torch.ones(len(test), dtype=torch.float64), seen / 2)
    # two rounds bring every frame three or four sightings and its own: 1/4 and 1/5 are the best
    variance = (found - test).square().mean((0, 2, 3, 4))
    expected = torch.tensor([1 / 4, 1 / 5, 1 / 5, 1 / 4], dtype=torch.float64)
    torch.testing.assert_close(variance, expected, rtol=0.03, atol=0)
