r"""Systems of a fixed time step: a normalisation, model noise, a climate at no cost.

Model noise, where a system has it, is additive and white: after every time step

.. math:: x \leftarrow x + b \sqrt{dt} \, e , \qquad e \sim N(0, I) .

Noise of an interval is added once, at its end, whatever its length.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import param
import torch
from torch import Tensor

from ..errors import InputError
from ..interruption import check_interruption
from ..option_fields import option, positive, real
from .base import Propagator
from .parametric import ParametricSystem

MOST = 1_000_000
"""Most time steps of an interval."""


def time_step(default: float, most: float = 0.1) -> Any:
    """Make the field of a time step."""
    return positive(default, most, "time step [model time]")


def time_between(default: float) -> Any:
    """Make the field of the time between two steps of a window."""
    doc = "time between two steps of a window [model time], a whole number of dt"
    return positive(default, 1000.0, doc)


@dataclass(frozen=True, kw_only=True)
class InTimeSteps(ParametricSystem, ABC):
    """A system in time steps of ``dt``, seen at regular intervals, in normalised variables.

    A system with other parameters keeps the normalisation of the setting that it is named after,
    which only defines units.

    Args:
        name: name of the setting.

    Raises:
        InputError: if a parameter is out of bounds, or ``dt`` does not divide ``interval``.
    """

    name: str
    dt: float = time_step(0.01)
    interval: float = time_between(0.1)
    interval_noise: float = real(
        0.0, 0.0, 1e6, "standard deviation of the noise that ends an interval [units]; 0 for none"
    )
    quantity = "state anomaly"
    spinup_time: ClassVar[float] = 20.0
    """Model time after which a random state has become one of the climate."""

    def __post_init__(self) -> None:
        super().__post_init__()
        ratio = self.interval / self.dt
        if ratio > MOST:
            raise InputError(
                "time step dt", self.dt, f"must be at least {self.interval / MOST:g}, so that the "
                f"interval of {self.interval} has at most {MOST} of them", "Use a longer one.",
            )
        if not (ratio > 0.5 and math.isclose(ratio, round(ratio), rel_tol=1e-9)):
            raise InputError(
                "interval", self.interval, f"must be a whole number of time steps of {self.dt}",
                f"Use {10 * self.dt:g}.",
            )

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int, int]:
        """Shape of one state."""

    @property
    @abstractmethod
    def offset(self) -> Tensor:
        """Climatological mean of every field, ``(lev, 1, 1)``, float64."""

    @property
    @abstractmethod
    def scale(self) -> Tensor:
        """Climatological standard deviation of every field, ``(lev, 1, 1)``, float64."""

    @abstractmethod
    def advance(self, q: Tensor, steps: int, generator: torch.Generator | None = None) -> Tensor:
        """States after ``steps`` time steps, in the variables of the equations.

        Args:
            q: states, ``(..., *shape)``.
            steps: time steps.
            generator: source of the model noise; without one there is none.
        """

    @property
    def steps_per_interval(self) -> int:
        """Time steps in one interval."""
        return round(self.interval / self.dt)

    def step(self, x: Tensor, n: int = 1, generator: torch.Generator | None = None) -> Tensor:
        """Normalised state ``n`` intervals later.

        Args:
            x: normalised states, ``(..., *shape)``.
            n: intervals to advance.
            generator: source of the model noise; without one there is none.
        """
        return self.normalised(self._over_intervals(self.physical(x), n, generator))

    def _over_intervals(
        self, q: Tensor, n: int, generator: torch.Generator | None
    ) -> Tensor:
        """States some intervals later, in the variables of the equations."""
        if not (self.interval_noise and generator is not None):
            return self.advance(q, n * self.steps_per_interval, generator)
        for _ in range(n):
            q = self.advance(q, self.steps_per_interval, generator)
            normal = torch.randn(q.shape, generator=generator, dtype=torch.float64)
            q = q + self.interval_noise * normal.to(q)
        return q

    def trajectory(
        self, x: Tensor, length: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """``x`` and the ``length - 1`` states after it, ``(..., length, *shape)``.

        Args:
            x: normalised states, ``(..., *shape)``.
            length: states in all.
            generator: source of the model noise; without one there is none.
        """
        states = [self.physical(x)]
        for _ in range(length - 1):
            states.append(self._over_intervals(states[-1], 1, generator))
        return self.normalised(torch.stack(states, dim=-4))

    def sample_climate(self, count: int, generator: torch.Generator) -> Tensor:
        """Independent states of the climate, normalised, ``(count, *shape)``, float64.

        They start from white noise about the mean and run for ``spinup_time`` of model time.

        Args:
            count: states wanted.
            generator: source of the noise, and of the model noise.
        """
        white = torch.randn(count, *self.shape, generator=generator, dtype=torch.float64)
        if self.interval_noise:
            return self.step(white, math.ceil(self.spinup_time / self.interval), generator)
        steps = round(self.spinup_time / self.dt)
        return self.normalised(self.advance(self.physical(white), steps, generator))


@dataclass(frozen=True, kw_only=True)
class TimeStepped(InTimeSteps):
    """A system that is deterministic but for additive white noise after every time step.

    Raises:
        InputError: as in :class:`InTimeSteps`.
    """

    noise: float = real(
        0.0, 0.0, 100.0, "amplitude b of the model noise [units / sqrt(time)]; 0 for none"
    )

    @abstractmethod
    def advance_once(self, q: Tensor) -> Tensor:
        """States ``(..., *shape)`` one time step later, in the variables of the equations."""

    def advance(self, q: Tensor, steps: int, generator: torch.Generator | None = None) -> Tensor:
        """States after ``steps`` time steps, in the variables of the equations.

        Args:
            q: states, ``(..., *shape)``.
            steps: time steps.
            generator: source of the model noise; without one there is none.
        """
        for _ in range(steps):
            check_interruption()
            q = self.advance_once(q)
            if self.noise and generator is not None:
                normal = torch.randn(q.shape, generator=generator, dtype=torch.float64)
                q = q + self.noise * math.sqrt(self.dt) * normal.to(q)
        return q


@dataclass(frozen=True, kw_only=True)
class RungeKutta(TimeStepped):
    """A system dq/dt = f(q) in steps of the classical fourth-order Runge-Kutta scheme, or Euler's.

    Raises:
        InputError: as in :class:`TimeStepped`.
    """

    scheme: str = option(param.Selector(
        default="rk4", objects=["rk4", "euler"],
        doc="of the time steps: rk4, or forward Euler, as in CCDM",
    ))

    @abstractmethod
    def tendency(self, q: Tensor) -> Tensor:
        """dq/dt of states ``(..., *shape)`` in the variables of the equations, a new tensor."""

    def advance_once(self, q: Tensor) -> Tensor:
        return SCHEMES[self.scheme](self.tendency, q, self.dt)

    def propagator(self) -> Propagator:
        """The scheme itself, with time steps of both signs."""
        step = SCHEMES[self.scheme]

        def propagate(states: Tensor) -> Tensor:
            ahead, back = self.physical(states)
            for _ in range(self.steps_per_interval):
                ahead = step(self.tendency, ahead, self.dt)
                back = step(self.tendency, back, -self.dt)
            return self.normalised(torch.stack([ahead, back]))

        return propagate


def rk4(tendency: Callable[[Tensor], Tensor], q: Tensor, dt: float) -> Tensor:
    """One step of the classical fourth-order Runge-Kutta scheme for an autonomous system.

    Args:
        tendency: f of dq/dt = f(q), shaped like its argument.
        q: states.
        dt: time step.
    """
    k1 = tendency(q)
    k2 = tendency((dt / 2 * k1).add_(q))
    k3 = tendency((dt / 2 * k2).add_(q))
    k4 = tendency((dt * k3).add_(q))
    slope = (2 * k2).add_(k1).add_(2 * k3).add_(k4)
    return slope.mul_(dt / 6).add_(q)


def euler(tendency: Callable[[Tensor], Tensor], q: Tensor, dt: float) -> Tensor:
    """One step of the forward Euler scheme; arguments as for :func:`rk4`."""
    return tendency(q).mul_(dt).add_(q)


SCHEMES = {"rk4": rk4, "euler": euler}
"""Schemes by name."""
