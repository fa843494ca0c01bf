"""What is known before looking."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from ..errors import InputError
from ..registry import lookup
from ..systems.base import System
from .base import Prior
from .checkpoint import load_gaussian
from .gaussian import GaussianPrior
from .spectral import SpectralCovariance

__all__ = ["PRIORS", "WEIGHTS", "GaussianPrior", "Prior", "SpectralCovariance", "load_prior"]

WEIGHTS = Path(__file__).parent / "weights"


def gaussian(system: System) -> Prior:
    """Analytic space-time Gaussian with the climatological covariance: zero training."""
    path = WEIGHTS / f"{system.name}-gaussian.safetensors"
    if not path.exists():
        raise InputError(
            "prior gaussian",
            system.name,
            "ships for no such system",
            f"Make it with: dalab climatology {system.name}",
        )
    return load_gaussian(path, "gaussian")


PRIORS: dict[str, Callable[[System], Prior]] = {"gaussian": gaussian}


@lru_cache(maxsize=4)
def load_prior(name: str, system: System) -> Prior:
    """The prior called ``name`` for a system; loaded once and shared, never modified.

    Raises:
        InputError: for an unknown name, or if none ships for the system.
    """
    return lookup("prior", name, PRIORS)(system).eval().requires_grad_(False)
