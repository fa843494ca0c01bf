"""The one view-model of the lab: what is chosen, what is computed, what is shown.

It imports no GUI. A skin binds its fields to the parameters, calls :meth:`LabModel.run` and
:meth:`LabModel.stop`, and calls :meth:`LabModel.poll` several times a second from its own event
loop; ``poll`` names the parts to draw again, and :meth:`LabModel.picture`, :meth:`LabModel.curves`
and :meth:`LabModel.scores` give them. All computing is done by other threads.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import param

from ...errors import InputError
from ...experiments.parts import labels
from ...experiments.run import Frame
from ...experiments.service.service import Service
from ...experiments.twin import Twin
from ..pictures.picture import Scene, observables
from ..pictures.wording import standing
from .background import Preview, observing
from .controls import Controls
from .display import CURVES, LOOKS, OBSERVATIONS, SCORES, TRUTH, Screen
from .history import Kept, keep
from .observed_run import Watch
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
    keep = param.Boolean(
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
        self._ended: Watch | None = None
        self._frames: dict[str, Frame] = {}
        self._previews = Preview()
        self._fresh: set[str] = set()
        self._loading = False
        super().__init__(**presets)
        self._watch()
        self._preview()

    def _watch(self) -> None:
        chosen = [name for name in Controls.param if name != "name"]
        self.param.watch(self._on_choice, chosen)
        for options in self.option_sets():
            names = [name for name in options.param if name != "name"]
            if names:
                options.param.watch(self._on_choice, names)
        self.param.watch(self._on_look, list(LOOKS))
        self.param.watch(lambda event: self.session.hold(self._shown, event.new), "keep")

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
    def ended(self) -> Watch | None:
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
            watch = self.session.start(self.config())
        except InputError as error:
            self.error = str(error)
            return
        self._previews.drop()
        self._shown, self._frames, self._scene = watch, {}, None
        self.session.hold(watch, self.keep)
        self.param.update(
            state="waiting" if watch.run.place else "preparing", error="", outdated=False,
            fraction=0.0, moment=1.0,
            status=standing("preparing", watch.run.progress, watch.run.place),
        )
        self._fresh |= {*self.labels, CURVES, SCORES}

    def stop(self) -> None:
        """End the run at once; what it has computed so far stays."""
        if self._shown is not None and self.busy:
            self._shown.run.cancel()
            self._take_run(self._shown)

    @property
    def kept(self) -> Kept | None:
        """The run on show, if it has ended."""
        return next((kept for kept in self.history if kept.watch is self._shown), None)

    def show(self, kept: Kept) -> None:
        """Show a run again and choose what it was made from; nothing happens while one goes on.

        Raises:
            InputError: if the controls cannot hold its choices.
        """
        if self.busy:
            return
        self._loading = True
        try:
            self.load(kept.config)
        finally:
            self._loading = False
        self._shown, self._frames, self._scene = kept.watch, kept.watch.frames(), kept.watch.scene
        self._ahead = None
        self.time = min(self.time, self.window - 1)
        self._on_choice()
        if self._scene is not None:
            self._on_twin(self._scene.twin)
        self._follow(kept.watch)

    def come_back(self, key: str) -> bool:
        """Go on where the session with that key has left a run; return whether there was one."""
        watch = self.session.come_back(key)
        if watch is None:
            return False
        self.show(Kept(1, watch))
        self._keep(watch)
        self.keep = self.session.kept
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
            self._ahead = Scene(answer)
            self._on_twin(answer)

    def _take_run(self, watch: Watch) -> None:
        if self._scene is None and watch.scene is not None:
            self._scene, self._ahead = watch.scene, None
            self._on_twin(watch.scene.twin)
        frames = watch.frames()
        arrived = {name for name, frame in frames.items() if frame is not self._frames.get(name)}
        if arrived:
            self._frames = frames
            self._fresh |= {*arrived, CURVES, SCORES}
        self._follow(watch)
        self._keep(watch)

    def _keep(self, watch: Watch) -> None:
        """Take a run that has ended into the history, if there is something to show."""
        if not self.busy and watch.scene is not None:
            self.history = keep(self.history, watch)

    def _follow(self, watch: Watch) -> None:
        """Say where the run stands; take note of its end."""
        run = watch.run
        state, progress = run.state, run.progress
        fraction = 1.0 if state == "done" else progress.fraction
        shown = {
            "status": standing(state, progress, run.place),
            "fraction": float(np.clip(fraction, 0, 1)),
        }
        if run.error:
            shown["error"] = f"The run {_ENDED[state]}. {run.error}"
        self.param.update(**shown)
        if state not in BUSY:
            self._ended = watch
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

    def _on_look(self, *events: Any) -> None:
        """Another day, layer, field, view or moment: draw the maps again."""
        replayed = all(event.name == "moment" for event in events)
        self._fresh |= {CURVES, *self.labels} if replayed else {TRUTH, OBSERVATIONS, *self.labels}

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
        for scene in (self._ahead, self._scene):
            if scene is not None and observing(scene.twin.config) == observing(config):
                self._previews.drop()
                self._ahead = self._ahead if scene is self._ahead else None
                self._fresh |= {TRUTH, OBSERVATIONS}
                return
        self._previews.prepare(config)
