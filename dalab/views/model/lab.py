"""The view-model of the lab: its choices, its runs and its display, side by side.

It imports no GUI. An interface binds its fields to the parameters of ``controls``, ``runs`` and
``display``, calls :meth:`LabModel.run` and :meth:`LabModel.stop`, and calls :meth:`LabModel.poll`
several times a second from its own event loop; ``poll`` names the parts to draw again, and the
display makes them. All computing is done by other threads.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import param

from ...errors import InputError
from ...experiments.config import Config
from ...experiments.results.stored_run import StoredRun
from ...experiments.service.service import Service
from ..pictures.wording import BEFORE
from .background import LatestTaskWorker, Preview
from .config_text import caption_of_before
from .controls import Controls
from .display import CURVES, ESTIMATES, SCORES, DisplayModel
from .history import Archive, HistoryEntry, add_entry, bounded, open_entry
from .observed_run import ObservedRun
from .runs import RunModel
from .session import PATIENCE, Session

UNSAVED = "The server has no room for it: download it before this page is closed."
"""Remark on a run that could not be saved."""


class LabModel(param.Parameterized):
    """The choices, one run at a time, and the display of it.

    Args:
        service: queues and limits of its runs; by default those of the process.
        presets: fields of :class:`dalab.experiments.config.Config`.

    Raises:
        InputError: for a preset that names nothing, or cannot be read.

    ``controls`` hold the choices, which make the ``config`` that is checked and previewed;
    ``runs`` hold the run shown, which feeds the plots of ``display`` and the ``history``.
    A page that is not on screen yet sets ``on_screen`` to False: nothing is prepared for it.
    """

    page = param.Selector(objects=["Assimilate", "Posterior", "Physics", "Sensors", "Runs"],
                          label="Page")
    config = param.ClassSelector(class_=Config, doc="last experiment that the choices could make")
    error = param.String("", doc="problem of the choices")
    notice = param.String("", doc="problem of a link or a file; it stays until the choices change")
    remark = param.String("", doc="a remark on the run that has just ended")
    opening = param.String("", doc="title of the run that is being read from disk")
    outdated = param.Boolean(False, doc="true if the choices differ from those of the run shown")
    history = param.List([], doc="runs that have ended and can be shown again, the newest last")

    def __init__(self, *, service: Service | None = None, **presets: Any) -> None:
        self.controls = Controls(**presets)
        self.runs = RunModel(Session(service, self))
        self.display = DisplayModel(
            system=self.controls.param.system, cycled=self.controls.param.use_cycles,
            window=self.controls.window, run=self.runs.param.shown,
        )
        self._preview = Preview(self.runs.session.service.limits.seconds)
        self._reader, self.archive = LatestTaskWorker("dalab reading"), Archive()
        self._loading, self._seen, self.on_screen = False, False, True
        super().__init__(config=self.controls.config())
        for choices in (self.controls, *self.controls.option_sets()):
            choices.param.watch(self._on_choice, list(choices.param))
        self.error = self.runs.session.refusal(self.config)

    def belong_to(self, browser: str, archive: Archive) -> None:
        """Become a page of a browser, which lists the runs that it has saved.

        Args:
            browser: its secret name; empty if it has none.
            archive: its saved runs.
        """
        session, self.archive = self.runs.session, archive
        session.browser, session.on_end = browser, archive.keep
        self.history = archive.entries()

    # --- run, stop and show ---------------------------------------------------------------------

    @property
    def pending(self) -> bool:
        """True if :meth:`poll` has or will have something to report without another event."""
        waits = self._preview.busy or not (self._seen or self.error)
        return self.runs.busy or waits or bool(self.opening) or self.display.stale

    @property
    def labels(self) -> tuple[str, ...]:
        """Methods shown: those of the run while it goes on, else those that are chosen."""
        config = self.runs.shown.config if self.runs.busy else self.config
        return config.labels

    def run(self) -> None:
        """Start a run of the choices; if it is refused, ``runs.error`` says why and all stays."""
        try:
            config = self.controls.config()
        except InputError as error:
            self.runs.error = str(error)
            return
        if self.runs.start(config, patience=PATIENCE if self._preview.busy else math.inf):
            self._preview.drop()
            self.param.update(outdated=False, remark="")
            self.display.param.update(before="", replay_position=1.0)

    def continue_run(self) -> None:
        """Add cycles to the run shown, which has ended: those left, or as many again."""
        shown = self.runs.shown
        if self.runs.busy or shown is None or not shown.can_continue:
            return
        chosen = self.controls.cycles
        config = shown.longer(chosen if isinstance(chosen, int) else 0)
        if self.runs.start(config, shown):
            self._load(config)
            self._on_shown()

    def stop(self) -> None:
        """End the run at once; its results so far stay."""
        self.runs.stop()
        self._follow()

    @property
    def shown_entry(self) -> HistoryEntry | None:
        """Entry of the run shown in the history, if it has ended."""
        shown = self.runs.shown
        known = (entry for entry in self.history if entry.observed_run is shown)
        return None if shown is None else next(known, None)

    def show(self, entry: HistoryEntry) -> None:
        """Show a run again with the choices it was made from; refused while a run goes on.

        One that is on disk only is read first, in the background.

        Raises:
            InputError: if the controls or the page cannot hold its choices.
        """
        self._check_window(entry)
        if self.runs.busy:
            return
        if entry.observed_run is None:
            self.opening = entry.title
            self._reader.submit(lambda: open_entry(entry))
            return
        self._load(entry.config)
        self.runs.show(entry.observed_run)
        self._on_shown()

    def _check_window(self, entry: HistoryEntry) -> None:
        window, wanted = self.display.window, entry.config.window
        if wanted != window:
            raise InputError(
                f"window of {entry.title}", wanted, f"must be {window}, as on this page",
                f"Add window={wanted} to the address, and open it there.",
            )

    def _take_opened(self) -> None:
        """Show the run that has been read from disk, or the reason why it cannot be."""
        found, title = self._reader.take(), self.opening
        if found is None:
            return
        self.opening = ""
        try:
            if isinstance(found, Exception):
                raise found
            self.history = bounded(
                [found if entry.number == found.number else entry for entry in self.history]
            )
            self.show(found)
        except Exception as error:  # the file may be gone, or damaged in any way
            self.notice = f"{title} cannot be opened. {error}"

    def add_file(self, run: StoredRun, name: str) -> None:
        """Add the run of a file to the history, and show it unless a run goes on.

        Raises:
            InputError: if the page's window or controls do not fit the run.
        """
        observed_run = ObservedRun(run.config, run)
        history = add_entry(self.history, observed_run, name)
        self.show(history[-1])
        self.history = history
        self.archive.keep(observed_run, name)

    def forget(self, entries: Sequence[HistoryEntry]) -> None:
        """Remove runs from the history, and their copies on disk."""
        self.history = [entry for entry in self.history if entry not in entries]
        for entry in entries:
            self.archive.drop(entry)

    def _on_shown(self) -> None:
        """Forget the preview of other choices than those of the run that is shown now."""
        self.display.show_preview(None)
        self._update_config()

    def come_back(self, key: str) -> bool:
        """Go on where the session with a key has left a run; return False if there is none."""
        if not self.runs.come_back(key):
            return False
        self._load(self.runs.shown.config)
        self._on_shown()
        self._record()
        return True

    def close(self) -> None:
        """Cancel the run unless it is to be kept, and drop the preview."""
        self._preview.drop()
        self._reader.drop()
        self.runs.close()

    # --- news of the workers --------------------------------------------------------------------

    def poll(self) -> frozenset[str]:
        """Take in the progress of the workers; return the names of the parts to draw again.

        They are ``truth``, ``observations``, the label of a method, ``curves`` and ``scores``.
        """
        if self.on_screen and not self._seen:
            self._seen = True
            self._prepare_preview()
        self._take_preview()
        self._take_opened()
        self._follow()
        self._take_remark()
        stale = self.display.take_stale()
        methods = set(self.labels) if ESTIMATES in stale else set()
        return frozenset(stale - {ESTIMATES} | methods)

    def _take_preview(self) -> None:
        answer = self._preview.twin()
        if isinstance(answer, str):
            self.error = answer
        elif answer is not None and not self.runs.busy:
            self.display.show_preview(answer)
            self.error = self.runs.session.refusal(self.config)

    def _follow(self) -> None:
        """Take in the progress of the run, and its end."""
        if self.runs.busy:
            ended = self.runs.poll()
            self.display.update()
            if ended:
                self.display.mark_stale(ESTIMATES, CURVES, SCORES)
                self._record()
                self._prepare_preview()

    def _record(self) -> None:
        """Add the run shown to the history if it has ended and there is something to show."""
        if not self.runs.busy and self.runs.shown.has_states:
            self.history = add_entry(self.history, self.runs.shown)

    def _take_remark(self) -> None:
        """Say once that the run that has just ended could not be saved."""
        ended = self.runs.ended
        if ended is not None and ended.unsaved:
            ended.unsaved, self.remark = False, UNSAVED

    # --- choices --------------------------------------------------------------------------------

    def _on_choice(self, *events: Any) -> None:
        if not self._loading:
            self.runs.error = ""
            self._update_config()

    def choose(self, config: Config) -> None:
        """Set all choices to those of an experiment.

        Raises:
            InputError: if it cannot work; nothing changes then.
        """
        self.runs.session.service.check(config)
        self._load(config)
        self._on_choice()

    def _load(self, config: Config) -> None:
        self._loading = True
        try:
            self.controls.load(config)
        finally:
            self._loading = False
        self.display.window = self.controls.window

    def _update_config(self) -> None:
        """Check the choices, and prepare the truth and the observations that they make."""
        shown = self.runs.shown
        try:
            self.config = self.controls.config()
            error = self.runs.session.refusal(self.config)
            before = "" if shown is None else caption_of_before(shown.config, self.config)
        except InputError as refused:
            error, before = str(refused), "" if shown is None else BEFORE
        self.param.update(error=error, notice="", remark="", outdated=bool(before))
        self.display.before = before
        self.display.mark_stale(ESTIMATES)
        self._prepare_preview()

    def _prepare_preview(self) -> None:
        """Prepare the choices in the background, unless they are shown already.

        Nothing is prepared before the first poll of a page that is on screen.
        """
        if self.error or self.runs.busy or self.display.reuse_twin(self.config):
            self._preview.drop()
        elif self._seen:
            self._preview.prepare(self.config)
