"""Small worlds that many tests share."""

from __future__ import annotations

import pytest
import torch

from dalab.priors import GaussianPrior
from dalab.priors.covariance import estimate
from dalab.systems import QGSystem, TwoLayerQG


@pytest.fixture(scope="session")
def tiny_system() -> QGSystem:
    """Two-layer flow on 8 x 8 cells."""
    return QGSystem(name="tiny", model=TwoLayerQG(nx=8, dt=7200.0), std=(8e-6, 1e-6))


@pytest.fixture(scope="session")
def tiny_prior() -> GaussianPrior:
    """A smooth, correlated, homogeneous Gaussian over windows of 3 steps, float64."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(400, 3, 2, 8, 8, generator=generator, dtype=torch.float64)
    smooth = noise + torch.roll(noise, 1, -1) + 0.7 * torch.roll(noise, 1, -2)
    smooth = smooth + 0.8 * torch.roll(smooth, (1, 1), (-4, -1)) + 0.5 * smooth.flip(-3)
    windows = smooth / smooth.std()
    return GaussianPrior(estimate(windows, mirror=True), (3, 2, 8, 8))
