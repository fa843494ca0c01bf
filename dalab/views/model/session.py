"""Place of one page in the service: the key of its owner, and its newest run."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable

from ...errors import InputError
from ...experiments.config import Config
from ...experiments.service.service import Service, shared
from ...interruption import Interrupted, time_limit
from .observed_run import ObservedRun

PATIENCE = 0.3
"""Time that checks may take while the pages of all sessions wait for them [s]."""


class Session:
    """The runs of one page in the queues of the service.

    Args:
        service: queues, limits and kept runs; by default those of the process.
        page: view-model of the page. A page takes over from another one of its kind only.

    ``on_end`` is called with every run of its own that has ended, in any thread.
    ``browser`` is a secret name of the browser, if known. A key in an address may come from
    somebody else: another browser sees the run kept under it, but its own runs get its own key.
    """

    def __init__(self, service: Service | None = None, page: object = None) -> None:
        self.service = service or shared()
        self.key = secrets.token_urlsafe(12)
        self.page = page
        self.observed_run: ObservedRun | None = None
        self.browser = ""
        self.on_end: Callable[[ObservedRun], None] | None = None
        self.service.present[self.key] = self

    def refusal(self, config: Config) -> str:
        """Return the reason why a run would be refused.

        It is empty if there is none, or if it takes long to find out: some priors and states of the
        climate are computed. A preview finds out in the background.
        """
        try:
            with time_limit(PATIENCE):
                self.service.check(config)
        except InputError as error:
            return str(error)
        except Interrupted:
            return ""
        return ""

    def start(
        self, config: Config, earlier: ObservedRun | None = None, patience: float = math.inf
    ) -> ObservedRun:
        """Start a run, or queue it.

        Args:
            config: the experiment.
            earlier: a run with fewer cycles, to go on from.
            patience: time that its parts may take to make [s].

        Raises:
            InputError: if the config cannot work, exceeds the limits, or takes too long to make.
        """
        self.service.limits.check_config(config)
        try:
            with time_limit(patience):
                observed_run = ObservedRun(
                    config, service=self.service, owner=self.key, earlier=earlier,
                    on_end=self.on_end,
                )
        except Interrupted:
            raise InputError(
                "system", config.system, "is still being prepared",
                "Press Run again when its truth is shown.",
            ) from None
        observed_run.browser = self.browser
        observed_run.start()
        self._own(observed_run)
        return observed_run

    def _own(self, observed_run: ObservedRun) -> None:
        """Make a run that of this session."""
        self.observed_run = observed_run
        self.service.present[self.key] = self

    def keep(self, observed_run: ObservedRun | None, on: bool) -> None:
        """Keep a run for the return of its owner, or stop keeping it.

        Raises:
            InputError: if too many runs of others are kept.
        """
        if on and observed_run is not None:
            self.service.kept_runs.put(self.key, observed_run, self.key)
        else:
            self.service.kept_runs.drop(self.key)

    @property
    def is_kept(self) -> bool:
        """True if its run goes on without it."""
        kept = self.service.kept_runs.get(self.key)
        return self.observed_run is not None and kept is self.observed_run

    def lost(self, key: str) -> Session | None:
        """Return the session of a page that has just lost its connection, if it is known."""
        previous = self.service.present.get(key)
        if previous is None or previous.browser != self.browser:
            return None
        return previous if type(previous.page) is type(self.page) else None

    def come_back(self, key: str) -> ObservedRun | None:
        """Take over the run of another session, and its key if it is of this browser.

        Returns:
            The run. It is found if it was kept, or if the page that showed it, in this browser,
            has just lost its connection.
        """
        lost = self.lost(key)
        found = self.service.kept_runs.get(key) or (lost.observed_run if lost else None)
        if not isinstance(found, ObservedRun):
            return None
        if found.browser == self.browser:
            self.key = key
        self._own(found)
        return found

    def leave(self) -> None:
        """End the run unless it is kept, or another page of the same owner shows it by now."""
        if self.service.present.get(self.key) is not self:
            return
        del self.service.present[self.key]
        run = self.observed_run
        if run is not None and not self.service.kept_runs.holds(run):
            run.cancel()
