"""One run at a time: started through a session, followed, stopped, kept and found again.

Pages bind to the parameters and call :meth:`RunModel.poll` several times a second from their own
event loop; the computing is done by other threads.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import param

from ...errors import InputError
from ...experiments.config import Config
from ..pictures.wording import status_line
from .observed_run import ObservedRun
from .session import Session

BUSY = ("waiting", "preparing", "running")
"""States of a run that has not ended."""

_ENDED = {"failed": "failed", "cancelled": "was stopped"}


class RunModel(param.Parameterized):
    """The run shown, and its state.

    Args:
        session: place in the service, through which runs are started.
    """

    state = param.String("idle", doc="idle, waiting, preparing, running, done, cancelled or failed")
    busy = param.Boolean(False, doc="true while a run waits or computes")
    status = param.String("", doc="one line: progress, and how long it will take")
    fraction = param.Number(0.0, bounds=(0, 1), doc="share of the run that is done")
    error = param.String("", doc="reason why a run could not start, or how it failed")
    can_continue = param.Boolean(False, doc="true if cycles can be added to the run shown")
    keep_running = param.Boolean(
        False, label="Keep running when this page is closed",
        doc="the run goes on, and the same address finds it again",
    )
    shown = param.ClassSelector(class_=ObservedRun, doc="the run shown")
    ended = param.ClassSelector(class_=ObservedRun, doc="the run that ended or was shown last")

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session

    @property
    def result(self) -> Any:
        """The ``xarray.DataTree`` of the run that ended or was shown last, or ``None``."""
        return None if self.ended is None else self.ended.result

    def start(
        self, config: Config, earlier: ObservedRun | None = None, patience: float = math.inf
    ) -> bool:
        """Start a run unless one goes on; return False if it is refused, ``error`` says why.

        Args:
            config: the experiment.
            earlier: a run of it with fewer cycles, to go on from.
            patience: time that its parts may take to make [s].
        """
        if self.busy:
            return False
        try:
            run = self.session.start(config, earlier, patience)
        except InputError as error:
            self.error = str(error)
            return False
        self._wait_for(run)
        self._keep()
        return True

    def _wait_for(self, run: ObservedRun) -> None:
        """Show a run that has just been started; only polling finds out that it has ended."""
        position, progress = run.run.queue_position, run.run.progress
        self.param.update(
            shown=run, state="waiting" if position else "preparing", busy=True, fraction=0.0,
            error="", can_continue=False, status=status_line("preparing", progress, position),
        )

    def stop(self) -> None:
        """End the run at once; the next poll takes note of it."""
        if self.busy:
            self.shown.cancel()

    def poll(self) -> bool:
        """Follow the run that goes on; return True if it has ended."""
        if not self.busy:
            return False
        self._follow(self.shown)
        return not self.busy

    def show(self, run: ObservedRun) -> None:
        """Show another run, which may go on or have ended."""
        self.param.update(shown=run, error="")
        self._follow(run)

    def come_back(self, key: str) -> bool:
        """Show the run that the session with a key has left; return False if there is none."""
        run = self.session.come_back(key)
        if run is None:
            return False
        self.show(run)
        self.keep_running = self.session.is_kept
        return True

    def clear(self) -> None:
        """Stop the run and show none."""
        self.stop()
        self.param.update(
            shown=None, ended=None, state="idle", busy=False, fraction=0.0, status="", error="",
            can_continue=False,
        )

    def close(self) -> None:
        """Leave the service: a run that is not kept is cancelled."""
        self.session.leave()

    @param.depends("keep_running", watch=True)
    def _keep(self) -> None:
        try:
            self.session.keep(self.shown, self.keep_running)
        except InputError as error:
            self.param.update(keep_running=False, error=str(error))

    def _follow(self, run: ObservedRun) -> None:
        """Set the parameters to the state of a run, all at once."""
        state, progress = run.run.state, run.run.progress
        fraction = 1.0 if state == "done" else float(np.clip(progress.fraction, 0, 1))
        changes = {
            "state": state, "busy": state in BUSY, "fraction": fraction,
            "status": status_line(state, progress, run.run.queue_position),
            "can_continue": run.can_continue,
        }
        if run.run.error:
            changes["error"] = f"The run {_ENDED[state]}. {run.run.error}"
        if state not in BUSY:
            changes["ended"] = run
        self.param.update(**changes)
