"""A background thread that always works on the newest job."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Any

from ...errors import InputError
from ...experiments.config import Config
from ...experiments.experiment import Experiment
from ...experiments.twin import Twin, prepare
from ...interruption import Interrupted, interruptible
from ..pictures.cycled_fields import TIMES
from .cycled_display import CyclePreview, prepare_cycles
from .time_slices import Slice, Turns

WORKERS = Turns(2)
"""Turns of the jobs of all workers of the process, for any number of sessions."""


class LatestTaskWorker:
    """Worker that runs one job at a time and keeps only the newest answer.

    A job that has not begun when a newer one arrives is dropped, and so is the answer of a job that
    was overtaken. A long job that can be interrupted gives way to those of other workers.
    The thread ends when there is nothing to do.

    Args:
        name: name of its thread.
        seconds: time after which a job is interrupted [s].
    """

    def __init__(self, name: str, seconds: float = math.inf) -> None:
        self._name, self._lock, self._seconds = name, threading.Lock(), seconds
        self._dropped = threading.Event()
        self._waiting: Callable[[], Any] | None = None
        self._answer: list[Any] = []
        self._working = self._wanted = False

    @property
    def busy(self) -> bool:
        """True if an answer is on its way or has not been taken."""
        with self._lock:
            return self._wanted or bool(self._answer)

    def submit(self, job: Callable[[], Any]) -> None:
        """Run ``job`` as soon as the present one is over; drop all earlier ones."""
        with self._lock:
            self._waiting, self._wanted = job, True
            self._answer.clear()
            if self._working:
                return
            self._working = True
        threading.Thread(target=self._work, name=self._name).start()

    def drop(self) -> None:
        """Drop all jobs, and the answer that has not been taken; interrupt the present job."""
        with self._lock:
            self._waiting, self._wanted = None, False
            self._answer.clear()
            self._dropped.set()

    def take(self) -> Any | None:
        """Return the newest answer once: the value of the job, or the exception it raised."""
        with self._lock:
            return self._answer.pop() if self._answer else None

    def _work(self) -> None:
        more = True
        while more:
            with WORKERS.turn() as time_slice:
                more = self._one(time_slice)

    def _one(self, time_slice: Slice) -> bool:
        """Do the newest job; return False if there was none."""
        with self._lock:
            job, self._waiting = self._waiting, None
            if job is None:
                self._working = False
                return False
            dropped = self._dropped = threading.Event()
        answer = self._do(job, dropped, time_slice)
        with self._lock:
            if self._wanted and self._waiting is None:
                self._answer[:] = [answer]
                self._wanted = False
        return True

    def _do(self, job: Callable[[], Any], dropped: threading.Event, time_slice: Slice) -> Any:
        """Do a job until it is dropped; return its value, or the exception it raised."""
        end = time.monotonic() + self._seconds

        def is_over() -> bool:
            nonlocal end
            end += time_slice.rest()
            return dropped.is_set() or time.monotonic() > end

        try:
            with interruptible(is_over):
                return job()
        except Interrupted:
            return InputError(
                "time of the preview [s]", self._seconds, "is the limit here, and is over",
                "Choose another truth or a smaller system.",
            )
        except Exception as error:  # handed to whoever takes it
            return error


class Preview(LatestTaskWorker):
    """Worker that prepares the truth and the observations of the latest choices.

    Args:
        seconds: longest time for one of them [s].
    """

    def __init__(self, seconds: float = math.inf) -> None:
        super().__init__("dalab preview", seconds)

    def prepare(self, config: Config) -> None:
        """Prepare ``config``, and drop earlier requests."""
        self.submit(lambda: _prepared(config))

    def twin(self) -> Twin | CyclePreview | str | None:
        """Return the prepared twin, or the message of an error, once; else ``None``."""
        answer = self.take()
        return error_message(answer) if isinstance(answer, Exception) else answer


def _prepared(config: Config) -> Twin | CyclePreview:
    """Make the parts of an experiment, which loads its prior, and its truth and observations."""
    made = Experiment.of(config)
    return prepare_cycles(observation_config(config)) if config.cycles else prepare(made)


def error_message(error: Exception) -> str:
    """Return the message for an error in a preview."""
    if isinstance(error, InputError):
        return str(error)
    return f"The preview failed. {type(error).__name__}: {error}"


def observation_config(config: Config) -> Config:
    """Return a config reduced to the fields that determine truth and observations."""
    rest = Config()
    reduced = config.replace(
        methods=rest.methods, members=rest.members, steps=rest.steps, prior=rest.prior,
        device=rest.device,
    )
    if config.cycles is None:
        return reduced
    first = min(config.cycles, TIMES)
    return reduced.replace(methods=("letkf",), cycles=first, burn_in=None, keep=None)
