"""One run, and what has been seen of it.

A watch belongs to no session: several may look at it, and it goes on when they leave.
"""

from __future__ import annotations

import threading
from typing import Any

from ..experiments.config import Config
from ..experiments.run import Frame, Run
from ..experiments.stored import StoredRun
from .display import Scene


class Watch:
    """A run and the newest frame of each of its methods.

    Args:
        config: the experiment.
        stored: what it once gave, if it is not to be run.

    Raises:
        InputError: if it cannot work.
    """

    def __init__(self, config: Config, stored: StoredRun | None = None) -> None:
        self.config = config
        self.run = stored or Run(config, on_frame=self._put)
        self._scene: Scene | None = None
        self._lock, self._frames = threading.Lock(), dict(stored.frames) if stored else {}

    def frames(self) -> dict[str, Frame]:
        """The newest frame of each method that has one, by label."""
        with self._lock:
            return dict(self._frames)

    @property
    def scene(self) -> Scene | None:
        """Truth and observations, once they are prepared."""
        if self._scene is None and self.run.twin is not None:
            self._scene = Scene(self.run.twin)
        return self._scene

    @property
    def result(self) -> Any:
        """The ``xarray.DataTree`` of the run, which has ended."""
        return self.run.result

    def _put(self, frame: Frame) -> None:
        """Take a frame in; called in the thread of the run."""
        with self._lock:
            self._frames[frame.method] = frame
