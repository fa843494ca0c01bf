"""The display: maps, curves and scores of the run, time and layer shown.

A display knows the run shown and the twin of the choices, and remembers which of its parts are
to be drawn again. It starts nothing and changes no choice.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import param

from ...experiments.config import Config
from ...experiments.run import Frame, MethodScores
from ...experiments.twin import Twin
from ...systems import SYSTEMS
from ..pictures.axes import axes_of
from ..pictures.cycled_fields import CycledFields, cycled_axes
from ..pictures.cycled_plot import cycled_truth_plot
from ..pictures.field_plot import (
    VIEWS,
    DisplayState,
    FieldPlot,
    StateFields,
    TwinFields,
    estimate_plot,
    observation_plot,
    truth_plot,
    views_of,
)
from ..pictures.score_rows import score_rows
from ..pictures.wording import before_note, progress_note, score_note
from .background import observation_config
from .cycled_display import CycledDisplay, CyclePreview
from .observed_run import ObservedRun, Snapshot

TRUTH, OBSERVATIONS, CURVES, SCORES = "truth", "observations", "curves", "scores"
ESTIMATES = "estimates"
"""Stands for the maps of all methods among the parts to draw again."""

DISPLAY_PARAMETERS = (
    "time", "layer", "quantity", "view", "member", "observed", "replay_position",
)
"""Parameters of the display that a person sets."""


class DisplayModel(param.Parameterized):
    """The selection of the display, and the plots of the run shown.

    ``system`` and ``run`` may be references to parameters of other objects, which they follow.

    Args:
        values: of the parameters.
    """

    system = param.String("qg64", allow_refs=True, doc="text of the chosen system")
    cycled = param.Boolean(False, allow_refs=True, doc="true if cycles are chosen, not a window")
    shows_cycles = param.Boolean(
        False, doc="true if cycles are shown: those of the run while it goes on, else those chosen"
    )
    window = param.Integer(9, bounds=(1, None), doc="steps of the window")
    run = param.ClassSelector(class_=ObservedRun, allow_refs=True, doc="the run shown")

    time = param.Integer(4, bounds=(0, None), label="Day")
    layer = param.Selector(objects=["upper", "lower"], label="Layer")
    quantity = param.Selector(objects=["relative vorticity", "PV"], label="Field")
    view = param.Selector(objects=list(VIEWS), label="Estimates")
    member = param.Integer(1, bounds=(1, None), label="Member")
    observed = param.Selector(objects=[""], label="Observed", check_on_set=False)

    replay_position = param.Number(
        1.0, bounds=(0.0, 1.0), step=0.01, label="Replay",
        doc="share of every method's work after which it is shown; 1 is the newest",
    )

    before = param.String(
        "", doc="name of the run shown once the choices differ from it: it is dimmed then"
    )
    replayable = param.Boolean(False, doc="true if the run shown has earlier positions")

    def __init__(self, **values: object) -> None:
        self._twin_fields: TwinFields | None = None
        self._preview_fields: TwinFields | None = None
        self._frames: dict[str, Frame] = {}
        self._stale: set[str] = set()
        self.cycles = CycledDisplay()
        self.cycles.param.watch(
            lambda event: self.mark_stale(TRUTH, OBSERVATIONS, ESTIMATES, CURVES), "position"
        )
        super().__init__(**values)
        self._on_kind()
        self._limit_time()
        self._set_choices()

    # --- parts to draw again --------------------------------------------------------------------

    @property
    def stale(self) -> bool:
        """True if there is something to draw again."""
        return bool(self._stale)

    def mark_stale(self, *parts: str) -> None:
        """Mark parts to be drawn again."""
        self._stale |= set(parts)

    def take_stale(self) -> set[str]:
        """Return the parts to draw again, once."""
        stale, self._stale = self._stale, set()
        return stale

    @param.depends("replay_position", watch=True)
    def _on_replay(self) -> None:
        self.mark_stale(CURVES, ESTIMATES)

    @param.depends("time", "layer", "quantity", "view", "member", "observed", watch=True)
    def _on_selection(self) -> None:
        self.mark_stale(TRUTH, OBSERVATIONS, ESTIMATES)

    @param.depends("before", watch=True)
    def _on_before(self) -> None:
        self.mark_stale(ESTIMATES, CURVES, SCORES)

    @param.depends("cycled", watch=True)
    def _on_kind(self) -> None:
        self.shows_cycles = self.run.cycled if self.going else self.cycled

    @param.depends("system", "shows_cycles", watch=True)
    def _on_system(self) -> None:
        self._set_choices()
        self.cycles.cleared = not self._is_of_choices
        self.mark_stale(CURVES, SCORES)
        self.param.trigger("time")  # pages draw at once what depends on the selection

    @param.depends("window", watch=True)
    def _limit_time(self) -> None:
        self.time = min(self.time, self.window - 1)

    def _set_choices(self) -> None:
        """Offer the layers, the fields and the views of the chosen system."""
        system = SYSTEMS.make(self.system)
        choices = {"layer": system.variables, "quantity": system.quantities,
                   "view": views_of(system, self.shows_cycles)}
        for name, found in choices.items():
            self.param[name].objects = list(found)
            if getattr(self, name) not in found:
                setattr(self, name, next(iter(found)))

    # --- the run, and the twin of the choices ---------------------------------------------------

    @param.depends("run", watch=True)
    def _on_run(self) -> None:
        """Forget the run before, and take in the new one."""
        self._twin_fields, self._frames, self.replayable = None, {}, False
        self.cycles.show_run(self.run)
        self.mark_stale(ESTIMATES, CURVES, SCORES)
        self.update()

    def update(self) -> None:
        """Take in the progress of the run shown since the last call."""
        self._on_kind()
        run = self.run
        if run is None:
            return
        if run.cycled:
            self._update_cycles()
            return
        self.replayable = any(len(replay) > 1 for replay in run.replays.values())
        if self._twin_fields is None and run.twin_fields is not None:
            self._twin_fields, self._preview_fields = run.twin_fields, None
            self._on_fields(run.twin_fields)
        frames = run.frames()
        fresh = {name for name, frame in frames.items() if frame is not self._frames.get(name)}
        if fresh:
            self._frames = frames
            self.mark_stale(*fresh, CURVES, SCORES)

    def _update_cycles(self) -> None:
        """Take in the progress of a cycled run."""
        first, fresh = not self.cycles.has_states, self.cycles.update()
        fields = self.cycles.fields()
        if first and fields is not None:
            self.cycles.preview = None
            self._on_fields(fields)
        if fresh:
            self.mark_stale(*fresh, TRUTH, OBSERVATIONS, CURVES, SCORES)

    def show_preview(self, ahead: Twin | CyclePreview | None) -> None:
        """Show the truth and the observations of the choices; show none with ``None``."""
        window = ahead if isinstance(ahead, Twin) else None
        self._preview_fields = None if window is None else TwinFields(window)
        self.cycles.preview = ahead if isinstance(ahead, CyclePreview) else None
        fields = self._preview_fields or self.cycles.preview_fields()
        if fields is not None:
            self._on_fields(fields)

    def reuse_twin(self, config: Config) -> bool:
        """Show the twin of an experiment if it is at hand; return False if it is not."""
        if config.cycles is not None:
            return self._reuse_cycles(config)
        for fields in (self._preview_fields, self._twin_fields):
            if fields is not None and _same_twin(fields, config):
                self._preview_fields = fields if fields is self._preview_fields else None
                self.mark_stale(TRUTH, OBSERVATIONS)
                return True
        return False

    def _reuse_cycles(self, config: Config) -> bool:
        """Show the truth and observations of a cycled experiment if they are at hand."""
        ahead, run = self.cycles.preview, self.cycles.run
        wanted = observation_config(config)
        if ahead is not None and ahead.config == wanted:
            return True
        known = run is not None and run.has_states and observation_config(run.config) == wanted
        if known:
            self.cycles.preview = None
            self.mark_stale(TRUTH, OBSERVATIONS)
        return known

    def _on_fields(self, fields: StateFields) -> None:
        names = fields.observables
        self.param.observed.objects = names
        if self.observed not in names:
            self.observed = names[0]
        self.mark_stale(TRUTH, OBSERVATIONS, ESTIMATES)

    # --- plots ----------------------------------------------------------------------------------

    @property
    def layer_word(self) -> str:
        """Label of the layer selector: "Layer" for flows, "Variable" otherwise."""
        return SYSTEMS.make(self.system).variable_word.capitalize()

    @property
    def step_word(self) -> str:
        """Name of a step of the window: a day where time has units."""
        return SYSTEMS.make(self.system).step_word

    @property
    def state(self) -> DisplayState:
        """The selection, as the plots take it."""
        return DisplayState(
            min(self.time, self.window - 1), self.param.layer.objects.index(self.layer),
            self.quantity, self.view, self.member, self.observed,
        )

    @property
    def going(self) -> bool:
        """True while the run shown goes on."""
        return self.run is not None and not self.run.over

    @property
    def caption(self) -> str:
        """Name of the run shown if the choices differ from it, and it is shown all the same."""
        return self.before if self._is_of_choices and not self.going else ""

    @property
    def _is_of_choices(self) -> bool:
        """True if the run shown has the axes of the choices: their system, window or cycles."""
        run = self.run
        alike = run is not None and run.cycled == self.shows_cycles
        return alike and (self.going or run.config.system == self.system)

    def field_plot(self, name: str) -> FieldPlot:
        """Return the map of the truth, of the observations, or of a method's estimate."""
        past, ahead = (self._of_choices(fields) for fields in self._fields())
        if name not in (TRUTH, OBSERVATIONS):
            plot = self._estimate_plot(name, past)
            dimmed = bool(self.caption) and plot.values is not None
            return replace(plot, dimmed=True, note=before_note(plot.note)) if dimmed else plot
        fields, seen = ahead or past, name == OBSERVATIONS
        if fields is None:
            return self._blank("Observed" if seen else "Truth")
        if seen:
            return observation_plot(fields, self.state)
        if isinstance(fields, CycledFields):
            return cycled_truth_plot(fields, self.state)
        return truth_plot(fields, self.state)

    def _fields(self) -> tuple[StateFields | None, StateFields | None]:
        """Return truth and observations of the run shown, and those of the preview."""
        if self.shows_cycles:
            return self.cycles.fields(), self.cycles.preview_fields()
        return self._twin_fields, self._preview_fields

    def _estimate_plot(self, name: str, fields: StateFields | None) -> FieldPlot:
        if self.shows_cycles:
            return self._cycled_plot(name, fields)
        known, snapshot = self._scores().get(name), self._snapshot(name)
        if known is None or snapshot is None or fields is None:
            return self._blank(name, score_note(known.status if known else "", None))
        more = snapshot.note or progress_note(known)
        note = score_note(known.status, float(snapshot.rmse[self.state.time]), more)
        return estimate_plot(name, note, snapshot.estimate, fields, self.state)

    def _cycled_plot(self, name: str, fields: StateFields | None) -> FieldPlot:
        """Return the states of a method at the cycle shown."""
        known = self._scores().get(name)
        if known is None or fields is None:
            return self._blank(name, score_note(known.status if known else "", None))
        plot = self.cycles.estimate_plot(name, known, self.state)
        return plot or self._blank(name, score_note(known.status, None))

    def _of_choices(self, fields: StateFields | None) -> StateFields | None:
        """Return the fields unless another system has been chosen since and no run goes on."""
        known = fields is not None and (self.going or fields.text == self.system)
        return fields if known else None

    def _blank(self, title: str, note: str = "") -> FieldPlot:
        """Return an empty plot, on the axes of the others."""
        past, ahead = (self._of_choices(fields) for fields in self._fields())
        fields, system = past or ahead, SYSTEMS.make(self.system)
        if fields is not None:
            return FieldPlot(title, note, axes=fields.axes(fields.scale(self.state)[0]))
        if self.shows_cycles:
            return FieldPlot(title, note, axes=cycled_axes(system, 1.0))
        return FieldPlot(title, note, axes=axes_of(system, self.window, 1.0))

    def _snapshot(self, name: str) -> Snapshot | None:
        """Return a method of the run shown at the replay position."""
        known = self.run is not None and name in self.run.replays
        return self.run.snapshot(name, self.replay_position, self.view) if known else None

    @property
    def noise_shown(self) -> float:
        """Noise standard deviation in the run shown, the reference for its errors."""
        return self.run.config.noise if self.run is not None else Config().noise

    def curves(self) -> dict[str, np.ndarray]:
        """Return the RMSE of the ensemble mean of every method so far, ``(time,)``, by label."""
        return {name: one.rmse for name, one in self._snapshots().items() if len(one.rmse)}

    def spreads(self) -> dict[str, np.ndarray]:
        """Return the spread of the members of every method so far, ``(time,)``, by label."""
        return {name: one.spread for name, one in self._snapshots().items() if len(one.spread)}

    def _snapshots(self) -> dict[str, Snapshot]:
        found = {name: self._snapshot(name) for name in self._scores()}
        return {name: snapshot for name, snapshot in found.items() if snapshot is not None}

    def scores(self) -> dict[str, dict[str, float]]:
        """Return the score table so far: columns by label, for every method that has begun."""
        return score_rows(self._scores(), self.shows_cycles)

    def _scores(self) -> dict[str, MethodScores]:
        return self.run.run.scores if self.run is not None and self._is_of_choices else {}


def _same_twin(fields: TwinFields, config: Config) -> bool:
    return observation_config(fields.twin.config) == observation_config(config)
