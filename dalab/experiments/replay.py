"""A bounded memory of how an estimate formed, evenly spread over the run.

A method yields its steps one after the other and nobody knows how many are worth keeping. Every
``stride``-th is kept; when there is no room left, every other one goes and the stride doubles. So
between half of the room and all of it is in use, and the moments kept are equally far apart.
"""

from __future__ import annotations

import bisect
import threading
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from .progress import Frame

MAX_FRAMES = 40
"""Moments of a method at most."""

MEMBERS = 4
"""Members kept of each moment."""

BYTES = 64 * 2**20
"""Memory for the moments of all methods of a run."""


@dataclass(frozen=True)
class ReplayFrame:
    """An estimate at some moment, in half precision.

    Args:
        fraction: share of the method's work done.
        note: where the method stood, in its own terms.
        mean: of all members, ``(1, time, lev, y, x)``.
        members: the first of them, ``(member, time, lev, y, x)``.
        rmse: of the ensemble mean at every step of the window, ``(time,)``.
        spread: of the members, ``(time,)``.
    """

    fraction: float
    note: str
    mean: Tensor
    members: Tensor
    rmse: np.ndarray
    spread: np.ndarray


def compress(frame: Frame) -> ReplayFrame:
    """What is kept of a frame."""
    estimate = frame.step.estimate
    return ReplayFrame(
        frame.step.fraction, frame.step.note, estimate.mean(0, keepdim=True).half(),
        estimate[:MEMBERS].half(), frame.rmse, frame.spread,
    )


class Replay:
    """The moments of one method.

    Args:
        most: bytes they may take together.
    """

    def __init__(self, most: int = BYTES) -> None:
        self._most, self._stride, self._received = most, 1, 0
        self._frames: list[ReplayFrame] = []
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def nbytes(self) -> int:
        """Bytes that the moments take."""
        with self._lock:
            return sum(m.mean.nbytes + m.members.nbytes for m in self._frames)

    def add(self, frame: Frame) -> None:
        """Take in the next frame of the method."""
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
        """The last moment that is not after ``fraction``, or the first; ``None`` without any."""
        with self._lock:
            if not self._frames:
                return None
            after = bisect.bisect_right(self._frames, fraction, key=lambda m: m.fraction)
            return self._frames[max(after - 1, 0)]

    def _capacity(self, new: ReplayFrame) -> int:
        """How many moments of this size may be kept, at least two."""
        size = new.mean.nbytes + new.members.nbytes
        return max(2, min(MAX_FRAMES, self._most // size))
