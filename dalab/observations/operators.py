"""Observation operators of dalab, and the registry of all of them.

References:
    | Zheng et al., SOAD (arXiv 2407.21314): arctan and sine
    | MASF (arXiv 2604.02889): sigmoid
    | SSLS (arXiv 2411.13443): averages over blocks of 8 x 8 cells
    | CCDM (arXiv 2603.21291): absolute value and cube
    | DAISI (arXiv 2512.00252): square
"""

from __future__ import annotations

import param
import torch
from torch import Tensor

from ..errors import InputError
from ..registry import Registry
from .flow import Drift, Speed, Velocity
from .operator_kinds import Elementwise, Operator, Spectral, units

__all__ = [
    "OPERATORS", "Absolute", "Arctan", "BlockAverage", "Cubic", "Drift", "Elementwise", "Identity",
    "Operator", "Resolved", "Sigmoid", "Sine", "Spectral", "Speed", "Square", "Velocity",
]


class Identity(Elementwise):
    """The normalised state itself, or its anomaly from the climatological mean in other units."""

    linear = True

    units = units()

    @property
    def channels(self) -> tuple[str, ...]:
        return tuple(f"{self.system.symbol}{i + 1}" for i in range(self.system.shape[0]))

    def __call__(self, x: Tensor) -> Tensor:
        return x if self.units == "normalised" else self.system.scale.to(x) * x

    def adjoint(self, fields: Tensor) -> Tensor:
        """Transpose of the operator: itself."""
        return self(fields)


class Arctan(Elementwise):
    """arctan(3x): saturates, so that large values are seen ten times worse than small ones."""

    slope = param.Number(3.0, bounds=(0.1, 20.0), doc="slope at zero")
    units = units()

    def __call__(self, x: Tensor) -> Tensor:
        return torch.atan(self.slope * self.in_units(x, self.units))


class Sigmoid(Elementwise):
    """1 / (1 + exp(-2x)): saturates, much faster than arctan.

    It is (1 + tanh x) / 2: with the noise s it tells what tanh tells with the noise 2 s. The paper
    (MASF) observes the velocity itself, ``sigmoid:units=physical``.
    """

    slope = param.Number(2.0, bounds=(0.1, 20.0), doc="factor of the state")
    units = units()

    def __call__(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.slope * self.in_units(x, self.units))


class Sine(Elementwise):
    """1.5 sin(3x): folds, so that one value has many explanations."""

    amplitude = param.Number(1.5, bounds=(0.1, 10.0), doc="amplitude")
    frequency = param.Number(3.0, bounds=(0.1, 20.0), doc="radians per normalised unit")

    def __call__(self, x: Tensor) -> Tensor:
        return self.amplitude * torch.sin(self.frequency * x)


class Absolute(Elementwise):
    """|x|, which is the same for two states; CCDM observes a number of unknown sign so."""

    units = units()

    def __call__(self, x: Tensor) -> Tensor:
        return self.in_units(x, self.units).abs()


class Cubic(Elementwise):
    """x^3 / scale, which hardly sees small values; CCDM observes x^3 of Lorenz-63 itself."""

    scale = param.Number(
        1.0, bounds=(1e-6, 1e6), doc="number by which the cube is divided; 25 is of the size of "
        "Lorenz-96 in the units of its equations",
    )
    units = units()

    def __call__(self, x: Tensor) -> Tensor:
        return self.in_units(x, self.units) ** 3 / self.scale


class Square(Elementwise):
    """(x / scale)^2, which is the same for two states; DAISI observes (T / 7 K)^2 of temperatures.

    Those are ``square:scale=7,units=physical`` on surface quasi-geostrophic flow.
    """

    scale = param.Number(1.0, bounds=(1e-6, 1e6), doc="state whose square is seen as 1")
    units = units()

    def __call__(self, x: Tensor) -> Tensor:
        return (self.in_units(x, self.units) / self.scale) ** 2


class BlockAverage(Spectral):
    """Mean over a block of cells, 8 x 8, in the middle of which the cell observed is.

    Blocks are those of every cell, and overlap; with the mask ``stride:8`` they tile the domain
    (average pooling). A block of an even size holds one more cell before its middle than after it.
    A side that is shorter than a block is averaged as a whole.
    """

    size = param.Integer(8, bounds=(1, 10_000), doc="cells along a side of the block")

    @property
    def channels(self) -> tuple[str, ...]:
        return tuple(f"mean_{self.system.symbol}{i + 1}" for i in range(self.system.shape[0]))

    def transfer(self) -> Tensor:
        lev, *sides = self.system.shape
        rows, columns = (self._weights(side) for side in sides)
        response = torch.fft.rfft2(rows[:, None] * columns).conj()
        return torch.eye(lev, dtype=torch.complex128)[:, :, None, None] * response

    def _weights(self, side: int) -> Tensor:
        """Weights of the cells at offsets 0, 1, ... from that observed, around a side."""
        size = min(self.size, side)
        cells = (torch.arange(size) - size // 2) % side
        return torch.zeros(side, dtype=torch.float64).index_fill(0, cells, 1 / size)


class Component(Operator):
    """One field of the state alone, such as x of Lorenz-63, as ``identity`` sees it."""

    linear = True

    field = param.Integer(1, bounds=(1, 1000), doc="number of the field, from 1")
    units = units()

    def setup(self) -> None:
        fields = self.system.shape[0]
        if self.field > fields:
            raise InputError(
                f"{self.title()} field", self.field,
                f"must be at most {fields}, the fields of {self.system.name}", "Use 1.",
            )

    @property
    def channels(self) -> tuple[str, ...]:
        return (f"{self.system.symbol}{self.field}",)

    def __call__(self, x: Tensor) -> Tensor:
        x = x if self.units == "normalised" else self.system.scale.to(x) * x
        return x[..., self.field - 1 : self.field, :, :]

    def adjoint(self, fields: Tensor) -> Tensor:
        """Transpose of the operator, zero in the other fields."""
        lev, k = self.system.shape[0], self.field - 1
        x = torch.cat([fields if i == k else torch.zeros_like(fields) for i in range(lev)], -3)
        return x if self.units == "normalised" else self.system.scale.to(x) * x


class ComponentArctan(Component):
    """Arctan of one field of the state alone."""

    linear = False

    def __call__(self, x: Tensor) -> Tensor:
        x = x if self.units == "normalised" else self.system.physical(x)
        return torch.atan(x[..., self.field - 1 : self.field, :, :])


class Resolved(Operator):
    """The resolved fields alone, as ``identity`` sees them: all fields where none are hidden."""

    linear = True

    units = units()

    def setup(self) -> None:
        self._count = self.system.resolved or self.system.shape[0]

    @property
    def channels(self) -> tuple[str, ...]:
        return tuple(f"{self.system.symbol}{i + 1}" for i in range(self._count))

    def __call__(self, x: Tensor) -> Tensor:
        x = x if self.units == "normalised" else self.system.scale.to(x) * x
        return x[..., : self._count, :, :]

    def adjoint(self, fields: Tensor) -> Tensor:
        """Transpose of the operator, zero in the hidden fields."""
        hidden = self.system.shape[0] - self._count
        x = torch.nn.functional.pad(fields, (0, 0, 0, 0, 0, hidden))
        return x if self.units == "normalised" else self.system.scale.to(x) * x


OPERATORS = Registry("operator", "operators", Operator, {
    "identity": Identity,
    "arctan": Arctan,
    "sigmoid": Sigmoid,
    "sine": Sine,
    "absolute": Absolute,
    "cubic": Cubic,
    "square": Square,
    "block-average": BlockAverage,
    "component": Component,
    "component-arctan": ComponentArctan,
    "resolved": Resolved,
    "velocity": Velocity,
    "speed": Speed,
    "drift": Drift,
})
