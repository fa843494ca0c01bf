"""One person's place in the service: their runs in its line, and the one that is kept for them."""

from __future__ import annotations

import secrets

from ..experiments.config import Config
from ..experiments.service import Service, shared
from .watch import Watch


class Session:
    """What a person who has a page open may do with the service.

    Args:
        service: lines, limits and held runs; by default those of the process.
    """

    def __init__(self, service: Service | None = None) -> None:
        self.service = service or shared()
        self.key = secrets.token_urlsafe(12)

    def start(self, config: Config) -> Watch:
        """Start a run, or stand in line for it.

        Raises:
            InputError: if the config cannot work, or is over the limits.
        """
        watch = Watch(config, service=self.service, owner=self.key)
        watch.run.start()
        return watch

    def hold(self, watch: Watch | None, on: bool) -> None:
        """Keep a run for when its owner comes back with the key, or no longer."""
        if on and watch is not None:
            self.service.held.put(self.key, watch)
        else:
            self.service.held.drop(self.key)

    def come_back(self, key: str) -> Watch | None:
        """The run that was kept for the owner of a key, whose session this is from now on."""
        held = self.service.held.get(key)
        if not isinstance(held, Watch):
            return None
        self.key = key
        return held

    def leave(self, watch: Watch | None) -> None:
        """End a run unless it is kept."""
        if watch is not None and self.service.held.get(self.key) is not watch:
            watch.cancel()
