"""The one view-model of the lab: what is chosen, what is computed, what is shown.

It imports no GUI. A skin binds its fields to the parameters, calls :meth:`LabModel.run` and
:meth:`LabModel.stop`, and calls :meth:`LabModel.poll` several times a second from its own event
loop; ``poll`` names the parts to draw again, and :meth:`LabModel.field_plot`,
:meth:`LabModel.curves` and :meth:`LabModel.scores` give them. Other threads do all computing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import param

from ...errors import InputError
from ...experiments.config import Config
from ...experiments.parts import labels
from ...experiments.run import Frame
from ...experiments.service.service import Service
from ...experiments.twin import Twin
from ..pictures.field_plot import TwinFields, observables
from ..pictures.wording import status_line
from .background import Preview, observation_config
from .controls import Controls
from .display import CURVES, DISPLAY_PARAMETERS, OBSERVATIONS, SCORES, TRUTH, Screen
from .history import HistoryEntry, add_entry
from .observed_run import ObservedRun
from .session import Session

BUSY = ("waiting", "preparing", "running")
_ENDED = {"failed": "failed", "cancelled": "was stopped"}


class LabModel(Screen):
    """The controls, one run at a time, and the pictures of it.

    Args:
        service: the line its runs wait in, and their limits; by default those of the process.
        presets: fields of :class:`dalab.experiments.config.Config`.

    Raises:
        InputError: for a preset that names nothing or is out of its bounds.
    """

    page = param.Selector(objects=["Assimilate", "Posterior", "Physics", "Sensors", "Runs"],
                          label="Page")
    keep_running = param.Boolean(
        False, label="Keep running when this page is closed",
        doc="the run goes on, and the same address finds it again",
    )

    state = param.String("idle", doc="idle, waiting, preparing, running, done, cancelled or failed")
    status = param.String("", doc="one line: what goes on and how long it will take")
    fraction = param.Number(0.0, bounds=(0, 1), doc="share of the run that is done")
    error = param.String("", doc="what is wrong with the choices, or went wrong in the run")
    outdated = param.Boolean(False, doc="whether the choices differ from those of the run shown")
    history = param.List([], doc="runs that have ended and can be shown again, the newest last")

    def __init__(self, *, service: Service | None = None, **presets: Any) -> None:
        self.session = Session(service)
        self._ended: ObservedRun | None = None
        self._frames: dict[str, Frame] = {}
        self._previews = Preview()
        self._fresh: set[str] = set()
        self._loading = False
        super().__init__(**presets)
        self._subscribe()
        self._preview()

    def _subscribe(self) -> None:
        chosen = [name for name in Controls.param if name != "name"]
        self.param.watch(self._on_choice, chosen)
        for options in self.option_sets():
            names = [name for name in options.param if name != "name"]
            if names:
                options.param.watch(self._on_choice, names)
        self.param.watch(self._on_display_change, list(DISPLAY_PARAMETERS))
        self.param.watch(lambda event: self.session.keep(self._shown, event.new), "keep_running")

    # --- run and stop ---------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether a run is going on."""
        return self.state in BUSY

    @property
    def pending(self) -> bool:
        """Whether :meth:`poll` has or will have something to say without another event."""
        return self.busy or self._previews.busy or bool(self._fresh)

    @property
    def ended(self) -> ObservedRun | None:
        """The run that ended or was shown last."""
        return self._ended

    @property
    def result(self) -> Any:
        """The ``xarray.DataTree`` of the run that ended or was shown last, or ``None``."""
        return None if self._ended is None else self._ended.result

    @property
    def labels(self) -> tuple[str, ...]:
        """Methods on show: those of the run while it goes on, else those that are chosen."""
        return tuple(labels(self._run.config.methods if self.busy else self.config().methods))

    def run(self) -> None:
        """Start a run of what is chosen; if it cannot work, say so in ``error`` and keep all."""
        if self.busy:
            return
        try:
            observed_run = self.session.start(self.config())
        except InputError as error:
            self.error = str(error)
            return
        self._previews.drop()
        self._shown, self._frames, self._twin_fields = observed_run, {}, None
        self.session.keep(observed_run, self.keep_running)
        run = observed_run.run
        self.param.update(
            state="waiting" if run.queue_position else "preparing", error="", outdated=False,
            fraction=0.0, replay_position=1.0,
            status=status_line("preparing", run.progress, run.queue_position),
        )
        self._fresh |= {*self.labels, CURVES, SCORES}

    def stop(self) -> None:
        """End the run at once; what it has computed so far stays."""
        if self._shown is not None and self.busy:
            self._shown.run.cancel()
            self._take_run(self._shown)

    @property
    def shown_entry(self) -> HistoryEntry | None:
        """The run on show, if it has ended."""
        return next((entry for entry in self.history if entry.observed_run is self._shown), None)

    def show(self, entry: HistoryEntry) -> None:
        """Show a run again and choose what it was made from; nothing happens while one goes on.

        Raises:
            InputError: if the controls cannot hold its choices.
        """
        if self.busy:
            return
        self._loading = True
        try:
            self.load(entry.config)
        finally:
            self._loading = False
        self._shown = shown = entry.observed_run
        self._frames, self._twin_fields = shown.frames(), shown.twin_fields
        self._preview_fields = None
        self.time = min(self.time, self.window - 1)
        self._on_choice()
        if self._twin_fields is not None:
            self._on_twin(self._twin_fields.twin)
        self._follow(entry.observed_run)

    def come_back(self, key: str) -> bool:
        """Go on where the session with that key has left a run; return whether there was one."""
        observed_run = self.session.come_back(key)
        if observed_run is None:
            return False
        self.show(HistoryEntry(1, observed_run))
        self._record(observed_run)
        self.keep_running = self.session.is_kept
        return True

    def close(self) -> None:
        """Cancel what still computes and is not to be kept, and forget what waits."""
        self._previews.drop()
        self.session.leave()

    # --- what is new ----------------------------------------------------------------------------

    def poll(self) -> frozenset[str]:
        """Take in what the workers have done; the names of the parts to draw again.

        They are ``truth``, ``observations``, the label of a method, ``curves`` and ``scores``.
        """
        self._take_preview()
        if self._shown is not None and self.busy:
            self._take_run(self._shown)
        fresh, self._fresh = frozenset(self._fresh), set()
        return fresh

    def _take_preview(self) -> None:
        answer = self._previews.twin()
        if isinstance(answer, str):
            self.error = answer
        elif answer is not None and not self.busy:
            self._preview_fields = TwinFields(answer)
            self._on_twin(answer)

    def _take_run(self, observed_run: ObservedRun) -> None:
        if self._twin_fields is None and observed_run.twin_fields is not None:
            self._twin_fields, self._preview_fields = observed_run.twin_fields, None
            self._on_twin(observed_run.twin_fields.twin)
        frames = observed_run.frames()
        arrived = {name for name, frame in frames.items() if frame is not self._frames.get(name)}
        if arrived:
            self._frames = frames
            self._fresh |= {*arrived, CURVES, SCORES}
        self._follow(observed_run)
        self._record(observed_run)

    def _record(self, observed_run: ObservedRun) -> None:
        """Take a run that has ended into the history, if there is something to show."""
        if not self.busy and observed_run.twin_fields is not None:
            self.history = add_entry(self.history, observed_run)

    def _follow(self, observed_run: ObservedRun) -> None:
        """Say where the run stands; take note of its end."""
        run = observed_run.run
        state, progress = run.state, run.progress
        fraction = 1.0 if state == "done" else progress.fraction
        shown = {
            "status": status_line(state, progress, run.queue_position),
            "fraction": float(np.clip(fraction, 0, 1)),
        }
        if run.error:
            shown["error"] = f"The run {_ENDED[state]}. {run.error}"
        self.param.update(**shown)
        if state not in BUSY:
            self._ended = observed_run
            self.state = state
            self._fresh |= {*labels(run.config.methods), *self.labels, CURVES, SCORES}
            self._preview()
        elif state != self.state:
            self.state = state

    def _on_twin(self, twin: Twin) -> None:
        names = observables(twin)
        self.param.observed.objects = names
        if self.observed not in names:
            self.observed = names[0]
        self._fresh |= {TRUTH, OBSERVATIONS}

    def _on_display_change(self, *events: Any) -> None:
        """Another day, layer, field, view or moment: draw the maps again."""
        only_position = all(event.name == "replay_position" for event in events)
        others = {CURVES} if only_position else {TRUTH, OBSERVATIONS}
        self._fresh |= {*others, *self.labels}

    def _on_choice(self, *events: Any) -> None:
        """Another choice: check it, and show the truth and the network that it makes."""
        if self._loading:
            return
        config = self.config()
        self.outdated = self._run is not None and self._run.config != config
        self._fresh |= set(self.labels)
        try:
            self.session.service.check(config)
        except InputError as error:
            self.error = str(error)
            self._previews.drop()
            return
        self.error = ""
        self._preview()

    def _preview(self) -> None:
        """Prepare what is chosen in the background, unless it is on show already."""
        if self.busy or self.error:
            return
        config = self.config()
        for known in (self._preview_fields, self._twin_fields):
            if known is not None and _same_observations(known.twin.config, config):
                self._previews.drop()
                self._preview_fields = known if known is self._preview_fields else None
                self._fresh |= {TRUTH, OBSERVATIONS}
                return
        self._previews.prepare(config)


def _same_observations(a: Config, b: Config) -> bool:
    return observation_config(a) == observation_config(b)
