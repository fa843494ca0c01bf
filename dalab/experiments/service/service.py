"""The service that all runs of a process share: a queue per device, limits, and kept runs.

Every lab that a process shows goes through :func:`shared`; a run made in plain Python waits for
nobody.
"""

from __future__ import annotations

import threading
from typing import Any
from weakref import WeakValueDictionary

import torch

from ..config import Config
from ..device import choose_device
from ..experiment import Experiment, Source
from .kept_runs import KeptRuns
from .limits import Limits, check_memory
from .queue import RemainingTime, RunQueue, Ticket


class Service:
    """Queues, limits and kept runs.

    Args:
        limits: bounds of every run.
        concurrency: runs at the same time on one device.

    ``present`` are the sessions of open pages, labs and lessons alike, by key.
    """

    def __init__(self, limits: Limits | None = None, concurrency: float = 1) -> None:
        self.limits, self.concurrency, self.kept_runs = limits or Limits(), concurrency, KeptRuns()
        self.present: WeakValueDictionary[str, Any] = WeakValueDictionary()
        self._lock, self._queues = threading.Lock(), {}

    def queue(self, device: str | torch.device) -> RunQueue:
        """The line before a device: ``auto``, ``cpu``, ``cuda`` ..."""
        name = str(choose_device(device))
        with self._lock:
            return self._queues.setdefault(name, RunQueue(self.concurrency))

    def check(self, source: Experiment | Source) -> Experiment:
        """The experiment of a source, if it can work here.

        Raises:
            InputError: the value, its bound and the remedy.
        """
        if isinstance(source, Config):
            self.limits.check_config(source)
        experiment = Experiment.of(source)
        check_memory(experiment)
        self.limits.check(experiment)
        return experiment

    def join(self, experiment: Experiment, owner: str, left: RemainingTime) -> Ticket:
        """Stand in line for the device of a run.

        Args:
            experiment: the run.
            owner: session it belongs to.
            left: how long it still needs once it is its turn [s].

        Raises:
            InputError: if the run is too large, or there are too many.
        """
        self.limits.check(experiment)
        queue = self.queue(experiment.device)
        return queue.join(owner, left, self.limits.waiting, self.limits.runs)


_shared: list[Service] = []


def shared() -> Service:
    """The service of this process; unless one was given, with the limits of the environment.

    Raises:
        InputError: if the environment sets a limit that is none.
    """
    if not _shared:
        share(Service(Limits.of_environment()))
    return _shared[0]


def share(service: Service) -> None:
    """Let every lab that this process opens from now on use a service."""
    _shared[:] = [service]
