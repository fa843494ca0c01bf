"""Priors: distributions of windows before any observation."""

from .base import Prior
from .covariance import SpectralCovariance
from .denoisers.foreign import DenoiserPrior
from .denoisers.matching import VelocityField
from .files.bundled import WEIGHTS
from .gaussian import GaussianPrior
from .loading import PRIORS, load_prior

__all__ = [
    "PRIORS", "WEIGHTS", "DenoiserPrior", "GaussianPrior", "Prior", "SpectralCovariance",
    "VelocityField", "load_prior",
]
