"""An observing network: instruments, each an operator with its mask, interval and noise."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from ..errors import InputError
from ..values import number
from .cells import distinct
from .noise import Noise
from .operators import Operator


@dataclass(frozen=True)
class Instrument:
    """One operator, the cells and steps that it observes, and its noise.

    Args:
        operator: from states to observable fields.
        mask: observed cells, boolean ``(time, y, x)``; all channels of the operator share it.
        noise: shape of the true noise, unit variance.
        std: standard deviation of the true noise.
        assumed_std: what the methods believe it to be; the truth by default.

    Raises:
        InputError: if a standard deviation is out of bounds, or the operator does not return the
            fields that it names.
    """

    operator: Operator
    mask: Tensor
    noise: Noise
    std: float = 0.1
    assumed_std: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "std", check_noise("noise", self.std))
        assumed = self.std if self.assumed_std is None else self.assumed_std
        object.__setattr__(self, "assumed_std", check_noise("assumed noise", assumed))
        self.operator.check()

    @cached_property
    def index(self) -> Tensor:
        """Observed entries of whole fields, flattened, in their order."""
        channels = len(self.operator.channels)
        full = self.mask[:, None].expand(-1, channels, -1, -1)
        return full.flatten().nonzero().squeeze(-1)

    @property
    def assumed_variance(self) -> float:
        """Variance of the noise that the methods assume."""
        return float(self.assumed_std or self.std) ** 2

    @cached_property
    def size(self) -> int:
        """Number of observed values."""
        steps = distinct(self.mask)
        seen = int(steps.sum()) * (len(self.mask) // len(steps))
        return seen * len(self.operator.channels)

    def take(self, fields: Tensor) -> Tensor:
        """Observed entries of whole fields, ``(..., time, channel, y, x) -> (..., size)``."""
        values = fields.flatten(-4)
        if self.size == values.shape[-1]:
            return values
        return values[..., self.index.to(fields.device)]

    def put(self, values: Tensor) -> Tensor:
        """Transpose of :meth:`take`: fields that are zero where nothing is observed."""
        steps, *grid = self.mask.shape
        channels = len(self.operator.channels)
        flat = values.new_zeros(*values.shape[:-1], steps * channels * math.prod(grid))
        index = self.index.to(values.device).expand(values.shape)
        return flat.scatter(-1, index, values).unflatten(-1, (steps, channels, *grid))

    def spectral_information(self) -> Tensor | None:
        """Information of an operator that acts on wavenumbers, as if spread over all cells.

        m^2 T(k)^H T(k) / std^2 at each step, m the share of cells that it sees: complex128
        ``(ny, nx//2 + 1, time lev, time lev)``; ``None`` for operators unlike any of that kind. The
        square, since a sparse mask confuses wavenumbers: preconditioned with it, masks of 1 to 25 %
        took fewer iterations than with m.
        """
        transfer = self.operator.similar_transfer()
        if transfer is None:
            return None
        T = transfer.permute(2, 3, 0, 1)
        density = torch.diag(self.mask.double().mean((-2, -1)) ** 2) / self.assumed_variance
        blocks = torch.einsum("st,lkab->lksatb", density.to(T), T.mH @ T)
        return blocks.flatten(-4, -3).flatten(-2)


@dataclass(frozen=True)
class ObservingNetwork:
    """Several instruments at once; their observations form one vector.

    The vector holds the instruments one after the other, each in the order time, channel, y, x.
    States are normalised windows ``(..., time, lev, y, x)``.
    """

    instruments: tuple[Instrument, ...]

    @property
    def size(self) -> int:
        """Number of observed values in the window."""
        return sum(i.size for i in self.instruments)

    @property
    def steps(self) -> int:
        """Steps in the window."""
        return self.instruments[0].mask.shape[0]

    @property
    def linear(self) -> bool:
        """True if every operator is linear."""
        return all(i.operator.linear for i in self.instruments)

    def apply(self, x: Tensor) -> Tensor:
        """Observations without noise, ``(..., time, lev, y, x) -> (..., size)``."""
        return torch.cat([i.take(i.operator(x)) for i in self.instruments], dim=-1)

    def jvp(self, x: Tensor, v: Tensor) -> Tensor:
        """Derivative at ``x`` along ``v``, both windows, ``(..., size)``."""
        return torch.func.jvp(self.apply, (x,), (v,))[1]

    def vjp(self, x: Tensor, w: Tensor) -> Tensor:
        """Transposed derivative at ``x`` applied to ``w`` of shape ``(..., size)``, a window."""
        return torch.func.vjp(self.apply, x)[1](w)[0]

    def split(self, values: Tensor) -> tuple[Tensor, ...]:
        """Cut an observation vector into one piece per instrument."""
        return torch.split(values, [i.size for i in self.instruments], dim=-1)

    def variance(self, like: Tensor | None = None) -> Tensor:
        """Assumed noise variance of every observed value, ``(size,)``."""
        values = [torch.full((i.size,), i.assumed_variance) for i in self.instruments]
        joined = torch.cat(values)
        return joined if like is None else joined.to(like)

    @cached_property
    def spectral_information(self) -> Tensor | None:
        """Sum of the spectral information of all instruments that act on wavenumbers, if any."""
        found = [i.spectral_information() for i in self.instruments]
        acting = [information for information in found if information is not None]
        return torch.stack(acting).sum(0) if acting else None

    def observe(self, truth: Tensor, streams: Callable[[int], torch.Generator]) -> Tensor:
        """Noisy observations of a true window.

        Args:
            truth: normalised window ``(time, lev, y, x)``.
            streams: generator of the noise of the instrument with a given number.

        Returns:
            The observation vector, ``(size,)``.
        """
        clean = self.split(self.apply(truth))
        noisy = [
            values + i.std * i.noise.sample(i.size, streams(number)).to(values)
            for number, (i, values) in enumerate(zip(self.instruments, clean, strict=True))
        ]
        return torch.cat(noisy)

    def simulate(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Observations of any states with noise of the assumed size, independent for each.

        Args:
            x: normalised windows ``(..., time, lev, y, x)``.
            generator: source of the noise.

        Returns:
            Observation vectors, ``(..., size)``.
        """
        clean = self.split(self.apply(x))
        return torch.cat([
            values + i.assumed_variance**0.5
            * i.noise.sample(values.numel(), generator).to(values).reshape(values.shape)
            for i, values in zip(self.instruments, clean, strict=True)
        ], -1)

    def at(self, step: int) -> ObservingNetwork:
        """The network of one step, for windows of length one."""
        return ObservingNetwork(
            tuple(replace(i, mask=i.mask[step : step + 1]) for i in self.instruments)
        )

    def cut(
        self, data: Tensor, cells: int
    ) -> Iterator[tuple[int, ObservingNetwork, Tensor]]:
        """Pieces of so many cells each: their first cell, their network and their data.

        The cells of a piece are laid out as one row. The operators have to act on every value by
        itself, for they are given states of another shape than those of their system.

        Args:
            data: observation vector ``(..., size)``.
            cells: cells of a piece.
        """
        whole = [
            (i, i.mask.flatten(-2).unsqueeze(-2), i.put(values).flatten(-2).unsqueeze(-2))
            for i, values in zip(self.instruments, self.split(data), strict=True)
        ]
        for start in range(0, math.prod(self.instruments[0].mask.shape[-2:]), cells):
            here = slice(start, start + cells)
            parts = tuple(replace(i, mask=mask[..., here]) for i, mask, _ in whole)
            seen = [p.take(values[..., here]) for p, (*_, values) in zip(parts, whole, strict=True)]
            yield start, ObservingNetwork(parts), torch.cat(seen, -1)

    def rows(self, step: int) -> Tensor:
        """Entries of the vector that belong to one step, boolean ``(size,)``."""
        rows = []
        for i in self.instruments:
            per_step = i.mask[0].numel() * len(i.operator.channels)
            rows.append(i.index // per_step == step)
        return torch.cat(rows)


SMALLEST, LARGEST = 1e-6, 1e6
"""Bounds of a standard deviation: its square has to be a number in single precision."""


def check_noise(what: str, std: object) -> float:
    """Return a standard deviation; raise :class:`InputError` unless it is within its bounds."""
    found = number(std)
    if found is None or not SMALLEST <= found <= LARGEST:
        bound = f"must be a number above 0, from {SMALLEST:g} to {LARGEST:g}"
        raise InputError(what, std, bound, "Use 0.1, or 1e-3 for almost none.")
    return float(found)


def schedule(mask: Tensor, interval: int) -> Tensor:
    """Empty the mask at all steps but 0, N, 2N, ...

    Raises:
        InputError: if the interval is below 1 or not shorter than the window.
    """
    steps = mask.shape[0]
    if interval == 1:
        return mask
    if not 1 <= interval < max(steps, 2):
        raise InputError(
            "interval",
            interval,
            f"must be at least 1 and shorter than the window of {steps} steps",
            f"Use 1 (every step) to {max(steps - 1, 1)} (first and last).",
        )
    kept = torch.arange(steps) % interval == 0
    return mask & kept[:, None, None]

