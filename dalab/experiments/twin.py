"""Twin experiments: a known truth, observations of it, and one problem for all methods."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..methods import Background, Method, Problem
from ..observations import NetworkDesign, ObservingNetwork
from ..priors.denoisers.augmented import AugmentedPrior
from ..priors.loading import load_augmented, load_prior
from ..random import stream
from ..systems import System
from .config import Config
from .parts import (
    labels,
    make_device,
    make_mask,
    make_method,
    make_noise,
    make_operator,
    make_system,
)
from .truth import draw_truth
from .validate import validate

FORECAST_ERROR = 0.01
"""Standard deviation of the error of the state from which a forecast background starts."""


@dataclass(frozen=True)
class Twin:
    """A truth and the problem that was made from it.

    Args:
        config: the experiment.
        system: what evolves.
        truth: true window, normalised, ``(time, lev, y, x)``; no method sees it.
        problem: what the methods may know.
        device: where the methods compute.
    """

    config: Config
    system: System
    truth: Tensor
    problem: Problem
    device: torch.device


def prepare(config: Config) -> Twin:
    """Draw the truth, observe it, and state the problem.

    Every random choice has its own stream, so that changing the mask, say, leaves the truth and
    the noise of the other instruments as they were.

    Raises:
        InputError: if the config cannot work, or the truth cannot be had.
    """
    validate(config)
    system, device = make_system(config.system), make_device(config.device)
    earlier, truth = _draw(config, system)
    observing = make_network(config, system)
    problem = Problem(
        system=system, prior=load_prior(config.prior, system), network=observing,
        data=observing.observe(truth, lambda i: stream(config.seed, "noise", i)),
        background=_background(config, system, earlier, truth[0]),
        augmented=_augmented(config, system),
    )
    return Twin(config, system, truth, problem, device)


def methods(config: Config) -> dict[str, Method]:
    """The methods of an experiment by label: the registry name, made unique."""
    made = (make_method(text, config.steps) for text in config.methods)
    return dict(zip(labels(config.methods), made, strict=True))


def _augmented(config: Config, system: System) -> AugmentedPrior | None:
    """The augmented prior, where a method needs it."""
    if not any(method.uses_augmented for method in methods(config).values()):
        return None
    return load_augmented(config.prior, system, config.operators)


def make_network(config: Config, system: System) -> ObservingNetwork:
    """The observing network of an experiment; needs no truth."""
    design = NetworkDesign(
        operators=tuple(make_operator(text, system) for text in config.operators),
        masks=tuple(make_mask(text) for text in config.masks), interval=config.interval,
        noise=config.noise, noise_family=make_noise(config.noise_family),
        assumed_noise=config.assumed_noise,
    )
    return design.realise(system, config.window, lambda i: stream(config.seed, "mask", i))


def _draw(config: Config, system: System) -> tuple[Tensor | None, Tensor]:
    """The state before the window, where a background needs it, and the true window."""
    extra = int(config.background is not None and config.background_kind == "forecast")
    states = draw_truth(config.truth, system, config.window + extra, config.seed)
    return (states[0] if extra else None), states[extra:]


def _background(
    config: Config, system: System, earlier: Tensor | None, first: Tensor
) -> Background | None:
    if config.background is None:
        return None
    noise = torch.randn(first.shape, generator=stream(config.seed, "background")).to(first)
    if earlier is None:
        return Background(first + config.background * noise, config.background)
    return Background(system.step(earlier + FORECAST_ERROR * noise), config.background)

