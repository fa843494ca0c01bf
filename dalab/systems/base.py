"""The base class of dynamical systems: ``shape`` and ``step`` are enough."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from ..interruption import check_interruption
from ..option_fields import text_with_options
from ..registry import kebab
from .quantities import ANOMALY, Quantity

Streams = Callable[[str], torch.Generator]
"""From the name of a random choice to the stream that it draws from."""


class Propagator(Protocol):
    """A map of states over one interval, in both directions of time at once."""

    def __call__(self, states: Tensor) -> Tensor:
        """The first half of ``(2, batch, *shape)`` one interval ahead, the second one back."""
        ...


DISPLAYED_TIME = {"s": ("day", 86400.0)}
"""Unit in which times are shown, and its length, by the time unit of a system."""

DISPLAYED_LENGTH = {"m": ("km", 1000.0)}
"""Unit in which lengths are shown, and its length, by the length unit of a system."""

if TYPE_CHECKING:
    overridable = property
else:

    class overridable:
        """A property that a subclass may replace by an attribute, a field or another property.

        It exists on instances alone, so that a field of a dataclass does not take it for a default.
        """

        def __init__(self, compute: Callable[[Any], Any]) -> None:
            self.compute, self.__doc__ = compute, compute.__doc__

        def __get__(self, instance: Any, owner: type | None = None) -> Any:
            if instance is None:
                raise AttributeError(self.compute.__name__)
            return self.compute(instance)


class System:
    """A dynamical system, batched and differentiable. A subclass needs ``shape`` and ``step``.

    Every state is a number of fields on a periodic grid, ``(lev, y, x)``: a ring of sites is a grid
    of one row, a system without space a grid of one cell. States are *normalised* tensors
    ``(..., *shape)``, physical = offset + scale * state, so that every field has about zero mean
    and unit variance in the climate.

    Everything else has a default and may be replaced by an attribute, by a property, or by a field
    of a dataclass. Systems do not change once they are made, and are hashable: they index what is
    loaded for them.

    Attributes:
        dims: names of the axes of a state, as xarray uses them.
        interval: time between two steps of a window [``time_unit``].
        time_unit: ``"s"``, another unit of time, or ``"1"`` if time is a pure number.
        length_unit: ``"m"``, another unit of length, or ``"1"`` if cells are merely counted.
        units: physical units of a state.
        symbol: letter of the state in equations, such as ``"q"``.
        quantity: name of the state in words.
        spinup: intervals after which white noise has become a state of the climate.
        variable_word: word for one of the fields: ``variable``, ``layer`` or ``component``.
        energy_unit: unit in which energies are shown, and how many of them one unit holds.
        enstrophy_unit: the same for enstrophies; ``None`` for a system without.
        independent_climate: true if :meth:`sample_climate` gives any number of independent states.
        mirror_symmetric: true if -q(x, -y) is a state whenever q is.
        linear: true or false for a system whose steps are known to be linear or not, ``None`` for
            one with which that has to be tried.
        other_solvers: true if pyqg and a finer grid can simulate it, as true windows.
    """

    dims: tuple[str, ...] = ("lev", "y", "x")
    interval: float = 1.0
    time_unit: str = "1"
    length_unit: str = "1"
    units: str = "1"
    symbol: str = "x"
    quantity: str = "state"
    spinup: int = 100
    variable_word: str = "variable"
    energy_unit: tuple[str, float] = ("", 1.0)
    enstrophy_unit: tuple[str, float] | None = None
    independent_climate: bool = True
    mirror_symmetric: bool = False
    linear: bool | None = None
    other_solvers: bool = False

    @overridable
    def name(self) -> str:
        """Name in the registry and in messages: the class name in kebab-case, with its options."""
        return text_with_options(kebab(type(self).__name__), self)

    @overridable
    def shape(self) -> tuple[int, ...]:
        """Shape of one state, (lev, y, x)."""
        raise NotImplementedError(f"{type(self).__name__} needs a shape: (lev, y, x)")

    @overridable
    def offset(self) -> Tensor:
        """Climatological mean in physical units, ``(lev, 1, 1)``, float64."""
        return torch.zeros(self.shape[0], 1, 1, dtype=torch.float64)

    @overridable
    def scale(self) -> Tensor:
        """Physical units per normalised unit, ``(lev, 1, 1)``, float64."""
        return torch.ones(self.shape[0], 1, 1, dtype=torch.float64)

    def physical(self, x: Tensor) -> Tensor:
        """From normalised states to the variables of the equations."""
        return self.offset.to(x) + self.scale.to(x) * x

    def normalised(self, q: Tensor) -> Tensor:
        """Inverse of :meth:`physical`."""
        return (q - self.offset.to(q)) / self.scale.to(q)

    def check(self) -> None:
        """Raise :class:`InputError` unless the shape, the normalisation and the hash will do."""
        whole = all(isinstance(size, int) and size > 0 for size in self.shape)
        if len(self.shape) != 3 or not whole:
            raise InputError(
                f"shape of {self.name}", self.shape, "must be three whole numbers, (lev, y, x)",
                "Use (1, 64, 64) for one field on a plane, (1, 1, 40) for a ring of 40 sites.",
            )
        for part in ("offset", "scale"):
            found = tuple(getattr(self, part).shape)
            if found != (self.shape[0], 1, 1) and found != (1, 1, 1):
                raise InputError(
                    f"shape of the {part} of {self.name}", found, "must be (lev, 1, 1), "
                    f"{(self.shape[0], 1, 1)}", "Give one number per field.",
                )
        extremes = self.extremes
        if extremes is not None and tuple(extremes.shape) != (self.shape[0], 1, 1):
            raise InputError(
                f"shape of the extremes of {self.name}", tuple(extremes.shape),
                f"must be (lev, 1, 1), {(self.shape[0], 1, 1)}", "Give one threshold per field.",
            )
        if type(self).__hash__ is None:
            raise InputError(
                "system", self.name, "must be hashable", "Use @dataclass(frozen=True)."
            )

    # ------------------------------------------------------------ evolution

    def step(self, x: Tensor, n: int = 1, generator: torch.Generator | None = None) -> Tensor:
        """Normalised state ``n`` intervals later, same shape as ``x``.

        Args:
            x: normalised states, ``(..., *shape)``.
            n: intervals to advance.
            generator: source of the randomness of a stochastic system; unused otherwise.
        """
        raise NotImplementedError(f"{type(self).__name__} needs a method step(x, n, generator)")

    def trajectory(
        self, x: Tensor, length: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """``x`` and the ``length - 1`` states after it, ``(..., length, *shape)``.

        Args:
            x: normalised states, ``(..., *shape)``.
            length: states in all.
            generator: source of the model noise, where there is any.

        Raises:
            InputError: if a step changes the shape of a state.
        """
        states = [x]
        for _ in range(length - 1):
            states.append(self._next(states[-1], generator))
        return torch.stack(states, dim=-1 - len(self.shape))

    def sample_climate(self, count: int, generator: torch.Generator) -> Tensor:
        """States of the climate, normalised, ``(count, *shape)``, float64.

        They start from white noise N(0, I) and run for ``spinup`` intervals.

        Args:
            count: states wanted.
            generator: source of the noise, and of the model noise.

        Raises:
            InputError: if the states do not stay finite.
        """
        x = torch.randn(count, *self.shape, generator=generator, dtype=torch.float64)
        with torch.no_grad():
            for _ in range(self.spinup):
                x = self._next(x, generator)
        self._check_finite(x)
        return x

    def sample_window(self, length: int, streams: Streams) -> Tensor:
        """Consecutive states from the climate on, ``(length, *shape)``, float64.

        Args:
            length: states in all.
            streams: gives the streams ``state`` and ``noise``.
        """
        x = self.sample_climate(1, streams("state"))[0]
        with torch.no_grad():
            return self.trajectory(x, length, streams("noise"))

    def propagator(self) -> Propagator | None:
        """A cheap map over one interval in both directions of time, where there is one."""
        return None

    def _next(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        check_interruption()
        ahead = self.step(x, 1, generator)
        if ahead.shape != x.shape:
            raise InputError(
                f"state of {self.name} after a step", tuple(ahead.shape),
                f"must have the shape of the state before, {tuple(x.shape)}",
                "Mend its method step: leading axes are a batch.",
            )
        return ahead

    def _check_finite(self, x: Tensor) -> None:
        count = int((~x.isfinite()).sum())
        if count:
            raise InputError(
                f"infinite or NaN values of {self.name} after {self.spinup} intervals", count,
                "must be none", "Shorten its time step or its spinup, or give it sample_climate.",
            )

    # ------------------------------------------------------------ space and time

    @overridable
    def geometry(self) -> str:
        """``point`` for one cell, ``ring`` for one row of cells, else ``plane``."""
        rows, columns = self.shape[-2:]
        return ("point" if columns == 1 else "ring") if rows == 1 else "plane"

    @overridable
    def sides(self) -> tuple[float, float]:
        """Lengths of the domain along y and x [``length_unit``], or its numbers of cells."""
        rows, columns = self.shape[-2:]
        return float(rows), float(columns)

    @overridable
    def shifts(self) -> tuple[int, int]:
        """Cells along y and x by whose multiples the climate may be shifted."""
        return 1, 1

    def coords(self) -> Mapping[str, Sequence[float]]:
        """Coordinate values of every axis in ``dims``.

        Fields are numbered from 1, and so are cells, unless lengths have a unit: then the
        coordinates of a cell are those of its centre.
        """
        values: dict[str, Sequence[float]] = {
            name: list(range(1, size + 1)) for name, size in zip(self.dims, self.shape, strict=True)
        }
        if self.length_unit != "1":
            for name, size, side in zip(self.dims[-2:], self.shape[-2:], self.sides, strict=True):
                values[name] = ((np.arange(size) + 0.5) * (side / size)).tolist()
        return values

    @overridable
    def displayed_length(self) -> tuple[str, float]:
        """Unit in which lengths are shown, and its length [``length_unit``]."""
        return DISPLAYED_LENGTH.get(self.length_unit, (self.length_unit, 1.0))

    @overridable
    def displayed_time(self) -> tuple[str, float]:
        """Unit in which times are shown, and its length [``time_unit``]."""
        return DISPLAYED_TIME.get(self.time_unit, (self.time_unit, 1.0))

    def times(self, steps: int) -> np.ndarray:
        """Times of a window since its first state, in the unit in which they are shown."""
        return np.arange(steps) * self.interval / self.displayed_time[1]

    @overridable
    def step_word(self) -> str:
        """Word for a step of the window: its unit where an interval is one, such as ``day``."""
        unit, length = self.displayed_time
        return unit if unit != "1" and self.interval == length else "step"

    @overridable
    def time_label(self) -> str:
        """Words along an axis of time that is counted in steps."""
        if self.step_word != "step":
            return f"time ({self.step_word}s)"
        unit = "" if self.time_unit == "1" else f" {self.time_unit}"
        return f"time (steps of {self.interval:g}{unit})"

    @overridable
    def cf_attributes(self) -> Mapping[str, Mapping[str, str]]:
        """Attributes of the coordinates after the CF conventions, by name."""
        if self.length_unit != "1":
            names = ("distance to the north", "distance to the east")
        else:
            names = ("row", "column" if self.geometry == "plane" else "site")
        y, x = (
            {"long_name": name, "units": self.length_unit, "axis": axis}
            for name, axis in zip(names, "YX", strict=True)
        )
        time = "time since the first state of the window"
        lev = {"long_name": "field", "units": "1"}
        coordinates = dict(zip(self.dims, (lev, y, x), strict=True))
        return {"time": {"long_name": time, "units": self.displayed_time[0]}, **coordinates}

    # ------------------------------------------------------------ fields

    @overridable
    def variables(self) -> tuple[str, ...]:
        """Names of the fields of a state."""
        count = self.shape[0]
        return tuple(f"{self.symbol}{i + 1}" for i in range(count)) if count > 1 else (self.symbol,)

    @overridable
    def extremes(self) -> Tensor | None:
        """Thresholds beyond which a value is extreme, normalised, ``(lev, 1, 1)``.

        They are quantiles of the climate, 95 % of which lies below; ``None`` for a system whose
        forecasts are not judged by extremes.
        """
        return None

    @overridable
    def resolved(self) -> int | None:
        """Number of the fields that are resolved, which come first; the others are hidden.

        ``None`` for a system without hidden fields.
        """
        return None

    @overridable
    def quantities(self) -> Mapping[str, Quantity]:
        """Fields that can be shown of the system, by name; the first is the default."""
        return ANOMALY if self.units == "1" else {
            name: found.in_units(self.units) for name, found in ANOMALY.items()
        }
