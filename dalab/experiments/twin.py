"""Twin experiments: a known truth, observations of it, and one problem for all methods."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..methods import Background, Problem
from ..random import stream
from ..systems import System
from .config import Config
from .experiment import Experiment, Source
from .truth import draw_truth

FORECAST_ERROR = 0.01
"""Standard deviation of the error of the state from which a forecast background starts."""


@dataclass(frozen=True)
class Twin:
    """A truth and the problem that was made from it.

    Args:
        config: the texts of the experiment.
        system: dynamical system of the truth.
        truth: true window, normalised, ``(time, lev, y, x)``; no method sees it.
        problem: everything that the methods may know.
        device: where the methods compute.
    """

    config: Config
    system: System
    truth: Tensor
    problem: Problem
    device: torch.device


def prepare(source: Experiment | Source) -> Twin:
    """Draw the truth, observe it, and state the problem.

    Args:
        source: an experiment, or what :meth:`Experiment.of` makes one from.

    Raises:
        InputError: if the experiment cannot work, or the truth cannot be had.
    """
    made = Experiment.of(source)
    states = draw_truth(made.truth, made.system, made.window + made.leads, made.seed)
    truth = states[made.leads :]
    problem = Problem(
        system=made.system, prior=made.prior_of_window, network=made.observing,
        data=made.observing.observe(truth, lambda i: stream(made.seed, "noise", i)),
        background=_background(made, states),
        augmented=made.augmented_of_window,
    )
    return Twin(made.config, made.system, truth, problem, torch.device(made.device))


def _background(made: Experiment, states: Tensor) -> Background | None:
    """The background of step 0, from the first states of the truth."""
    if made.background is None:
        return None
    first = states[made.leads]
    noise = torch.randn(first.shape, generator=stream(made.seed, "background")).to(first)
    if not made.leads:
        return Background(first + made.background * noise, made.background)
    if made.background_kind == "previous":
        return Background(states[0] + made.background * noise, made.background)
    start = states[0] + FORECAST_ERROR * noise
    return Background(made.system.step(start), made.background)
