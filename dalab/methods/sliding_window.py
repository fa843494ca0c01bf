"""Sliding window: the window methods in a cycled experiment.

At every analysis a window method estimates the last states of the flow together, from the
observations since the first of them and from a background there: the mean of what the window before
estimated for that time, with the root-mean-square spread of its members for the standard deviation
of its error. The last state of the window is the analysis.

The observations of a time are so used in every window that holds them, and again by the background
of later ones, whose error is taken for white and independent of them. A filter uses each once. It
is the comparison with methods like DAISI that assimilate windows in sequence. Until the first
window is full, there are only forecasts; it has no background.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import torch
from torch import Tensor

from ..observations import ObservingNetwork
from ..random import MemberStreams
from .base import Background, Method, Problem
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
        return {"ensemble": ensemble, "window": ensemble.unsqueeze(2), "fresh": torch.tensor(True)}

    def forecast(
        self, state: State, problem: Problem, steps: int = 1,
        generator: torch.Generator | None = None,
    ) -> State:
        for _ in range(steps):
            state = self._ahead(super().forecast(state, problem, 1, generator))
        return state

    def _ahead(self, state: State) -> State:
        """The window one step later: the forecast is its last state, without observations."""
        window = torch.cat([state["window"], state["ensemble"].unsqueeze(2)], 2)
        masks = {k: _slide(v, 0, self.length) for k, v in state.items() if k.startswith("mask")}
        data = {k: _slide(v, 1, self.length) for k, v in state.items() if k.startswith("data")}
        return {**state, **masks, **data, "window": window[:, :, -self.length :]}

    def assimilate(self, state: State, problem: Problem, streams: MemberStreams) -> State:
        state = {**state, **self._observations(state, problem)}
        if state["window"].shape[2] < self.length:
            return state
        window = torch.stack([
            self._estimate(state, problem, repeat, streams) for repeat in range(len(problem.data))
        ])
        return {
            **state, "ensemble": window[:, :, -1], "window": window, "fresh": torch.tensor(False)
        }

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

    def _estimate(
        self, state: State, problem: Problem, repeat: int, streams: MemberStreams
    ) -> Tensor:
        """Members of the window of one repeat, ``(N, length, lev, y, x)``."""
        numbered = enumerate(problem.network.instruments)
        network = ObservingNetwork(
            tuple(replace(one, mask=state[f"mask {i}"]) for i, one in numbered)
        )
        data = torch.cat([
            instrument.take(state[f"data {i}"][repeat])
            for i, instrument in enumerate(network.instruments)
        ])
        now = replace(
            problem, network=network, data=data, background=self._background(state, repeat)
        )
        steps = self.method.prepare(now).iterate(now, streams)
        return deque(steps, maxlen=1)[0].estimate

    def _background(self, state: State, repeat: int) -> Background | None:
        if state["fresh"]:
            return None
        first = state["window"][repeat, :, 0]
        spread = float(first.var(0).mean().sqrt()) if len(first) > 1 else 0.0
        return Background(first.mean(0), max(spread, FLOOR))


def _slide(x: Tensor, dim: int, length: int) -> Tensor:
    """Drop the first entry of an axis and append an empty one."""
    empty = torch.zeros_like(x.narrow(dim, 0, 1))
    return torch.cat([x.narrow(dim, 1, length - 1), empty], dim)
