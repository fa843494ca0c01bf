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
from ..pictures.picture import (
    QUANTITIES,
    VIEWS,
    Look,
    Picture,
    Scene,
    estimate_picture,
    observation_picture,
    quantities_of,
    truth_picture,
)
from ..pictures.score_columns import score_rows
from ..pictures.wording import pace, score_note
from .controls import Controls
from .observed_run import Still, Watch

TRUTH, OBSERVATIONS, CURVES, SCORES = "truth", "observations", "curves", "scores"
LOOKS = ("time", "layer", "quantity", "view", "member", "observed", "moment")


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

    moment = param.Number(
        1.0, bounds=(0.0, 1.0), step=0.01, label="Replay",
        doc="share of every method's work after which it is shown; 1 is the newest",
    )

    def __init__(self, **presets: Any) -> None:
        self._shown: Watch | None = None
        self._scene: Scene | None = None
        self._ahead: Scene | None = None
        super().__init__(**presets)
        self.time = min(self.time, self.window - 1)
        self.param.watch(self._offer_looks, "system")
        self._offer_looks()

    def _offer_looks(self, *events: Any) -> None:
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
    def look(self) -> Look:
        """What the pictures show."""
        return Look(
            min(self.time, self.window - 1), self.param.layer.objects.index(self.layer),
            self.quantity, self.view, self.member, self.observed,
        )

    @property
    def replayable(self) -> bool:
        """Whether there are moments of the run on show to go back to."""
        return self._shown is not None and any(len(r) > 1 for r in self._shown.replays.values())

    def picture(self, name: str) -> Picture:
        """The map of the truth, of the observations, or of a method's estimate."""
        past, ahead = self._of_system(self._scene), self._of_system(self._ahead)
        if name == OBSERVATIONS:
            scene = ahead or past
            return observation_picture(scene, self.look) if scene else self._blank("Observed")
        if name == TRUTH:
            scene = past or ahead
            return truth_picture(scene, self.look) if scene else self._blank("Truth")
        known = self._scores().get(name)
        still = self._still(name)
        if known is None or still is None or past is None:
            return self._blank(name, score_note(known.status if known else "", None))
        more = still.note or pace(known)
        note = score_note(known.status, float(still.rmse[self.look.time]), more)
        return estimate_picture(name, note, still.estimate, past, self.look)

    def _of_system(self, scene: Scene | None) -> Scene | None:
        """The scene, unless another system has been chosen since and no run goes on."""
        going = self._shown is not None and not self._shown.over
        known = scene is not None and (going or scene.twin.config.system == self.system)
        return scene if known else None

    def _blank(self, title: str, note: str = "") -> Picture:
        """A picture of nothing, on the axes of the others."""
        scene = self._of_system(self._scene) or self._of_system(self._ahead)
        if scene is not None:
            return Picture(title, note, axes=scene.axes(scene.scale(self.look)[0]))
        return Picture(title, note, axes=axes_of(make_system(self.system), self.window, 1.0))

    def _still(self, name: str) -> Still | None:
        """A method of the run on show at the moment on show."""
        known = self._shown is not None and name in self._shown.replays
        return self._shown.still(name, self.moment, self.view) if known else None

    @property
    def noise_shown(self) -> float:
        """Standard deviation of the noise in the run on show; errors are to be seen against it."""
        return self._run.config.noise if self._run else Config().noise

    def curves(self) -> dict[str, np.ndarray]:
        """RMSE of the ensemble mean of every method so far, ``(time,)``, by label."""
        stills = {name: self._still(name) for name in self._scores()}
        return {name: still.rmse for name, still in stills.items() if still and len(still.rmse)}

    def spreads(self) -> dict[str, np.ndarray]:
        """Spread of the members of every method so far, ``(time,)``, by label."""
        stills = {name: self._still(name) for name in self._scores()}
        return {name: still.spread for name, still in stills.items() if still and len(still.spread)}

    def scores(self) -> dict[str, dict[str, float]]:
        """The score table so far: columns by label, for every method that has begun."""
        return score_rows(self._scores())

    def _scores(self) -> dict[str, MethodScores]:
        return self._run.scores if self._run else {}
