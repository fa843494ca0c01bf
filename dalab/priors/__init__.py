"""What is known before looking."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from ..errors import InputError
from ..registry import build, lookup
from ..systems.base import Climate, System
from .base import Prior
from .blend import BlendedPrior, Trained
from .climatology import estimated
from .gaussian import GaussianPrior
from .header import summary
from .residual import ResidualPrior
from .shipped import SUFFIX, WEIGHTS, trained_names, trained_path
from .spectral import SpectralCovariance
from .trained import load_trained, shipped_gaussian

__all__ = ["PRIORS", "WEIGHTS", "GaussianPrior", "Prior", "SpectralCovariance", "load_prior"]

def gaussian(system: System) -> Prior:
    """Analytic space-time Gaussian with the climatological covariance: zero training.

    Of a system that can draw its climate it is estimated here and now, in a few seconds.
    """
    if isinstance(system, Climate):
        return estimated(system)
    prior = shipped_gaussian(system)
    if prior is None:
        raise InputError(
            "prior gaussian",
            system.name,
            "ships for no such system",
            f"Make it with: dalab climatology {system.name}",
        )
    return prior


def auto(system: System) -> Prior:
    """The trained prior that ships for the system, the Gaussian one if there is none."""
    return load_prior(system.name if system.name in trained_names() else "gaussian", system)


@dataclass(frozen=True)
class Shipped:
    """A trained prior that ships.

    Args:
        name: of its file.
    """

    name: str

    def __call__(self, system: System) -> Prior:
        return load_trained(trained_path(self.name), system)

    def summary(self) -> str:
        """One line about it, from the header of its file."""
        return summary(self.name)


PRIORS: dict[str, Callable[[System], Prior]] = {
    "auto": auto,
    **{name: Shipped(name) for name in trained_names()},
    "gaussian": gaussian,
}


@lru_cache(maxsize=8)
def load_prior(text: str, system: System) -> Prior:
    """The prior that ``text`` names for a system; loaded once and shared, never modified.

    Args:
        text: a name of ``PRIORS``, or the file of a trained prior; ``NAME:blend=0.5`` is halfway
            between the Gaussian prior and a trained one.
        system: whose windows are wanted.

    Raises:
        InputError: for an unknown name, an option that the prior does not have, or if none ships
            for the system.
    """
    name, _, options = text.partition(":")
    if options:
        blend = build("prior", text, {name: Trained}).blend
        return _blended(name, load_prior(name, system), blend)
    if name.endswith(SUFFIX):
        prior = load_trained(trained_path(name), system)
    else:
        prior = lookup("prior", name, PRIORS)(system)
    return prior.eval().requires_grad_(False)


def _blended(name: str, prior: Prior, blend: float) -> Prior:
    if not isinstance(prior, ResidualPrior):
        raise InputError(
            "prior", name, "must be a trained one to be blended", "Leave out the blend."
        )
    return BlendedPrior(prior, blend).eval()
