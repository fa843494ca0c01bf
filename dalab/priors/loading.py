"""Priors by name: the registry, and loaders that share what they have loaded."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch

from ..errors import InputError
from ..options import build
from ..registry import Registry
from ..systems.base import System
from .base import Prior
from .denoisers.augmented import AugmentedPrior, Channels, gaussian_augmented, make_operators
from .denoisers.blend import BlendedPrior, Trained
from .denoisers.residual import ResidualPrior
from .files.bundled import (
    STATE,
    SUFFIX,
    augmented_path,
    state_names,
    trained_names,
    trained_path,
)
from .files.header import summary
from .files.trained import bundled_gaussian, has_gaussian, load_trained
from .gaussian import GaussianPrior, marginal
from .training.climatology import check_estimate, estimate_gaussian


@lru_cache(maxsize=8)
def load_augmented(text: str, system: System, operators: tuple[str, ...]) -> AugmentedPrior:
    """Load the augmented prior beside a prior of the state; loaded once, shared, never modified.

    Beside ``gaussian`` it is the Gaussian pushed through the operators, beside ``NAME`` the trained
    one in ``NAME-augmented.safetensors``, which may have more operators than it is asked for.

    Args:
        text: the prior of the state.
        system: the system of the states.
        operators: registry texts of the operators it must have.

    Raises:
        InputError: if none is bundled for the system, or it lacks one of the operators.
    """
    wanted = Channels.of(system, operators).operators
    found = _load(text.partition(":")[0], system, tuple(t for t in wanted if t != "identity"))
    for operator in wanted:
        found.channels.part(operator)
    return found.eval().requires_grad_(False)


def augmented_is_computed(text: str, system: System) -> bool:
    """True if the augmented prior beside a prior of the state is not read, but computed."""
    name = text.partition(":")[0]
    return name in ("auto", "gaussian") and not os.path.isfile(_augmented_path(name, system))


def _augmented_path(name: str, system: System) -> Path:
    return augmented_path(system.name if name == "auto" else name)


def _load(name: str, system: System, operators: tuple[str, ...]) -> AugmentedPrior:
    path = _augmented_path(name, system)
    if os.path.isfile(path):
        return load_trained(path, system)
    if name in ("auto", "gaussian"):
        prior = load_prior("gaussian", system)
        return gaussian_augmented(prior, make_operators(system, operators)).to(torch.float32)
    raise InputError(
        "augmented prior", name, f"is not bundled for {system.name}",
        "Use prior gaussian, or a method that needs no augmented prior.",
    )


def gaussian(system: System) -> Prior:
    """Analytic space-time Gaussian with the climatological covariance: zero training.

    It is estimated from draws of the climate in a few seconds, unless these are not independent and
    a file is bundled. Two-layer flow with other parameters than those of the file takes 20 s on
    64 x 64 cells.
    """
    bundled = None if system.independent_climate else bundled_gaussian(system)
    return estimate_gaussian(system) if bundled is None else bundled


def is_estimated(text: str, system: System) -> bool:
    """True if a text names the Gaussian prior of a climate from which it is estimated first."""
    if text == "auto":
        text = system.name if system.name in trained_names() else "gaussian"
    return text == "gaussian" and (system.independent_climate or not has_gaussian(system))


def auto(system: System) -> Prior:
    """Bundled trained prior of the system; the Gaussian one if there is none.

    A system with other parameters than those of a trained prior has none: the network, its tables
    and the forecast in it are about another flow.
    """
    return load_prior(system.name if system.name in trained_names() else "gaussian", system)


@dataclass(frozen=True)
class Bundled:
    """A trained prior of the package.

    Args:
        name: name of its file.
    """

    name: str

    def __call__(self, system: System) -> Prior:
        return load_trained(trained_path(self.name), system)

    def summary(self) -> str:
        """One line about the prior, from the header of its file."""
        return summary(self.name)


PRIORS = Registry("prior", "priors", Prior, {
    "auto": auto,
    **{name: Bundled(name) for name in trained_names() + state_names()},
    "gaussian": gaussian,
})


@lru_cache(maxsize=8)
def load_prior(text: str, system: System) -> Prior:
    """Load the prior that ``text`` names for a system; loaded once and shared, never modified.

    Args:
        text: a name of ``PRIORS``, or the file of a trained prior; ``NAME:blend=0.5`` is halfway
            between the Gaussian prior and a trained one.
        system: the system of the windows.

    Raises:
        InputError: for an unknown name, an option that the prior does not have, or a prior that
            is not about the system.
    """
    name, _, options = text.partition(":")
    if options:
        blend = build("prior", text, {name: Trained}).blend
        return _blend(name, load_prior(name, system), blend)
    if name.endswith(SUFFIX):
        prior = load_trained(trained_path(name), system)
    else:
        prior = PRIORS.make(name, system)
    return prior.eval().requires_grad_(False)


def _blend(name: str, prior: Prior, blend: float) -> Prior:
    if not isinstance(prior, ResidualPrior):
        raise InputError(
            "prior", name, "must be a trained one to be blended", "Leave out the blend."
        )
    return BlendedPrior(prior, blend).eval()


@lru_cache(maxsize=8)
def load_state_prior(text: str, system: System) -> Prior:
    """Load a prior of single states, windows ``(1, lev, y, x)``; shared, never modified.

    Args:
        text: ``auto``, the bundled one of the system if there is one, else ``gaussian``, the
            marginal of one state of the Gaussian prior of the system; the name of a bundled one, or
            the file of one that was trained.
        system: the system of the states.

    Raises:
        InputError: for an unknown name, or a prior that is not of single states of the system.
    """
    if text == "auto":
        own = f"{system.name}{STATE}"
        return load_state_prior(own if own in state_names() else "gaussian", system)
    if text == "gaussian":
        found = load_prior("gaussian", system)
        if not isinstance(found, GaussianPrior):
            raise InputError("prior", text, f"must be Gaussian for {system.name}", "Name a file.")
        return marginal(found).eval().requires_grad_(False)
    prior = load_trained(trained_path(text), system)
    prior.check(system, 1)
    return prior.eval().requires_grad_(False)


def check_state_prior(text: str, system: System) -> None:
    """Raise if :func:`load_state_prior` would, without estimating a climate.

    Raises:
        InputError: as there, or if the states of an estimate do not fit into the memory.
    """
    trained = text not in ("auto", "gaussian") or (
        text == "auto" and f"{system.name}{STATE}" in state_names()
    )
    if trained:
        load_state_prior(text, system)
    elif is_estimated("gaussian", system):
        check_estimate(system)
