"""Runs: an experiment in a worker thread that can be watched and stopped, or in this thread."""

from __future__ import annotations

import atexit
import math
import threading
import time
import warnings
import weakref
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Literal

import xarray as xr

from ..errors import InputError
from ..interruption import Interrupted
from ..metrics.table import html_table
from .cycles.execution import CycledExecution
from .cycles.recorder import Recorder
from .execution import Execution
from .experiment import Experiment, Source
from .progress import Frame, MethodScores, Progress
from .service.queue import QueuePosition, Ticket
from .service.service import Service
from .twin import Twin

__all__ = ["Frame", "MethodScores", "Progress", "Run", "State", "execute"]

State = Literal["idle", "waiting", "preparing", "running", "done", "cancelled", "failed"]
ENDED = ("done", "cancelled", "failed")
OnFrame = Callable[[Frame], None]
OnEnd = Callable[[], None]

_alive: weakref.WeakSet[Run] = weakref.WeakSet()


@atexit.register
def _end_all() -> None:
    """Let the threads end by themselves: one that is killed inside torch aborts the process."""
    runs = list(_alive)
    for run in runs:
        run.cancel()
    for run in runs:
        run.join()


class Run:
    """An experiment in a worker thread.

    Every attribute may be read from any thread at any time. :meth:`cancel` takes effect at once:
    the state changes, the result so far is final, and the thread ends by itself after the step it
    is in.

    Args:
        source: an experiment, or what :meth:`Experiment.of` makes one from: a config, a mapping of
            its fields, a YAML or JSON file; checked here, before any thread starts.
        folder: of checkpoints of a cycled experiment, see :func:`execute`.
        on_frame: called in the worker thread after each step of each method.
        service: the line it waits in, and its limits; by default it waits for nobody.
        owner: session it belongs to; sessions take turns.
        earlier: a run of the same cycled experiment with fewer cycles, to go on from.
        on_end: called once when it has ended, in the thread that ended it.

    Raises:
        InputError: if the experiment cannot work.
    """

    def __init__(
        self, source: Experiment | Source, *, folder: str | Path | None = None,
        on_frame: OnFrame | None = None, service: Service | None = None, owner: str = "",
        earlier: Run | None = None, on_end: OnEnd | None = None,
    ) -> None:
        before = None if earlier is None else earlier._execution
        self._execution: Execution = open_execution(source, folder, before)
        self._earlier = earlier
        self._on_frame, self._on_end = on_frame, on_end
        self.experiment = self._execution.experiment
        self.config = self.experiment.config
        self.error: str | None = None
        self._service, self._owner = service or Service(concurrency=math.inf), owner
        self._ticket: Ticket | None = None
        self._state: State = "idle"
        self._newest: Frame | None = None
        self._lock, self._result_lock = threading.Lock(), threading.Lock()
        self._ended = threading.Event()
        self._started, self._stopped = 0.0, 0.0
        self._thread: threading.Thread | None = None
        self._result: xr.DataTree | None = None

    def __repr__(self) -> str:
        labels = ", ".join(self.experiment.methods)
        return f"<Run of {labels} on {self.config.system}: {self.state}>"

    def _repr_html_(self) -> str:
        about = f"<p>{escape(repr(self)[1:-1])}</p>"
        return about + (html_table(self.result) if self._ended.is_set() else "")

    def start(self) -> Run:
        """Start the worker thread.

        Raises:
            RuntimeError: if it was started before.
            InputError: if it is over the limits; it may be started again.
        """
        with self._lock:
            if self._state != "idle":
                raise RuntimeError(f"the run is {self.state}; make a new Run to run again")
            self._ticket = self._service.join(self.experiment, self._owner, self._remaining)
            self._state = "preparing"
        self._thread = threading.Thread(
            target=self._run, args=[self._ticket], name="dalab run", daemon=True
        )
        _alive.add(self)
        self._thread.start()
        return self

    def cancel(self) -> None:
        """End the run now and keep what it has computed; nothing happens if it has ended."""
        self._end("cancelled")

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the run has ended, at most ``timeout`` seconds; return whether it has."""
        return self._ended.wait(timeout)

    def join(self, timeout: float | None = None) -> bool:
        """Wait until the worker thread has ended too; return whether it has."""
        if self._thread is not None:
            self._thread.join(timeout)
        return self._thread is None or not self._thread.is_alive()

    @property
    def state(self) -> State:
        """``idle``, ``waiting``, ``preparing``, ``running``, ``done``, ``cancelled``, ``failed``.

        A run in which some method gives a result is done; it failed if none does.
        """
        if self._state == "preparing" and self.queue_position is not None:
            return "waiting"
        prepared = self._state == "preparing" and self._execution.twin is not None
        return "running" if prepared else self._state

    @property
    def queue_position(self) -> QueuePosition | None:
        """Position in the queue, while it waits in one."""
        return None if self._ticket is None else self._ticket.position

    @property
    def twin(self) -> Twin | None:
        """Truth and problem, once they are prepared."""
        return self._execution.twin

    @property
    def recorders(self) -> dict[str, Recorder]:
        """Recorders of the methods of a cycled run that have begun, by label; none of a window."""
        execution = self._execution
        known = dict(execution.recorders) if isinstance(execution, CycledExecution) else {}
        return {label: known[label] for label in self.experiment.methods if label in known}

    @property
    def scores(self) -> dict[str, MethodScores]:
        """Scores of every method so far, by label."""
        return dict(self._execution.scores)

    @property
    def progress(self) -> Progress:
        """Progress of the run, with the present ``elapsed`` time."""
        return replace(self._execution.progress, elapsed=self._elapsed())

    def _elapsed(self) -> float:
        """Time since its turn came [s]."""
        return (self._stopped or time.perf_counter()) - self._started if self._started else 0.0

    def _remaining(self) -> float | None:
        """Time that it needs, or still needs [s], for the runs behind it in the queue."""
        return 0.0 if self._ended.is_set() else self._execution.progress.remaining

    def latest(self) -> Frame | None:
        """The newest frame if it has not been taken yet; frames in between are skipped."""
        with self._lock:
            frame, self._newest = self._newest, None
        return frame

    @property
    def result(self) -> xr.DataTree:
        """The result, complete or partial.

        Raises:
            RuntimeError: before the run has ended.
        """
        if not self._ended.is_set():
            raise RuntimeError(f"the run is {self.state}; wait() for it, or cancel() it")
        with self._result_lock:
            if self._result is None:
                self._result = self._execution.result()
        return self._result

    def _run(self, ticket: Ticket) -> None:
        try:
            if ticket.wait():
                if self._earlier is not None:
                    self._earlier.join()  # it may still be in its last step
                    self._earlier = None
                self._started = time.perf_counter()
                self._compute()
        except Interrupted:
            self._end("cancelled", self._time_limit_message())
        except Exception as error:
            self._end("failed", str(error) or type(error).__name__)
        else:
            self._end(*_final_state(self._execution.scores))
        finally:
            ticket.leave()

    def _compute(self) -> None:
        self._execution.unwanted = self._unwanted
        with closing(self._execution.frames()) as frames:
            for frame in frames:
                if self._ended.is_set():
                    return
                self._publish(frame)
                if self._time_limit_message():
                    return self._end("cancelled", self._time_limit_message())

    def _unwanted(self) -> bool:
        """True if the run has been cancelled, or has taken too long."""
        return self._ended.is_set() or bool(self._time_limit_message())

    def _time_limit_message(self) -> str | None:
        """Message of a run that has taken too long, else ``None``."""
        return self._service.limits.time_limit_message(self._elapsed())

    def _publish(self, frame: Frame) -> None:
        with self._lock:
            self._newest = frame
        if self._on_frame is not None:
            self._on_frame(frame)

    def _end(self, state: State, error: str | None = None) -> None:
        with self._lock:
            if self._state in ENDED:
                return
            self._execution.end()
            self._state, self._stopped = state, time.perf_counter()
            self.error = error
            self._ended.set()
        if self._ticket is not None:
            self._ticket.give_up()
        if self._on_end is not None:
            self._on_end()


def _final_state(scores: dict[str, MethodScores]) -> tuple[State, str | None]:
    """State at the end of a run, and why, if every method failed."""
    failed = {label: s.status for label, s in scores.items() if s.status.startswith("failed")}
    if len(failed) < len(scores):
        return "done", None
    return "failed", "; ".join(f"{label} {status}" for label, status in failed.items())


def open_execution(
    source: Experiment | Source, folder: str | Path | None = None,
    earlier: Execution | None = None,
) -> Execution:
    """The execution of a window, or of a cycled experiment.

    Args:
        source: an experiment, or what :meth:`Experiment.of` makes one from.
        folder: of the checkpoints of a cycled experiment.
        earlier: execution of a cycled experiment to go on from.

    Raises:
        InputError: if the experiment cannot work, or a window is given a folder.
    """
    made = Experiment.of(source)
    if made.notice:
        warnings.warn(made.notice, stacklevel=3)
    if made.schedule is None:
        if folder is not None:
            raise InputError(
                "checkpoint folder", str(folder), "must be that of a cycled experiment",
                "Leave it out, or set cycles.",
            )
        return Execution(made)
    return CycledExecution(made, folder, earlier if isinstance(earlier, CycledExecution) else None)


def execute(
    source: Experiment | Source, on_frame: OnFrame | None = None,
    folder: str | Path | None = None, on_interrupt: Callable[[], None] = lambda: None,
) -> xr.DataTree:
    """Run an experiment in this thread and return its result.

    An interrupt from the keyboard ends it, and the result is partial; its attribute ``status``
    says so.

    Args:
        source: an experiment, or what :meth:`Experiment.of` makes one from: a config, a mapping of
            its fields, a YAML or JSON file such as a ``run.json``.
        on_frame: called after each step of each method; after a few cycles of a cycled experiment.
        folder: of checkpoints and kept ensembles of a cycled experiment. It goes on from those of
            the same experiment that are there, to the bit, and with more cycles if it now has more.
        on_interrupt: called once after an interrupt; another interrupt is raised.

    Raises:
        InputError: if the experiment cannot work, the truth cannot be had, or another process is
            at work in the folder.
    """
    execution = open_execution(source, folder)
    try:
        with closing(execution.frames()) as frames:
            for frame in frames:
                if on_frame is not None:
                    on_frame(frame)
    except KeyboardInterrupt:
        on_interrupt()
    execution.end()
    return execution.result()
