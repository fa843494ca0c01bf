"""What a person looks at: maps, curves and scores of the run on show, at the moment on show."""

from __future__ import annotations

from typing import Any

import numpy as np
import param

from ...experiments.config import Config
from ...experiments.parts import make_system
from ...experiments.results.stored_run import StoredRun
from ...experiments.run import MethodScores, Run
from ..pictures.axes import axes_of, variables
from ..pictures.field_plot import (
    QUANTITIES,
    VIEWS,
    DisplayState,
    FieldPlot,
    TwinFields,
    estimate_plot,
    observation_plot,
    quantities_of,
    truth_plot,
)
from ..pictures.score_columns import score_rows
from ..pictures.wording import progress_note, score_note
from .controls import Controls
from .observed_run import ObservedRun, Snapshot

TRUTH, OBSERVATIONS, CURVES, SCORES = "truth", "observations", "curves", "scores"
DISPLAY_PARAMETERS = ("time", "layer", "quantity", "view", "member", "observed", "replay_position")


class Screen(Controls):
    """The controls, what is looked at, and the pictures of it.

    Args:
        presets: fields of :class:`dalab.experiments.config.Config`.

    Raises:
        InputError: for a preset that names nothing or is out of its bounds.
    """

    time = param.Integer(4, bounds=(0, None), label="Day")
    layer = param.Selector(objects=["upper", "lower"], label="Layer")
    quantity = param.Selector(objects=list(QUANTITIES), label="Field")
    view = param.Selector(objects=list(VIEWS), label="Estimates")
    member = param.Integer(1, bounds=(1, None), label="Member")
    observed = param.Selector(objects=[""], label="Observed", check_on_set=False)

    replay_position = param.Number(
        1.0, bounds=(0.0, 1.0), step=0.01, label="Replay",
        doc="share of every method's work after which it is shown; 1 is the newest",
    )

    def __init__(self, **presets: Any) -> None:
        self._shown: ObservedRun | None = None
        self._twin_fields: TwinFields | None = None
        self._preview_fields: TwinFields | None = None
        super().__init__(**presets)
        self.time = min(self.time, self.window - 1)
        self.param.watch(self._update_choices, "system")
        self._update_choices()

    def _update_choices(self, *events: Any) -> None:
        """Let the layers and the fields of the chosen system be looked at."""
        system = make_system(self.system)
        for name, found in (("layer", variables(system)), ("quantity", quantities_of(system))):
            self.param[name].objects = list(found)
            if getattr(self, name) not in found:
                setattr(self, name, next(iter(found)))
        if events:
            self.param.trigger("time")  # everything is to be looked at again

    @property
    def layer_word(self) -> str:
        """What is chosen among: the layers of a flow, or the variables of another system."""
        return "Layer" if "upper" in self.param.layer.objects else "Variable"

    @property
    def _run(self) -> Run | StoredRun | None:
        """The run on show."""
        return None if self._shown is None else self._shown.run

    @property
    def display_state(self) -> DisplayState:
        """What the pictures show."""
        return DisplayState(
            min(self.time, self.window - 1), self.param.layer.objects.index(self.layer),
            self.quantity, self.view, self.member, self.observed,
        )

    @property
    def replayable(self) -> bool:
        """Whether there are moments of the run on show to go back to."""
        return self._shown is not None and any(len(r) > 1 for r in self._shown.replays.values())

    def field_plot(self, name: str) -> FieldPlot:
        """The map of the truth, of the observations, or of a method's estimate."""
        past, ahead = self._of_system(self._twin_fields), self._of_system(self._preview_fields)
        if name == OBSERVATIONS:
            known = ahead or past
            return observation_plot(known, self.display_state) if known else self._blank("Observed")
        if name == TRUTH:
            known = past or ahead
            return truth_plot(known, self.display_state) if known else self._blank("Truth")
        scores = self._scores().get(name)
        snapshot = self._snapshot(name)
        if scores is None or snapshot is None or past is None:
            return self._blank(name, score_note(scores.status if scores else "", None))
        more = snapshot.note or progress_note(scores)
        note = score_note(scores.status, float(snapshot.rmse[self.display_state.time]), more)
        return estimate_plot(name, note, snapshot.estimate, past, self.display_state)

    def _of_system(self, twin_fields: TwinFields | None) -> TwinFields | None:
        """The scene, unless another system has been chosen since and no run goes on."""
        going = self._shown is not None and not self._shown.over
        known = twin_fields is not None and (going or twin_fields.twin.config.system == self.system)
        return twin_fields if known else None

    def _blank(self, title: str, note: str = "") -> FieldPlot:
        """A picture of nothing, on the axes of the others."""
        twin_fields = self._of_system(self._twin_fields) or self._of_system(self._preview_fields)
        if twin_fields is not None:
            limit = twin_fields.scale(self.display_state)[0]
            return FieldPlot(title, note, axes=twin_fields.axes(limit))
        return FieldPlot(title, note, axes=axes_of(make_system(self.system), self.window, 1.0))

    def _snapshot(self, name: str) -> Snapshot | None:
        """A method of the run on show at the moment on show."""
        known = self._shown is not None and name in self._shown.replays
        return self._shown.snapshot(name, self.replay_position, self.view) if known else None

    @property
    def noise_shown(self) -> float:
        """Standard deviation of the noise in the run on show; errors are to be seen against it."""
        return self._run.config.noise if self._run else Config().noise

    def curves(self) -> dict[str, np.ndarray]:
        """RMSE of the ensemble mean of every method so far, ``(time,)``, by label."""
        snapshots = {name: self._snapshot(name) for name in self._scores()}
        return {name: s.rmse for name, s in snapshots.items() if s and len(s.rmse)}

    def spreads(self) -> dict[str, np.ndarray]:
        """Spread of the members of every method so far, ``(time,)``, by label."""
        snapshots = {name: self._snapshot(name) for name in self._scores()}
        return {name: s.spread for name, s in snapshots.items() if s and len(s.spread)}

    def scores(self) -> dict[str, dict[str, float]]:
        """The score table so far: columns by label, for every method that has begun."""
        return score_rows(self._scores())

    def _scores(self) -> dict[str, MethodScores]:
        return self._run.scores if self._run else {}
