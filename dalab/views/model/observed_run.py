"""A run with its latest frames and replay buffer. It outlives the sessions that display it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from ...experiments.config import Config
from ...experiments.experiment import Experiment
from ...experiments.replay import BYTES, Replay
from ...experiments.results.saved_runs import SavedRun
from ...experiments.results.stored_run import StoredRun
from ...experiments.run import ENDED, Frame, Run
from ...experiments.service.service import Service
from ..pictures.cycled_fields import CycledSystem
from ..pictures.field_plot import TwinFields, channels_of


class Snapshot(NamedTuple):
    """An estimate at some position of the replay.

    Attributes:
        estimate: for the requested view, ``(member, time, lev, y, x)``.
        rmse: of the ensemble mean, ``(time,)``.
        spread: of the members, ``(time,)``.
        note: progress of the method at that position, in its own terms; empty for the newest.
    """

    estimate: Tensor
    rmse: np.ndarray
    spread: np.ndarray
    note: str = ""


class ObservedRun:
    """A run, the newest frame of each of its methods, and earlier frames to replay.

    Args:
        config: the experiment.
        stored: its stored result, if it is not to be run.
        service: queues and limits.
        owner: session it belongs to.
        earlier: a run with fewer cycles, to go on from.
        on_end: called once when it has ended, in the thread that ended it.

    Raises:
        InputError: if it cannot work.

    ``browser`` is the name of the browser that it was started from, if known; ``saved`` is its copy
    on disk, and ``unsaved`` is True if it could not be written there.
    """

    def __init__(
        self, config: Config, stored: StoredRun | None = None, *,
        service: Service | None = None, owner: str = "", earlier: ObservedRun | None = None,
        on_end: Callable[[ObservedRun], None] | None = None,
    ) -> None:
        self.config, self.browser = config, ""
        self.saved: SavedRun | None = None
        self.unsaved = False
        before = earlier.run if earlier is not None and isinstance(earlier.run, Run) else None
        self.run: Run | StoredRun = stored or Run(
            config, on_frame=self._put, service=service, owner=owner, earlier=before,
            on_end=None if on_end is None else lambda: on_end(self),
        )
        self._batch: int | None = config.cycles if earlier is None else earlier._batch
        share = BYTES // len(config.methods)
        self.replays = {label: Replay(share) for label in config.labels}
        self._twin_fields: TwinFields | None = None
        self._lock, self._frames = threading.Lock(), dict(stored.frames) if stored else {}

    def start(self) -> None:
        """Start the run; a stored one has ended already.

        Raises:
            InputError: if it exceeds the limits.
        """
        if isinstance(self.run, Run):
            self.run.start()

    def frames(self) -> dict[str, Frame]:
        """Return the newest frame of each method that has one, by label."""
        with self._lock:
            return dict(self._frames)

    def snapshot(self, label: str, position: float, view: str = "mean") -> Snapshot | None:
        """Return a method at a replay position, or ``None`` before its first step.

        Args:
            label: the method.
            position: share of its work that was done, 0 to 1; 1 is the newest.
            view: view to make of it, one of :data:`dalab.views.pictures.field_plot.VIEWS`.
        """
        past = self.replays[label].at(position) if position < 1 else None
        if past is not None:
            states = past.members if view in ("sample", "spread") else past.mean
            return Snapshot(states.float(), past.rmse, past.spread, past.note)
        frame = self.frames().get(label)
        if frame is None:
            return None
        return Snapshot(frame.step.estimate, frame.rmse, frame.spread)

    @property
    def twin_fields(self) -> TwinFields | None:
        """Truth and observations of a window, once they are prepared."""
        if self._twin_fields is None and self.run.twin is not None and not self.cycled:
            self._twin_fields = TwinFields(self.run.twin)
        return self._twin_fields

    @property
    def cycled(self) -> bool:
        """True for a cycled experiment."""
        return self.config.cycles is not None

    @cached_property
    def cycled_system(self) -> CycledSystem:
        """System and channels of a cycled experiment, as its plots need them."""
        if isinstance(self.run, Run):
            return cycled_system(self.run.experiment)
        config = self.config
        return CycledSystem(self.run.system, config.system, self.run.channels, config.interval, {})

    @property
    def has_states(self) -> bool:
        """True if there is a truth to show."""
        return any(r.ring for r in self.run.recorders.values()) or self.twin_fields is not None

    @property
    def can_continue(self) -> bool:
        """True if more cycles can be added: it has ended, and its states are at hand."""
        ended = self.run.state in ("done", "cancelled")
        return self.cycled and isinstance(self.run, Run) and ended and self.has_states

    def longer(self, wanted: int = 0) -> Config:
        """Return the experiment that goes on from this run, with its burn-in.

        It goes on to ``wanted`` cycles if these are more than there are. Otherwise a run that was
        stopped goes on to its end, and one that is done takes as many cycles more as it had first.
        """
        reached = max(known.cycle for known in self.run.recorders.values())
        cycles, batch = self.config.cycles or 0, self._batch or 0
        if wanted > reached:
            cycles = wanted
        elif self.run.state == "done":
            cycles += batch
        burn_in = next(iter(self.run.recorders.values())).schedule.burn_in
        if burn_in >= cycles:  # nothing has been counted yet
            burn_in = max(reached, cycles // 5)
        return self.config.replace(cycles=cycles, burn_in=burn_in)

    @property
    def result(self) -> Any:
        """The ``xarray.DataTree`` of the run, which has ended."""
        return self.run.result

    @property
    def over(self) -> bool:
        """True if the run has ended."""
        return self.run.state in ENDED

    @property
    def nbytes(self) -> int:
        """Bytes of the estimates and of the replay."""
        frames = sum(frame.step.estimate.nbytes for frame in self.frames().values())
        rings = sum(known.nbytes for known in self.run.recorders.values())
        return frames + rings + sum(replay.nbytes for replay in self.replays.values())

    def cancel(self) -> None:
        """End the run now; its results so far stay."""
        self.run.cancel()

    def _put(self, frame: Frame) -> None:
        """Store a frame of a window; called in the thread of the run."""
        if self.cycled:
            return  # its recorders keep the states
        with self._lock:
            self._frames[frame.method] = frame
        self.replays[frame.method].add(frame)


def cycled_system(made: Experiment) -> CycledSystem:
    """Return the parts of a cycled experiment that its plots need."""
    channels = channels_of(made.config.operators, made.observing)
    return CycledSystem(made.system, made.config.system, channels, made.cycling.interval, {})
