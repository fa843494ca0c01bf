"""Nature: the sources of the truths of a cycled experiment, which advance as long as wanted.

The state of nature is one tensor, so that a run can go on from it: normalised states of the true
system, or the number of a frame of a file. The true system may differ from the forecast model in
its parameters, its resolution or its equations; the methods see its states through
:meth:`Nature.truth`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from ..errors import InputError
from ..systems import SYSTEMS, QGSystem, System
from ..systems.library import library_names
from ..systems.pyqg_truth import block_mean
from ..systems.qg_library import draw_images
from ..systems.spinup import refine, upsample
from .shocks import Shocks
from .truth import TRUTHS, TruthSource, check_source
from .truth_file import NormalStart, read_windows

SPINUP_DAYS = 30
"""Days for which two-layer flow evolves from a state of its library before a run."""


class Nature(ABC):
    """Source of the truths of a cycled experiment."""

    @abstractmethod
    def start(self, generator: torch.Generator) -> Tensor:
        """State of nature at the start."""

    @abstractmethod
    def advance(self, state: Tensor, intervals: int, generator: torch.Generator) -> Tensor:
        """State of nature some intervals of the forecast model later."""

    @abstractmethod
    def truth(self, state: Tensor) -> Tensor:
        """Truths of a state in the variables of the forecast model, ``(repeats, *shape)``."""

    def shock_sizes(self, intervals: int, generator: torch.Generator) -> Tensor:
        """Sizes of the shocks that :meth:`advance` takes, ``(intervals, repeats)``.

        Args:
            intervals: as for :meth:`advance`.
            generator: in the state in which :meth:`advance` is given it.
        """
        return torch.zeros(intervals, 1, dtype=torch.float64)


@dataclass(frozen=True)
class ModelNature(Nature):
    """Truths of a system, the forecast model itself or another one.

    Args:
        system: the true system.
        model: the forecast model.
        repeats: independent truths.
        dtype: floating-point type.
        device: where they advance.
        process_noise: standard deviation of what every interval adds, normalised, white.
        shocks: jumps.
        first: start, normalised, ``shape``; a draw of the climate if ``None``.
        law: law of starts that are not draws of the climate, if there is one.
    """

    system: System
    model: System
    repeats: int
    dtype: torch.dtype
    device: torch.device
    process_noise: float = 0.0
    shocks: Shocks = Shocks()
    first: Tensor | None = None
    law: NormalStart | None = None

    def start(self, generator: torch.Generator) -> Tensor:
        with torch.no_grad():
            return self._draw(generator).to(self.device, self.dtype)

    def _draw(self, generator: torch.Generator) -> Tensor:
        if self.first is not None:
            return self.first.expand(self.repeats, *self.first.shape).clone()
        if self.law is not None:
            states = self.law.draw((self.repeats, *self.system.shape), generator)
            return self.system.normalised(states)
        finer = isinstance(self.model, QGSystem) and self.system.shape != self.model.shape
        if not finer or self.system.name in library_names():
            return self.system.sample_climate(self.repeats, generator)
        library = cast(QGSystem, self.model).library_states()
        states = upsample(draw_images(library, self.repeats, generator))
        return self.system.step(states, SPINUP_DAYS)

    def advance(self, state: Tensor, intervals: int, generator: torch.Generator) -> Tensor:
        steps = whole_steps(self.system, self.model)
        if not (self.process_noise or self.shocks.kinds):
            return self.system.step(state, intervals * steps, generator)
        sizes = self.shock_sizes(intervals, generator)  # first, so that they can be drawn again
        for each in sizes:
            state = self._disturbed(self.system.step(state, steps, generator), each, generator)
        return state

    def shock_sizes(self, intervals: int, generator: torch.Generator) -> Tensor:
        return self.shocks.sizes(intervals, self.repeats, generator)

    def _disturbed(self, x: Tensor, sizes: Tensor, generator: torch.Generator) -> Tensor:
        if self.process_noise:
            normal = torch.randn(x.shape, generator=generator, dtype=x.dtype)
            x = x + self.process_noise * normal.to(x)
        q = self.shocks.jumped(self.system.physical(x), sizes, generator)
        return self.system.normalised(q)

    def truth(self, state: Tensor) -> Tensor:
        if self.system is self.model:
            return state
        q = self.system.physical(state)
        fields, _, nx = self.model.shape
        q = block_mean(q[:, :fields], q.shape[-1] // nx) if q.shape[-2] > 1 else q[:, :fields]
        return self.model.normalised(q)


@dataclass(frozen=True)
class RecordedNature(Nature):
    """Truths that are there already: the frames of a file, or of a tensor.

    The state of nature is the number of the frame.

    Args:
        frames: normalised, ``(repeats, time, *shape)``, one per interval.
    """

    frames: Tensor

    def start(self, generator: torch.Generator) -> Tensor:
        return torch.zeros((), dtype=torch.long)

    def advance(self, state: Tensor, intervals: int, generator: torch.Generator) -> Tensor:
        return state + intervals

    def truth(self, state: Tensor) -> Tensor:
        return self.frames[:, int(state)]


@dataclass(frozen=True, kw_only=True)
class Truths:
    """The truths that a cycled experiment wants.

    Args:
        source: ``model``, ``model-fine``, the registry text of a system, a file, or numbers: a
            state ``shape`` to start from, or frames ``(time, *shape)``.
        model: the forecast model.
        intervals: of the run, in all.
        repeats: independent truths.
        process_noise: see :class:`ModelNature`.
        shocks: see :class:`Shocks`.
        seed: of the first frame in a file.
        law: of the starts of simulated truths, instead of the climate.
    """

    source: TruthSource
    model: System
    intervals: int
    repeats: int = 1
    process_noise: float = 0.0
    shocks: str = ""
    seed: int = 0
    law: NormalStart | None = None

    @property
    def frames(self) -> bool:
        """True if the source is an array of frames."""
        shape = torch.Size(self.model.shape)
        return isinstance(self.source, Tensor) and self.source.shape != shape

    @cached_property
    def system(self) -> System | None:
        """The true system; ``None`` for frames and files."""
        if isinstance(self.source, Tensor):
            return None if self.frames else self.model
        return true_system(str(self.source), self.model)

    def check(self) -> None:
        """Raise what can be known before any work.

        Raises:
            InputError: if the truths cannot be had.
        """
        Shocks.of(self.shocks)
        if isinstance(self.source, Tensor) or self.system is None:
            check_source(self.source, self.model, self.intervals + 1)
        if self.system is None:
            self._check_recorded()

    def _check_recorded(self) -> None:
        for what, value, none in (
            ("process noise", self.process_noise, 0.0), ("shocks", self.shocks, ""),
            ("start", self.law and "normal:truth=True", None),
        ):
            if value != none:
                raise InputError(
                    what, value, "must be left out for recorded truths, which are as they are",
                    "Leave it out.",
                )

    def nature(self, dtype: torch.dtype, device: torch.device) -> Nature:
        """Their source.

        Raises:
            InputError: if the truths cannot be had.
        """
        if self.system is not None:
            return ModelNature(
                self.system, self.model, self.repeats, dtype, device, self.process_noise,
                Shocks.of(self.shocks), self.source if isinstance(self.source, Tensor) else None,
                self.law,
            )
        if isinstance(self.source, Tensor):
            return RecordedNature(self.source[None].to(device, dtype))
        seeds = range(self.seed, self.seed + self.repeats)
        windows = read_windows(Path(str(self.source)), self.model, self.intervals + 1, seeds)
        return RecordedNature(windows.to(device, dtype))

    def simulated(self, count: int, dtype: torch.dtype) -> ModelNature:
        """Other truths of the same kind, from the climate on, on the CPU.

        Args:
            count: independent truths.
            dtype: floating-point type.

        Raises:
            InputError: if the truths are those of a file or an array.
        """
        if self.system is None:
            raise InputError(
                "model error", "told", "must be untold for recorded truths, of which no others "
                "can be drawn", "Use untold.",
            )
        return ModelNature(
            self.system, self.model, count, dtype, torch.device("cpu"), self.process_noise,
            Shocks.of(self.shocks),
        )


def true_system(source: str, model: System) -> System | None:
    """The system of the truths that a text names; ``None`` for a file.

    Args:
        source: ``model``, ``model-fine``, or a registry text of a system, such as
            ``lorenz96:forcing=8.5``.
        model: the forecast model.

    Raises:
        InputError: for pyqg, which cannot be resumed, or a system that does not fit the model.
    """
    if source == "model":
        return model
    if source == "model-fine":
        if not isinstance(model, QGSystem):
            raise InputError(
                "truth", source, f"must be two-layer QG, not {model.name}", "Use model."
            )
        return refine(model)
    if source.startswith("pyqg"):
        raise InputError(
            "truth", source, "keeps no state from which a cycled run could go on",
            "Use model, model-fine, another system, or a file that pyqg wrote.",
        )
    if source in TRUTHS:
        raise InputError(
            "truth", source, "has the states of a window, not of a cycled run",
            "Use model, or dalab.Experiment(truth=...) with a state for every cycle.",
        )
    if source.partition(":")[0] not in SYSTEMS:
        return None
    system = SYSTEMS.make(source)
    _check_fit(system, model, source)
    return system


def _check_fit(system: System, model: System, source: str) -> None:
    """Raise unless the states of a system can be seen as those of the forecast model."""
    (fields, ny, nx), (wanted, *grid) = system.shape, model.shape
    blocks = [ny % grid[0], nx % grid[1], ny // grid[0] - nx // grid[1] if grid[0] > 1 else 0]
    if fields < wanted or any(blocks) or (grid[0] == 1 and nx != grid[1]):
        raise InputError(
            f"shape of the truth {source}", system.shape,
            f"must be seen as that of the forecast model {model.name}, {model.shape}: as many "
            "fields or more, and cells that can be averaged", "Choose another system.",
        )
    whole_steps(system, model)


def whole_steps(system: System, model: System) -> int:
    """Intervals of a true system in one of the forecast model.

    Raises:
        InputError: if that is no whole number.
    """
    ratio = model.interval / system.interval
    if not (ratio > 0.5 and math.isclose(ratio, round(ratio), rel_tol=1e-9)):
        raise InputError(
            f"interval of the truth {system.name}", system.interval,
            f"must divide that of the forecast model, {model.interval:g}",
            f"Use interval={model.interval:g} for both.",
        )
    return round(ratio)
