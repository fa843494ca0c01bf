"""One background thread that always works on the newest job."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from ...errors import InputError
from ...experiments.config import Config
from ...experiments.twin import Twin, prepare

WORKERS = threading.Semaphore(2)
"""Jobs at the same time of all workers of the process, however many sessions there are."""


class LatestTaskWorker:
    """Runs jobs one at a time and keeps only the newest answer.

    A job that has not begun when a newer one arrives is dropped, and so is the answer of a job that
    was overtaken. The thread ends when there is nothing to do.
    """

    def __init__(self, name: str) -> None:
        self._name, self._lock = name, threading.Lock()
        self._waiting: Callable[[], Any] | None = None
        self._answer: list[Any] = []
        self._working = self._wanted = False

    @property
    def busy(self) -> bool:
        """Whether an answer is on its way or has not been taken."""
        with self._lock:
            return self._wanted or bool(self._answer)

    def submit(self, job: Callable[[], Any]) -> None:
        """Run ``job`` as soon as the one that runs now is over; forget all earlier ones."""
        with self._lock:
            self._waiting, self._wanted = job, True
            self._answer.clear()
            if self._working:
                return
            self._working = True
        threading.Thread(target=self._work, name=self._name).start()

    def drop(self) -> None:
        """Forget all jobs and the answer that has not been taken."""
        with self._lock:
            self._waiting, self._wanted = None, False
            self._answer.clear()

    def take(self) -> Any | None:
        """The newest answer, once: what the job returned, or the exception it raised."""
        with self._lock:
            return self._answer.pop() if self._answer else None

    def _work(self) -> None:
        more = True
        while more:
            with WORKERS:
                more = self._one()

    def _one(self) -> bool:
        """Do the newest job; return whether there was one."""
        with self._lock:
            job, self._waiting = self._waiting, None
            if job is None:
                self._working = False
                return False
        try:
            answer = job()
        except Exception as error:  # handed to whoever takes it
            answer = error
        with self._lock:
            if self._wanted and self._waiting is None:
                self._answer[:] = [answer]
                self._wanted = False
        return True


class Preview(LatestTaskWorker):
    """Prepares what was chosen last."""

    def __init__(self) -> None:
        super().__init__("dalab preview")

    def prepare(self, config: Config) -> None:
        """Prepare ``config`` and forget what was asked for before."""
        self.submit(lambda: prepare(config))

    def twin(self) -> Twin | str | None:
        """What has been prepared, or why it could not be, once; ``None`` if nothing is new."""
        answer = self.take()
        return error_message(answer) if isinstance(answer, Exception) else answer


def error_message(error: Exception) -> str:
    """What to tell a person about an error in a preview."""
    if isinstance(error, InputError):
        return str(error)
    return f"The preview failed. {type(error).__name__}: {error}"


def observation_config(config: Config) -> Config:
    """The part of a config that truth and observations depend on."""
    rest = Config()
    return config.replace(
        methods=rest.methods, members=rest.members, steps=rest.steps, prior=rest.prior,
        device=rest.device,
    )
