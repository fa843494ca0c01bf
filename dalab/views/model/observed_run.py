"""A run with its latest frames and replay buffer. It outlives the sessions that display it."""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from ...experiments.config import Config
from ...experiments.replay import BYTES, Replay
from ...experiments.results.stored_run import StoredRun
from ...experiments.run import ENDED, Frame, Run
from ...experiments.service.service import Service
from ..pictures.field_plot import TwinFields


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

    Raises:
        InputError: if it cannot work.
    """

    def __init__(
        self, config: Config, stored: StoredRun | None = None, *,
        service: Service | None = None, owner: str = "",
    ) -> None:
        self.config = config
        self.run = stored or Run(config, on_frame=self._put, service=service, owner=owner)
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
        """Truth and observations, once they are prepared."""
        if self._twin_fields is None and self.run.twin is not None:
            self._twin_fields = TwinFields(self.run.twin)
        return self._twin_fields

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
        return frames + sum(replay.nbytes for replay in self.replays.values())

    def cancel(self) -> None:
        """End the run now; its results so far stay."""
        self.run.cancel()

    def _put(self, frame: Frame) -> None:
        """Store a frame; called in the thread of the run."""
        with self._lock:
            self._frames[frame.method] = frame
        self.replays[frame.method].add(frame)
