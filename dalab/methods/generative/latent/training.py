"""Training of an autoencoder on states of the climate and their simulated observations."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ....interruption import check_interruption
from ....notes import note
from ....priors.training.windows import shifted
from .autoencoder import Observed
from .networks import Autoencoder
from .space import simulate

MATCH, DIVERGENCE = 0.1, 1e-4
"""Weights of the distance between the two laws, and of that from N(0, 1)."""

RATE, WARMUP = 2e-3, 0.05
"""Highest learning rate, and share of the steps that it rises in; then it falls to zero."""

CLIP = 1.0
"""Largest norm of a gradient."""

OFTEN = 10
"""Steps from one progress note to the next."""


@dataclass(frozen=True)
class Course:
    """Course of a training.

    Args:
        iterations: steps.
        batch: states of a step.
        half: true for convolutions in half precision (bfloat16).
        shifts: cells along y and x by whose multiples states may be shifted.
    """

    iterations: int
    batch: int
    half: bool
    shifts: tuple[int, int] = (1, 1)


def train(
    model: Autoencoder, states: Tensor, observed: Observed | None, course: Course,
    generator: torch.Generator,
) -> None:
    """Train networks in place, on states that are shifted as the climate allows.

    Args:
        model: the networks.
        states: states of the climate, ``(count, lev, y, x)``.
        observed: the network whose observations are encoded; ``None`` for an autoencoder alone.
        course: length, batch and precision.
        generator: of all choices.

    Raises:
        Interrupted: if the training is not wanted any more.
    """
    states = states.float()
    optimiser = torch.optim.Adam(model.parameters(), RATE)
    for k in range(course.iterations):
        check_interruption()
        optimiser.param_groups[0]["lr"] = RATE * _rate(k / course.iterations)
        x = _draw(states, course, generator)
        with torch.enable_grad():
            loss = _loss(model, x, observed, course.half, generator)
            optimiser.zero_grad()
            loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimiser.step()
        if k % OFTEN == 0:
            note(f"autoencoder: step {k} of {course.iterations}, loss {loss.item():.3g}")


def _draw(states: Tensor, course: Course, generator: torch.Generator) -> Tensor:
    """A batch of states, each shifted around the grid."""
    def draw() -> Tensor:
        chosen = int(torch.randint(len(states), (), generator=generator))
        return shifted(states[chosen], course.shifts, generator)

    return torch.stack([draw() for _ in range(course.batch)])


def _rate(done: float) -> float:
    """Learning rate relative to the highest, by the share of the steps that are done."""
    return done / WARMUP if done < WARMUP else (1 - done) / (1 - WARMUP)


def _loss(
    model: Autoencoder, x: Tensor, observed: Observed | None, half: bool,
    generator: torch.Generator,
) -> Tensor:
    """Loss of one batch of states."""
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        law = model.encode(x)
        lost = _reconstruction(model, x, law, generator) + DIVERGENCE * _divergence(law)
        if observed is None:
            return lost
        normal = torch.randn(len(x), observed.network.size, generator=generator)
        other = model.encode_observed(observed.fields(simulate(observed.network, x, normal)))
        lost = lost + _reconstruction(model, x, other, generator) + DIVERGENCE * _divergence(other)
        return lost + MATCH * _distance(law, other)


Law = tuple[Tensor, Tensor]
"""Means and log variances of latent states."""


def _reconstruction(model: Autoencoder, x: Tensor, law: Law, generator: torch.Generator) -> Tensor:
    mean, log_variance = (part.float() for part in law)
    normal = torch.randn(mean.shape, generator=generator)
    return F.mse_loss(model.decode(mean + (log_variance / 2).exp() * normal).float(), x)


def _divergence(law: Law) -> Tensor:
    mean, log_variance = (part.float() for part in law)
    return (mean.square() + log_variance.exp() - log_variance - 1).mean() / 2


def _distance(one: Law, other: Law) -> Tensor:
    (a, u), (b, v) = ([part.float() for part in law] for law in (one, other))
    return (a - b).square().mean() + ((u / 2).exp() - (v / 2).exp()).square().mean()
