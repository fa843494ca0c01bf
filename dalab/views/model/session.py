"""One person's place in the service: their runs in its line, and the one that is kept for them."""

from __future__ import annotations

import secrets

from ...experiments.config import Config
from ...experiments.service.service import Service, shared
from .observed_run import ObservedRun


class Session:
    """What a person who has a page open may do with the service.

    Args:
        service: lines, limits and held runs; by default those of the process.
    """

    def __init__(self, service: Service | None = None) -> None:
        self.service = service or shared()
        self.key = secrets.token_urlsafe(12)
        self.observed_run: ObservedRun | None = None

    def start(self, config: Config) -> ObservedRun:
        """Start a run, or stand in line for it.

        Raises:
            InputError: if the config cannot work, or is over the limits.
        """
        observed_run = ObservedRun(config, service=self.service, owner=self.key)
        observed_run.run.start()
        self._own(observed_run)
        return observed_run

    def _own(self, observed_run: ObservedRun) -> None:
        """Be the one whose run it is."""
        self.observed_run = observed_run
        self.service.present[self.key] = self

    def keep(self, observed_run: ObservedRun | None, on: bool) -> None:
        """Keep a run for when its owner comes back with the key, or no longer."""
        if on and observed_run is not None:
            self.service.kept_runs.put(self.key, observed_run)
        else:
            self.service.kept_runs.drop(self.key)

    @property
    def is_kept(self) -> bool:
        """Whether its run goes on without it."""
        run = self.observed_run
        return run is not None and self.service.kept_runs.get(self.key) is run

    def come_back(self, key: str) -> ObservedRun | None:
        """The run of the owner of a key, whose session this is from now on.

        It is found if it was kept, or if the page that showed it lost its connection just now.
        """
        previous = self.service.present.get(key)
        lost = previous.observed_run if isinstance(previous, Session) else None
        found = self.service.kept_runs.get(key) or lost
        if not isinstance(found, ObservedRun):
            return None
        self.key = key
        self._own(found)
        return found

    def leave(self) -> None:
        """End the run unless it is kept, or another page of the same owner shows it by now."""
        if self.observed_run is None or self.service.present.get(self.key) is not self:
            return
        del self.service.present[self.key]
        if not self.is_kept:
            self.observed_run.cancel()
