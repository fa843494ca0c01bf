r"""Augmented windows: the state together with noise-free observations of it by operators.

A prior over augmented windows z = (x, H_1(x), H_2(x), ...), all on the full grid, turns every
observation into a selection of channels, however nonlinear the operator: the operator
itself is then part of the prior.

References:
    | Zheng et al., SOAD (arXiv 2407.21314)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...errors import InputError
from ...observations import OPERATORS, Instrument, Operator
from ...options import describe
from ...systems.base import System
from ..base import Prior
from ..covariance import SpectralCovariance
from ..gaussian import GaussianPrior
from .pushforward import augmented_covariance


@dataclass(frozen=True)
class Channels:
    """Meaning of the channels of an augmented window.

    Args:
        lev: channels of the state; they come first.
        operators: registry texts of the operators, in the order of their channels.
        sizes: channels of each operator.
    """

    lev: int
    operators: tuple[str, ...]
    sizes: tuple[int, ...]

    @classmethod
    def of(cls, system: System, operators: Sequence[str]) -> Channels:
        """The channels of a system and the operators that the texts describe."""
        made = make_operators(system, operators)
        return cls(
            system.shape[0], tuple(describe(operator, OPERATORS) for operator in made),
            tuple(len(operator.channels) for operator in made),
        )

    @property
    def total(self) -> int:
        """Channels in all."""
        return self.lev + sum(self.sizes)

    def part(self, operator: str) -> slice:
        """Channels of an operator; those of the identity are the state itself.

        Raises:
            InputError: if the operator has no channels here.
        """
        if operator in self.operators:
            index = self.operators.index(operator)
            start = self.lev + sum(self.sizes[:index])
            return slice(start, start + self.sizes[index])
        if operator == "identity":
            return slice(0, self.lev)
        raise InputError(
            "operator", operator,
            f"must be one of the augmented prior: {', '.join(self.operators)}",
            "Observe with one of them and its default options, or choose another method.",
        )

    def augment(self, window: Tensor, operators: Sequence[Operator]) -> Tensor:
        """Append the operators' outputs, ``(..., lev, y, x) -> (..., total, y, x)``.

        Args:
            window: normalised windows or states.
            operators: the operators, in the order of :attr:`operators`.
        """
        return torch.cat([window, *(operator(window) for operator in operators)], dim=-3)


class AugmentedPrior(Prior):
    """A distribution over augmented windows ``(time, total, y, x)``.

    Args:
        core: the distribution of the same fields, without names.
        channels: meaning of the fields.
    """

    def __init__(self, core: Prior, channels: Channels) -> None:
        super().__init__(core.name, core.window)
        self.core, self.channels = core, channels
        self.flow_levels = core.flow_levels

    def denoise(self, x: Tensor, sigma: Tensor | float) -> Tensor:
        return self.core.denoise(x, sigma)

    def error_covariance(self, sigma: float) -> SpectralCovariance:
        return self.core.error_covariance(sigma)

    @property
    def climatological_covariance(self) -> SpectralCovariance:
        return self.core.climatological_covariance


def gaussian_augmented(prior: Prior, operators: Sequence[Operator]) -> AugmentedPrior:
    """Push a Gaussian prior through operators: the Gaussian with the exact mean and covariance.

    For linear operators it is the exact augmented prior; for others the one whose denoiser is the
    best linear one. Zero training. The covariance is singular for linear operators, which the
    denoiser does not mind.

    Args:
        prior: distribution of the state; of zero mean.
        operators: sources of the other channels.
    """
    time, lev, *cells = prior.window
    sizes = tuple(len(operator.channels) for operator in operators)
    names = tuple(describe(operator, OPERATORS) for operator in operators)
    channels = Channels(lev, names, sizes)
    matrices = augmented_covariance(prior.climatological_covariance, operators)
    core = GaussianPrior(matrices, (time, channels.total, *cells), prior.name)
    return AugmentedPrior(core, channels)


class Selection(Operator):
    """Operator that selects channels of an augmented window.

    Args:
        system: the system of the state.
        part: which channels.
        names: their names.
    """

    linear = True

    def __init__(self, system: System, part: slice, names: tuple[str, ...]) -> None:
        super().__init__(system)
        self.part, self._names = part, names

    @property
    def channels(self) -> tuple[str, ...]:
        return self._names

    def check(self) -> None:
        """Pass: it acts on augmented states, and a selection of their channels is always right."""

    def __call__(self, x: Tensor) -> Tensor:
        return x[..., self.part, :, :]


def selection(instrument: Instrument, channels: Channels) -> Selection:
    """Translate an instrument of the state into a selection of augmented channels.

    Raises:
        InputError: if its operator has no channels among them.
    """
    operator = instrument.operator
    part = channels.part(describe(operator, OPERATORS))
    return Selection(operator.system, part, operator.channels)


def make_operators(system: System, operators: Sequence[str]) -> list[Operator]:
    """Build the operators that registry texts describe."""
    return [OPERATORS.make(text, system) for text in operators]




