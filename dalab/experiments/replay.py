"""Bounded record of how an estimate formed, evenly spaced over the run.

The number of steps of a method is not known in advance. Every ``stride``-th step is kept; when the
capacity is exceeded, every other one is dropped and the stride doubles. So at least half of the
capacity is in use, and the frames kept are equally spaced.
"""

from __future__ import annotations

import bisect
import threading
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from .progress import Frame

MAX_FRAMES = 40
"""Maximum number of frames of a method."""

MEMBERS = 4
"""Members kept of each frame."""

BYTES = 64 * 2**20
"""Memory for the frames of all methods of a run [bytes]."""


@dataclass(frozen=True)
class ReplayFrame:
    """An estimate during a run, in half precision.

    Args:
        fraction: completed share of the method.
        note: the method's own note on its progress.
        mean: mean of all members, ``(1, time, lev, y, x)``.
        members: the first members, ``(member, time, lev, y, x)``.
        rmse: RMSE of the ensemble mean at every step of the window, ``(time,)``.
        spread: spread of the members, ``(time,)``.
    """

    fraction: float
    note: str
    mean: Tensor
    members: Tensor
    rmse: np.ndarray
    spread: np.ndarray


def compress(frame: Frame) -> ReplayFrame:
    """Reduce a frame to the part that is kept."""
    estimate = frame.step.estimate
    return ReplayFrame(
        frame.step.fraction, frame.step.note, estimate.mean(0, keepdim=True).half(),
        estimate[:MEMBERS].half(), frame.rmse, frame.spread,
    )


class Replay:
    """Frames of one method.

    Args:
        most: maximum memory of the frames [bytes].
    """

    def __init__(self, most: int = BYTES) -> None:
        self._most, self._stride, self._received = most, 1, 0
        self._frames: list[ReplayFrame] = []
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def nbytes(self) -> int:
        """Memory of the frames [bytes]."""
        with self._lock:
            return sum(m.mean.nbytes + m.members.nbytes for m in self._frames)

    def add(self, frame: Frame) -> None:
        """Add the next frame of the method."""
        wanted = self._received % self._stride == 0
        self._received += 1
        if not wanted:
            return
        new = compress(frame)
        with self._lock:
            self._frames.append(new)
            if len(self._frames) > self._capacity(new):
                self._frames, self._stride = self._frames[::2], 2 * self._stride

    def at(self, fraction: float) -> ReplayFrame | None:
        """Return the last frame not after ``fraction``, or the first; ``None`` without any."""
        with self._lock:
            if not self._frames:
                return None
            after = bisect.bisect_right(self._frames, fraction, key=lambda m: m.fraction)
            return self._frames[max(after - 1, 0)]

    def _capacity(self, new: ReplayFrame) -> int:
        """Return the number of frames of this size that may be kept, at least two."""
        size = new.mean.nbytes + new.members.nbytes
        return max(2, min(MAX_FRAMES, self._most // size))
