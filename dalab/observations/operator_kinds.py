r"""Base classes of observation operators, which map whole fields.

An operator maps normalised states ``(..., lev, y, x)`` to fields ``(..., channel, y, x)``
on the same grid; a mask then picks the observed cells. There are three kinds, because guidance can
do more with two of them: elementwise, linear and translation invariant, and any other
differentiable map. To add one, subclass the kind that fits; :mod:`.operators` has those
of dalab.

An operator is made without a system, ``Arctan()``, and bound to one by :meth:`Operator.on`, which
is where its checks take place; ``Arctan(system)`` does both.
"""

from __future__ import annotations

import copy
from typing import Any, ClassVar, Self

import param
import torch
from torch import Tensor

from ..configurable import Configurable
from ..errors import InputError
from ..random import stream
from ..systems.base import System


class Operator(Configurable):
    """A differentiable map from states to observable fields.

    Args:
        values: the system whose states are observed, which may be left out, and then options in the
            order of their declaration.
        named: options by name.

    Raises:
        InputError: for an option that will not do, or a system that the operator does not fit.
    """

    kind = "operator"
    linear: ClassVar[bool] = False

    def __init__(self, *values: Any, **named: Any) -> None:
        bound = bool(values) and isinstance(values[0], System)
        super().__init__(*values[bound:], **named)
        self._system: System | None = None
        self._checked = False
        if bound:
            self._bind(values[0])

    @property
    def system(self) -> System:
        """The system whose states are observed.

        Raises:
            InputError: if the operator is not bound to one.
        """
        if self._system is None:
            raise InputError(
                self.title(), "without a system", "must be bound to one here",
                "Use operator.on(system).",
            )
        return self._system

    def on(self, system: System) -> Self:
        """A copy that is bound to a system.

        Raises:
            InputError: if the operator does not fit the system.
        """
        bound = copy.deepcopy(self, {id(self._system): None})
        bound._checked = False
        bound._bind(system)
        return bound

    def _bind(self, system: System) -> None:
        self._system = system
        self.__dict__.pop("_cache", None)
        self.setup()

    def setup(self) -> None:
        """Prepare constants once the system and the options are known."""

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the observable fields."""
        return tuple(f"{type(self).__name__.lower()}{i + 1}" for i in range(self.system.shape[0]))

    def __call__(self, x: Tensor) -> Tensor:
        """Observable fields of normalised states, ``(..., lev, y, x) -> (..., channel, y, x)``."""
        raise NotImplementedError

    def similar_transfer(self) -> Tensor | None:
        """Transfer function of a spectral operator that is much like this one, if there is one.

        Solvers are preconditioned with it. Shape as that of :meth:`Spectral.transfer`.
        """
        return None

    def check(self) -> None:
        """Apply the operator to two states, zero and noise, unless it has been checked before.

        Raises:
            InputError: if the fields have other channels or another grid than they should, are not
                finite, or depend on the other states.
        """
        if self._checked:
            return
        x = torch.randn(2, *self.system.shape, generator=stream(0, "check"))
        x[0] = 0.0
        with torch.no_grad():
            fields = self(x)
            self._check_fields(fields)
            self._check_separate(fields[1:], self(x[1:]))
        self._checked = True

    def _check_fields(self, fields: Tensor) -> None:
        what, names = self.title(), ", ".join(self.channels)
        found = tuple(fields.shape) if isinstance(fields, Tensor) else type(fields).__name__
        wanted = (2, len(self.channels), *self.system.shape[-2:])
        if found != wanted:
            raise InputError(
                f"shape of the fields of {what}", found, f"must be {wanted}: states, channels "
                f"({names}), y, x, for states {(2, *self.system.shape)}",
                "Name all channels in its property channels, and keep the other axes.",
            )
        count = int((~fields.isfinite()).sum())
        if count:
            raise InputError(
                f"infinite or NaN values of {what}", count,
                "must be none for a state of zeros and one of noise",
                "Make it finite for all states.",
            )

    def _check_separate(self, together: Tensor, alone: Tensor) -> None:
        off = float((together - alone).abs().max())
        if off > 1e-3 * float(alone.abs().max()):
            raise InputError(
                self.title(), off, "must act on every state by itself: the fields of a state "
                "differ by as much beside another one", "Leave the axes before the last three.",
            )


class Elementwise(Operator):
    """An operator that acts on every value by itself."""

    @property
    def uniform(self) -> bool:
        """True if it acts on all fields alike, so that it can be applied to any numbers."""
        return getattr(self, "units", "normalised") == "normalised"

    def derivative(self, x: Tensor) -> Tensor:
        """Derivative at every value, same shape as ``x``."""
        return torch.func.jvp(self, (x,), (torch.ones_like(x),))[1]

    def in_units(self, x: Tensor, units: str) -> Tensor:
        """Normalised states in ``normalised`` or ``physical`` units."""
        return x if units == "normalised" else self.system.physical(x)


class Spectral(Operator):
    """A linear, translation-invariant operator: one matrix per wavenumber."""

    linear = True

    def transfer(self) -> Tensor:
        """Transfer function, ``(channel, lev, ny, nx//2 + 1)``, complex128."""
        raise NotImplementedError

    def similar_transfer(self) -> Tensor:
        return self.transfer()

    def __call__(self, x: Tensor) -> Tensor:
        return _filter(self._transfer_like(x), x)

    def adjoint(self, fields: Tensor) -> Tensor:
        """Transpose of the operator, ``(..., channel, y, x) -> (..., lev, y, x)``."""
        return _filter(self._transfer_like(fields).transpose(0, 1).conj(), fields)

    def _transfer_like(self, x: Tensor) -> Tensor:
        cached = self.__dict__.setdefault("_cache", {})
        key = (x.dtype, x.device)
        if key not in cached:
            cached[key] = self.transfer().to(device=x.device, dtype=x.dtype.to_complex())
        return cached[key]


def _filter(transfer: Tensor, x: Tensor) -> Tensor:
    spectrum = torch.fft.rfft2(x)
    out = sum(transfer[:, j] * spectrum[..., j : j + 1, :, :] for j in range(transfer.shape[1]))
    return torch.fft.irfft2(out, s=x.shape[-2:])


def units() -> param.Selector:
    """Option of operators: the units of the state that is observed."""
    return param.Selector(
        default="normalised", objects=["normalised", "physical"],
        doc="units of the state: normalised, or physical, those of its equations",
    )
