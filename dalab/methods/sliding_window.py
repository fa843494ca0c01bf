"""Sliding window: the window methods in a cycled experiment.

At every analysis a window method estimates the last states of the flow together, and the last of
them is the analysis. The background at the first state of the window is the analysis that was made
when that state was the newest: its mean, with an error that is taken for white. That analysis has
seen the observations up to its own time, so the window holds those that came after: each counts
once.

The errors of an analysis are those of its large scales above all. White errors of the same size
would call these almost certain, and the windows would believe their backgrounds instead of the
observations. So the standard deviation is that of white errors which are as large, in the octave of
wavenumbers where the members differ most, as their spread: no scale is trusted more than it should
be, and the small ones are less.

Before the first window is full there are only forecasts. A window whose first state is such a
forecast has no background, and holds the observations of that time too.

A method that starts from a first guess (``start=invert``) is given the windows of its members
instead: their last analyses, one step on, with the new forecast at the end. They hold what earlier
observations have told, so there is no background, and the window holds the observations of all its
times. All states of the window are analysed again, and the first is that of a fixed-lag smoother.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ..notes import note
from ..observations import ObservingNetwork
from ..priors.denoisers.rings import ring_sums
from ..random import MemberStreams
from .base import Background, Method, Problem, Step
from .filtering import Filter, State

FLOOR = 0.01
"""Smallest standard deviation that a background is given."""


class SlidingWindow(Filter):
    """Filter that runs a window method at every analysis.

    Args:
        method: the window method.
        length: states in its windows.
    """

    def __init__(self, method: Method, length: int) -> None:
        super().__init__()
        self.method, self.length = method, length
        self.family = method.family  # type: ignore[misc]  # that of one method

    def size(self, members: int) -> int:
        return self.method.size(members)

    def check(self, problem: Problem, members: int) -> None:
        """The method checks its windows itself."""

    # --- what it carries --------------------------------------------------------------------------

    def begin(self, ensemble: Tensor, problem: Problem) -> State:
        if self.method.uses_augmented:
            problem.check_augmented()
        repeats, members, *shape = ensemble.shape
        state = {
            "ensemble": ensemble, "times": torch.tensor(1),
            "means": ensemble.new_zeros(repeats, self.length, *shape),
            "stds": ensemble.new_zeros(repeats, self.length),  # 0 where there was no analysis
        }
        if self.method.uses_first_guess:
            windows = ensemble.new_zeros(repeats, members, self.length, *shape)
            windows[:, :, -1] = ensemble
            state["windows"] = windows
        return state

    def forecast(
        self, state: State, problem: Problem, steps: int = 1,
        generator: torch.Generator | None = None,
    ) -> State:
        for _ in range(steps):
            state = self._ahead(super().forecast(state, problem, 1, generator))
        return state

    def _ahead(self, state: State) -> State:
        """The window one step later: of its last state nothing is known but the forecast."""
        moved = {k: _slide(v, _axis_of_time(k)) for k, v in state.items()
                 if k not in ("ensemble", "times", "doubtful")}
        if "windows" in moved:
            moved["windows"][:, :, -1] = state["ensemble"]
        return {**state, **moved, "times": (state["times"] + 1).clamp(max=self.length)}

    def assimilate(self, state: State, problem: Problem, streams: MemberStreams) -> State:
        state = {**state, **self._observations(state, problem)}
        if state["times"] < self.length:
            return state
        steps = [
            self._last_step(state, problem, repeat, streams) for repeat in range(len(problem.data))
        ]
        found = torch.stack([step.estimate for step in steps])
        if "windows" in state:
            state["windows"] = found
        x = found[:, :, -1]
        means, stds = state["means"].clone(), state["stds"].clone()
        means[:, -1], stds[:, -1] = x.mean(1), white_spread(x).clamp(min=FLOOR)
        doubtful = torch.tensor(any(step.warning for step in steps))
        return {**state, "ensemble": x, "means": means, "stds": stds, "doubtful": doubtful}

    def warning(self, state: State) -> str:
        doubtful = bool(state.get("doubtful", torch.tensor(False)))
        return "not converged in a window" if doubtful else ""

    @property
    def past_times(self) -> int:
        """Of an inverted window all states are analysed anew: it is a fixed-lag smoother."""
        return self.length - 1 if self.method.uses_first_guess else 0

    def smoothed(self, state: State) -> Tensor:
        if "windows" not in state:
            return super().smoothed(state)
        return state["windows"][:, :, -int(state["times"]) :]

    def _observations(self, state: State, problem: Problem) -> State:
        """Cells and values of every instrument in the window, with those of the last step."""
        found: State = {}
        pieces = problem.network.split(problem.data)
        for i, (instrument, values) in enumerate(
            zip(problem.network.instruments, pieces, strict=True)
        ):
            fields = instrument.put(values)
            empty = instrument.mask.new_zeros(self.length, *instrument.mask.shape[1:])
            mask = state.get(f"mask {i}", empty).clone()
            data = state.get(f"data {i}", fields.new_zeros(
                len(fields), self.length, *fields.shape[2:]
            )).clone()
            mask[-1], data[:, -1] = instrument.mask[0], fields[:, 0]
            found |= {f"mask {i}": mask, f"data {i}": data}
        return found

    # --- one window -------------------------------------------------------------------------------

    def _last_step(
        self, state: State, problem: Problem, repeat: int, streams: MemberStreams
    ) -> Step:
        """Last step of the method in the window of one repeat."""
        now = self.window(state, problem, repeat)
        repeats = len(problem.data)
        of = f"repeat {repeat + 1} of {repeats}, " if repeats > 1 else ""
        for step in self.method.prepare(now).iterate(now, streams):
            note(f"{of}{step.note}")
        return step

    def window(self, state: State, problem: Problem, repeat: int) -> Problem:
        """The problem of the window of one repeat."""
        guess = state["windows"][repeat] if "windows" in state else None
        background = self._background(state, repeat) if guess is None else None
        network = ObservingNetwork(tuple(
            replace(one, mask=_without_first(state[f"mask {i}"], background is not None))
            for i, one in enumerate(problem.network.instruments)
        ))
        data = torch.cat([
            instrument.take(state[f"data {i}"][repeat])
            for i, instrument in enumerate(network.instruments)
        ])
        return replace(
            problem, network=network, data=data, background=background, first_guess=guess
        )

    def _background(self, state: State, repeat: int) -> Background | None:
        """The analysis that was made of the first state; ``None`` if there was none."""
        std = float(state["stds"][repeat, 0])
        return Background(state["means"][repeat, 0], std) if std > 0 else None


def white_spread(x: Tensor) -> Tensor:
    """Standard deviation of white errors as large as the spread where that is largest.

    Args:
        x: ensembles of two members or more, ``(repeats, N, lev, y, x)``.

    Returns:
        Root of the largest mean variance of a Fourier coefficient in any octave, ``(repeats,)``.
    """
    power = torch.fft.rfft2(x - x.mean(1, keepdim=True), norm="ortho").abs().square()
    variance = power.sum(1).mean(1) / (x.shape[1] - 1)
    rings = ring_sums(torch.stack([variance, torch.ones_like(variance)]), x.shape[-1])
    octave = torch.arange(rings.shape[-1]).clamp(min=1).log2().long().to(x.device)
    octaves = rings.new_zeros(*rings.shape[:-1], int(octave.max()) + 1)
    total, modes = octaves.index_add_(-1, octave, rings)
    return (total / modes).amax(-1).sqrt()


def _without_first(mask: Tensor, wanted: bool) -> Tensor:
    """A mask whose first step is empty, if wanted."""
    if not wanted:
        return mask
    left = mask.clone()
    left[0] = False
    return left


def _axis_of_time(name: str) -> int:
    """Axis of time of a tensor of the state."""
    if name == "windows":
        return 2
    return int(not name.startswith("mask"))


def _slide(x: Tensor, dim: int) -> Tensor:
    """Drop the first entry of an axis and append an empty one."""
    empty = torch.zeros_like(x.narrow(dim, 0, 1))
    return torch.cat([x.narrow(dim, 1, x.shape[dim] - 1), empty], dim)
