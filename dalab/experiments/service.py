"""What all runs of a process share: a line before each device, limits, and what is held
for sessions that come back.

Everything of one process that shows the lab to somebody goes through :func:`shared`; a run made in
plain Python waits for nobody.
"""

from __future__ import annotations

import threading
from functools import cache

from .config import Config
from .held import Held
from .line import Left, Line, Turn
from .parts import make_device
from .quota import Limits


class Service:
    """Lines, limits and held runs.

    Args:
        limits: of every run.
        slots: runs at the same time on one device.
    """

    def __init__(self, limits: Limits | None = None, slots: float = 1) -> None:
        self.limits, self.slots, self.held = limits or Limits(), slots, Held()
        self._lock, self._lines = threading.Lock(), {}

    def line(self, device: str) -> Line:
        """The line before a device: ``auto``, ``cpu``, ``cuda`` ..."""
        name = str(make_device(device))
        with self._lock:
            return self._lines.setdefault(name, Line(self.slots))

    def join(self, config: Config, owner: str, left: Left) -> Turn:
        """Stand in line for the device of a run.

        Args:
            config: the run.
            owner: session it belongs to.
            left: how long it still needs once it is its turn [s].

        Raises:
            InputError: if the run is too large, or there are too many.
        """
        self.limits.check(config)
        return self.line(config.device).join(owner, left, self.limits.waiting, self.limits.runs)


@cache
def shared() -> Service:
    """The service of this process, with the limits that the environment sets."""
    return Service(Limits.of_environment())
