"""Processes that networks are trained on, one for every method that has a network."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ....observations import ObservingNetwork
from ....systems.base import System
from ..additive_path import ExplodingPath
from ..base import Likelihood
from ..masf.bridge import FIRST, LAST
from ..masf.embedding import embed
from ..masf.nonlinear import NonlinearBridge
from ..networks.network_score import TimedLoss, Times, linear_network_loss, nonlinear_network_loss
from ..sf import TIMES


@dataclass(frozen=True)
class Process:
    """A diffusion and what a network learns of it.

    Args:
        loss: of a network.
        interval: first and last pseudo-time.
        heads: fields of the shape of a state that it estimates.
        observed: share that is observed of each variable, ``(lev, y, x)``; ``None`` if observations
            are of no account.
    """

    loss: TimedLoss
    interval: Times
    heads: int = 1
    observed: Tensor | None = None


def process_of(method: str, system: System, network: ObservingNetwork) -> Process:
    """The process of a method for what one time of a network observes, in normalised units.

    Raises:
        InputError: if the method cannot take its operators.
    """
    if method == "sf":
        return Process(linear_network_loss(ExplodingPath(), relative=True), TIMES)
    blank = torch.zeros(1, *system.shape)
    likelihood = Likelihood(network, torch.zeros(network.size))
    if method == "masf":
        bridge = embed(likelihood, blank).bridge()
        return Process(linear_network_loss(bridge), (FIRST, LAST), observed=bridge.h)
    path = NonlinearBridge.of(likelihood, blank, None)
    return Process(nonlinear_network_loss(path), (FIRST, LAST), 2, path.seen)
