"""Fine-tuning of a network to the forecasts of one analysis, and weights as one tensor."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from ....interruption import check_interruption
from ....priors.training.training import CLIP
from .preconditioning import Estimator
from .score_network import ScoreNetwork

Network = Callable[..., Tensor]
"""From states ``(batch, lev, y, x)`` and levels ``(batch,)`` to all heads, possibly compiled."""

Loss = Callable[[Network, Tensor, torch.Generator], Tensor]
"""Mean loss of a network over states ``(batch, lev, y, x)``, noised from a generator."""


@dataclass(frozen=True)
class Tuning:
    """Settings of a fine-tuning, those of MASF by default.

    Args:
        epochs: times that every member is seen.
        batch: members per step.
        rate: learning rate of AdamW.
    """

    epochs: int = 120
    batch: int = 32
    rate: float = 3e-4


def fit(
    network: nn.Module, loss: Loss, members: Tensor, tuning: Tuning, generator: torch.Generator
) -> None:
    """Fit all weights of a network to members, in place, with a fresh AdamW.

    Args:
        network: the network.
        loss: what is minimised.
        members: ``(N, lev, y, x)``.
        tuning: epochs, batches and rate.
        generator: source of the order of the members and of their noise.
    """
    optimiser = torch.optim.AdamW(
        network.parameters(), tuning.rate, betas=(0.9, 0.99), weight_decay=0.01
    )
    with torch.enable_grad():
        for _ in range(tuning.epochs):
            order = torch.randperm(len(members), generator=generator).to(members.device)
            for batch in order.split(tuning.batch):
                check_interruption()
                optimiser.zero_grad()
                loss(network, members[batch], generator).backward()
                nn.utils.clip_grad_norm_(network.parameters(), CLIP)
                optimiser.step()


class Weights:
    """Weights of a network for every repeat of an ensemble, carried as one tensor.

    Args:
        network: the network whose weights they are, which stays as it is.
    """

    def __init__(self, network: ScoreNetwork) -> None:
        self.network = network

    def initial(self, lead: Sequence[int]) -> Tensor:
        """Weights of the network itself for each repeat, ``(*lead, parameters)``."""
        start = parameters_to_vector(self.network.parameters()).detach()
        return start.expand(*lead, -1).clone()

    def network_with(self, weights: Tensor) -> ScoreNetwork:
        """A network of its own with weights ``(parameters,)``."""
        made = copy.deepcopy(self.network)
        vector_to_parameters(weights.clone(), made.parameters())  # they are views of the vector
        return made

    def tuned(
        self, weights: Tensor, members: Tensor, loss: Loss, tuning: Tuning,
        generator: torch.Generator,
    ) -> Tensor:
        """Weights that are fitted further, to the members of each repeat.

        Args:
            weights: ``(..., parameters)``.
            members: ``(..., N, lev, y, x)``.
            loss: what is minimised.
            tuning: its settings.
            generator: source of all randomness.
        """
        lead, found = weights.shape[:-1], []
        for one, some in zip(
            weights.flatten(0, -2) if lead else weights[None],
            members.flatten(0, -5) if lead else members[None], strict=True,
        ):
            network = self.network_with(one)
            fit(network.train(), loss, some, tuning, generator)
            found.append(parameters_to_vector(network.parameters()).detach())
        return torch.stack(found).view(*lead, -1)

    def estimator(self, weights: Tensor) -> Estimator:
        """Networks with the weights of every repeat, ``(..., parameters)``, as one function."""
        lead = weights.shape[:-1]
        networks = [self.network_with(one).eval() for one in weights.reshape(-1, weights.shape[-1])]

        def estimate(x: Tensor, level: Tensor) -> Tensor:
            repeats = x.reshape(len(networks), -1, *x.shape[-3:])
            levels = level.to(x).reshape(-1).expand(repeats.shape[1])
            found = [net(some, levels) for net, some in zip(networks, repeats, strict=True)]
            return torch.stack(found).view(*lead, x.shape[-4], *found[0].shape[1:])

        return estimate
