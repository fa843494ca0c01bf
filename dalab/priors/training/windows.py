"""Random training windows: cut from trajectories, shifted, mirrored, noised.

Every sample of every step draws from its own random stream, so that the order of the data is the
same after a restart, and for any number of processes that share a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from ...errors import InputError
from ...random import stream


@dataclass(frozen=True, kw_only=True)
class Windows:
    """Windows of trajectories.

    Args:
        states: normalised, ``(trajectory, day, lev, y, x)``, on the device to train on.
        length: states per window.
        mirrored: true if -q(x, -y) is a state whenever q is, as for two-layer flow.
        shifts: cells along y and x by whose multiples they may be shifted.
        augment: map from windows of the state to those of the prior; the identity by default.
        seed: of every random choice.
    """

    states: Tensor
    length: int
    mirrored: bool = True
    shifts: tuple[int, int] = (1, 1)
    augment: Callable[[Tensor], Tensor] = lambda window: window
    seed: int = 0

    def __post_init__(self) -> None:
        if self.states.shape[1] < self.length:
            raise InputError(
                "days per trajectory", self.states.shape[1],
                f"must be at least {self.length}, one window", "Make more data.",
            )

    def sample(
        self, step: int, index: int, mean: float, std: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Draw a clean window, its noise and its noise level, for sample ``index`` of a step.

        Args:
            step: of the training.
            index: in the batch.
            mean: of log sigma.
            std: of log sigma.
        """
        generator = stream(self.seed, "sample", step, index)
        window = self.augment(self._move(self._cut(generator), generator))
        sigma = torch.exp(mean + std * torch.randn((), generator=generator)).clamp(0.01, 80.0)
        noise = torch.Generator(self.states.device).manual_seed(generator.initial_seed() + 1)
        normal = torch.randn(window.shape, generator=noise, device=window.device)
        return window, normal, sigma.to(window)

    def batch(
        self, step: int, indices: Iterable[int], mean: float, std: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Draw clean windows, noise ``(batch, time, lev, y, x)`` and levels ``(batch,)``."""
        samples = [self.sample(step, index, mean, std) for index in indices]
        windows, noise, sigma = (torch.stack(part) for part in zip(*samples, strict=True))
        return windows, noise, sigma

    def choose(self, label: str, count: int) -> Tensor:
        """Choose windows once, not shifted or mirrored, ``(count, time, lev, y, x)``."""
        chosen = (self._cut(stream(self.seed, label, i)) for i in range(count))
        return torch.stack([self.augment(window) for window in chosen])

    def _cut(self, generator: torch.Generator) -> Tensor:
        trajectories, days = self.states.shape[:2]
        i = _draw_below(trajectories, generator)
        start = _draw_below(days - self.length + 1, generator)
        return self.states[i, start : start + self.length]

    def _move(self, window: Tensor, generator: torch.Generator) -> Tensor:
        window = shifted(window, self.shifts, generator)
        if self.mirrored and _draw_below(2, generator):
            window = -window.flip(-2)
        return window


def shifted(states: Tensor, shifts: tuple[int, int], generator: torch.Generator) -> Tensor:
    """States ``(..., y, x)`` moved together around the grid, at random.

    Args:
        states: the states.
        shifts: cells along y and x by whose multiples they may be moved.
        generator: source of the choice.
    """
    sides = zip(shifts, states.shape[-2:], strict=True)
    moves = tuple(step * _draw_below(max(side // step, 1), generator) for step, side in sides)
    return torch.roll(states, moves, (-2, -1))


def _draw_below(bound: int, generator: torch.Generator) -> int:
    return int(torch.randint(bound, (), generator=generator))
