"""One person's place in the service: their runs in its line, and the one that is kept for them."""

from __future__ import annotations

import secrets

from ...experiments.config import Config
from ...experiments.service.service import Service, shared
from .observed_run import Watch


class Session:
    """What a person who has a page open may do with the service.

    Args:
        service: lines, limits and held runs; by default those of the process.
    """

    def __init__(self, service: Service | None = None) -> None:
        self.service = service or shared()
        self.key = secrets.token_urlsafe(12)
        self.watch: Watch | None = None

    def start(self, config: Config) -> Watch:
        """Start a run, or stand in line for it.

        Raises:
            InputError: if the config cannot work, or is over the limits.
        """
        watch = Watch(config, service=self.service, owner=self.key)
        watch.run.start()
        self._take(watch)
        return watch

    def _take(self, watch: Watch) -> None:
        """Be the one whose run it is."""
        self.watch = watch
        self.service.present[self.key] = self

    def hold(self, watch: Watch | None, on: bool) -> None:
        """Keep a run for when its owner comes back with the key, or no longer."""
        if on and watch is not None:
            self.service.held.put(self.key, watch)
        else:
            self.service.held.drop(self.key)

    @property
    def kept(self) -> bool:
        """Whether its run goes on without it."""
        return self.watch is not None and self.service.held.get(self.key) is self.watch

    def come_back(self, key: str) -> Watch | None:
        """The run of the owner of a key, whose session this is from now on.

        It is found if it was kept, or if the page that showed it lost its connection just now.
        """
        before = self.service.present.get(key)
        lost = before.watch if isinstance(before, Session) else None
        found = self.service.held.get(key) or lost
        if not isinstance(found, Watch):
            return None
        self.key = key
        self._take(found)
        return found

    def leave(self) -> None:
        """End the run unless it is kept, or another page of the same owner shows it by now."""
        if self.watch is None or self.service.present.get(self.key) is not self:
            return
        del self.service.present[self.key]
        if not self.kept:
            self.watch.cancel()
