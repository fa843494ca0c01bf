"""Operators that observe the flow: its velocity, its speed, and the drift of tracers.

References:
    | Zheng et al., SOAD (arXiv 2407.21314): the reference form of the velocity
    | MASF (arXiv 2604.02889): the logistic form of the speed
"""

from __future__ import annotations

import math
from typing import ClassVar, cast

import param
import torch
from torch import Tensor

from ..errors import InputError
from ..fields import velocity
from ..systems.kolmogorov import Kolmogorov
from ..systems.qg import QGSystem
from .operator_kinds import Operator, Spectral, units


class Velocity(Spectral):
    """Horizontal velocity of both layers from their PV, channels u1, u2, v1, v2.

    ``form="reference"`` is the operator of the SOAD paper: it inverts the two *normalised* fields
    as if they were PV and divides by its constants (1.2e4, 1.6e4, 1.1e4, 1.6e4). The layers were
    divided by different constants first, so this is not the velocity of the flow; only this
    form compares with the published tables. ``form="physical"`` inverts the PV in 1/s and divides
    by the climatological standard deviation of each component, given in m/s.
    """

    form = param.Selector(default="reference", objects=["reference", "physical"], doc="which form")

    reference_scale: ClassVar[tuple[float, ...]] = (1.2e4, 1.6e4, 1.1e4, 1.6e4)
    physical_scale: ClassVar[tuple[float, ...]] = (0.0462, 0.0076, 0.0475, 0.0079)

    @property
    def channels(self) -> tuple[str, ...]:
        return ("u1", "u2", "v1", "v2")

    def setup(self) -> None:
        if not isinstance(self.system, QGSystem):
            raise InputError(
                "operator velocity",
                self.system.name,
                "needs a two-layer QG system",
                "Choose identity, which observes the state.",
            )

    def transfer(self) -> Tensor:
        model = cast(QGSystem, self.system).model
        psi_of_q = model.layers.inversion(model.grid).to(torch.complex128)
        transfer = torch.cat(velocity(psi_of_q, model.grid))
        if self.form == "physical":
            transfer = transfer * self.system.scale
        scale = self.reference_scale if self.form == "reference" else self.physical_scale
        return transfer / torch.tensor(scale, dtype=torch.float64)[:, None, None, None]


class Speed(Operator):
    """Speed of the flow at every cell, whatever its direction: neither kind above.

    Two-layer flow has one in each layer, Kolmogorov flow a single one. Of normalised components,
    each divided by its climatological standard deviation, it is sqrt((u^2 + v^2) / 2), of physical
    ones sqrt(u^2 + v^2). The logistic form, 1 / (1 + exp(threshold - u^2 - v^2)), tells calm from
    fast and little else; that of the paper (MASF) is ``speed:form=logistic,units=physical``, which
    writes the field twice, with independent noise: one observation with noise 0.07 instead of 0.1.
    """

    floor = param.Number(
        0.05,
        bounds=(0.0, 1.0),
        inclusive_bounds=(False, True),
        doc="smoothing of the root at calm, in units of the speed",
    )
    form = param.Selector(default="root", objects=["root", "logistic"], doc="which form")
    units = units()
    threshold = param.Number(
        3.0, bounds=(0.0, 1000.0), doc="u^2 + v^2 at which the logistic form is 1/2"
    )

    @property
    def channels(self) -> tuple[str, ...]:
        return ("speed1", "speed2") if isinstance(self.system, QGSystem) else ("speed",)

    def setup(self) -> None:
        if isinstance(self.system, QGSystem):
            self.velocity = Velocity(form="physical").on(self.system)
        elif not isinstance(self.system, Kolmogorov):
            raise InputError(
                "operator speed", self.system.name,
                "needs a system with two components of velocity: two-layer QG or Kolmogorov flow",
                "Choose identity, which observes the state.",
            )

    def __call__(self, x: Tensor) -> Tensor:
        square = self._components(x).square().sum(-4)
        if self.form == "logistic":
            return torch.sigmoid(square - self.threshold)
        shown = 2.0 if self.units == "normalised" else 1.0
        return torch.sqrt((square + self.floor**2) / shown)

    def _components(self, x: Tensor) -> Tensor:
        """Both components of the velocity, ``(..., 2, channel, y, x)``."""
        if isinstance(self.system, Kolmogorov):
            return (x if self.units == "normalised" else self.system.physical(x)).unsqueeze(-3)
        uv = self.velocity(x)
        if self.units == "physical":
            uv = uv * uv.new_tensor(Velocity.physical_scale)[:, None, None]
        return uv.unflatten(-3, (2, 2))


class Drift(Operator):
    """Drift of the tracers that are found in a cell, since some hours before: channels dx and dy.

    Tracers move with the physical velocity of the upper layer of two-layer flow, the imposed zonal
    flow included, which is that of the state seen, held for the time of the drift. The drift with
    the imposed flow alone is subtracted, and the rest divided by what the climatological velocity
    would make of it in a straight line: for a short time dx and dy are u and v of the upper layer,
    for days they bend around the eddies. Paths go back from the centre of the cell by the midpoint
    rule; velocities between cells are cubic convolutions.
    """

    hours = param.Number(24.0, bounds=(1.0, 240.0), doc="time that the tracers have drifted [h]")

    step_hours: ClassVar[float] = 24.0
    """Longest step along a path: an eddy turns by a third of a radian in it."""

    @property
    def channels(self) -> tuple[str, ...]:
        return ("dx", "dy")

    def setup(self) -> None:
        if not isinstance(self.system, QGSystem):
            raise InputError(
                "operator drift", self.system.name, "needs a two-layer QG system",
                "Choose identity, which observes the state.",
            )
        self.velocity = Velocity(form="physical").on(self.system)

    def similar_transfer(self) -> Tensor:
        return self.velocity.transfer()[::2]

    def __call__(self, x: Tensor) -> Tensor:
        model, seconds = cast(QGSystem, self.system).model, 3600.0 * self.hours
        cells = seconds * model.nx / model.L  # moved by a velocity of 1 m/s
        scale = x.new_tensor(self.velocity.physical_scale[::2])[:, None, None]
        uv = self.velocity(x)[..., ::2, :, :] * scale  # of the upper layer
        mean = x.new_tensor([model.U1, 0.0])[:, None, None]
        moved = backward_drift((uv + mean) * cells, math.ceil(self.hours / self.step_hours))
        return (moved - mean * cells) / (scale * cells)


def backward_drift(velocity: Tensor, steps: int) -> Tensor:
    """Way that points in the centres of all cells have come in a unit of time in a steady flow.

    Args:
        velocity: along x and y, ``(..., 2, y, x)`` [cells per unit of time].
        steps: midpoint steps.

    Returns:
        Displacements along x and y [cells], same shape.
    """
    moved = sample(velocity, -velocity / (2 * steps)) / steps
    for _ in range(steps - 1):
        halfway = moved + sample(velocity, -moved) / (2 * steps)
        moved = moved + sample(velocity, -halfway) / steps
    return moved


def sample(fields: Tensor, shift: Tensor) -> Tensor:
    """Periodic fields at points off the centres of the cells, by cubic convolution.

    Args:
        fields: ``(..., channel, y, x)``.
        shift: from the centre of each cell to its point, along x and y [cells], ``(..., 2, y, x)``.

    Returns:
        Fields, shaped as they are.

    Reference:
        | Keys, Cubic convolution interpolation for digital image processing (1981)
    """
    rows, columns = fields.shape[-2:]
    whole = shift.detach().floor()
    weights_x, weights_y = (_keys(part) for part in (shift - whole).unbind(-3))
    step_x, step_y = (part.long() for part in whole.unbind(-3))
    x = torch.arange(columns, device=fields.device) + step_x
    y = torch.arange(rows, device=fields.device)[:, None] + step_y
    flat, found = fields.flatten(-2), torch.zeros_like(fields)
    for j, weight_y in enumerate(weights_y, start=-1):
        for i, weight_x in enumerate(weights_x, start=-1):
            index = ((y + j) % rows) * columns + (x + i) % columns
            index = index.flatten(-2).unsqueeze(-2).expand(flat.shape)
            values = flat.gather(-1, index).unflatten(-1, (rows, columns))
            found = found + (weight_y * weight_x).unsqueeze(-3) * values
    return found


def _keys(t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Weights of the four cells about a point that is ``t`` beyond the second of them."""
    return (
        ((-t / 2 + 1) * t - 1 / 2) * t,
        (3 * t / 2 - 5 / 2) * t**2 + 1,
        ((-3 * t / 2 + 2) * t + 1 / 2) * t,
        (t - 1) * t**2 / 2,
    )
