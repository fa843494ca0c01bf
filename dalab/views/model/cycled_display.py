"""Display of a cycled run: its states at a cycle, or at the newest one, and its curves."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import param

from ...experiments.config import REFERENCE, Config
from ...experiments.cycles.recorder import Recorder, Snapshot, observed_fields
from ...experiments.cycles.twin import CycledTwin
from ...experiments.experiment import Experiment
from ...experiments.run import MethodScores
from ..pictures.climate import climate_of
from ..pictures.cycle_curves import CycleCurves, RankHistogram, cycle_curves, rank_histogram
from ..pictures.cycled_fields import LATENT, CycledFields, CycledSystem, times_of
from ..pictures.cycled_plot import cycled_estimate_plot, cycled_truth_plot
from ..pictures.density_plot import Beside, density_plot, shows_density
from ..pictures.field_plot import STAGES, DisplayState, FieldPlot
from ..pictures.wording import progress_note, score_note
from .observed_run import ObservedRun, cycled_system

PAUSE = 0.15
"""Time between two pictures of a run at least [s]: controls are to be answered in between."""


@dataclass(frozen=True)
class CyclePreview:
    """Truth and observations of the first cycles of an experiment, before any method runs.

    Args:
        config: the experiment.
        about: its system and channels.
        snapshots: states without members.
    """

    config: Config
    about: CycledSystem
    snapshots: tuple[Snapshot, ...]

    @cached_property
    def fields(self) -> CycledFields:
        """Truth and observations, ready to draw."""
        return CycledFields(self.about, self.snapshots)


def prepare_cycles(config: Config) -> CyclePreview:
    """Make the first truths and observations of a cycled experiment.

    Raises:
        InputError: if the experiment cannot work, or the truth cannot be had.
    """
    made = Experiment.of(config)
    twin, found = CycledTwin(made), []
    nature = twin.start()
    for cycle in range(1, min(times_of(made.system), made.cycling.cycles) + 1):
        nature = twin.advance(nature, cycle)
        moment = twin.observe(nature, cycle)
        truth = moment.truth[0].detach().to("cpu").float()
        none = truth[None][:0]
        found.append(Snapshot(cycle, truth, none, none, observed_fields(moment)))
    return CyclePreview(config, cycled_system(made), tuple(found))


class CycledDisplay(param.Parameterized):
    """The cycle shown, and the plots of it.

    The states that can be shown are those that the recorders keep, from ``first`` to ``last``.
    While methods run one after the other, the range is that of the running one, and the others
    show their last states. ``cleared`` is True if the run is about another system than the choices.
    """

    position = param.Integer(
        0, bounds=(0, None), label="Cycle", doc="cycle shown; 0 follows the newest"
    )
    cycle = param.Integer(
        0, bounds=(0, None), doc="cycle of a link: that shown, or to be shown once the run has "
        "ended; 0 for the newest"
    )
    first = param.Integer(0, bounds=(0, None), doc="first cycle that can be shown")
    last = param.Integer(0, bounds=(0, None), doc="newest cycle; 0 before there is any")

    def __init__(self) -> None:
        super().__init__()
        self.run: ObservedRun | None = None
        self.preview: CyclePreview | None = None
        self._rings: dict[str, list[Snapshot]] = {}
        self._lead = ""
        self._made: dict[str, CycledFields] = {}
        self._taken, self.cleared = 0.0, False

    # --- the run ----------------------------------------------------------------------------------

    def show_run(self, run: ObservedRun | None) -> None:
        """Show a run from its newest cycle on; a window counts as none."""
        self.run = run if run is not None and run.cycled else None
        self._rings, self._lead, self._made, self._taken = {}, "", {}, 0.0
        self.cleared = False
        self.param.update(position=0, first=0, last=0)

    def update(self) -> set[str]:
        """Take in the progress of the run; return the labels of methods with new states.

        While the run goes on this happens every ``PAUSE`` seconds at most.
        """
        now = time.monotonic()
        if self.run is None or (now - self._taken < PAUSE and not self.run.over):
            return set()
        self._taken = now
        recorders = self.run.run.recorders
        rings = {label: list(known.ring) for label, known in recorders.items() if known.ring}
        fresh = {
            label for label, ring in rings.items()
            if label not in self._rings or ring[-1] is not self._rings[label][-1]
        }
        if fresh:
            self._rings, self._lead, self._made = rings, self._leading(rings), {}
            lead = rings[self._lead]
            self.param.update(first=lead[0].cycle, last=lead[-1].cycle)
        if self.run.over and self.cycle and not self.position:
            known = self.first <= self.cycle <= self.last
            self.param.update(position=self.cycle if known else 0, cycle=self.cycle * known)
        return fresh

    @param.depends("position", watch=True)
    def _forget_fields(self) -> None:
        self._made, self.cycle = {}, self.position

    def _leading(self, rings: dict[str, list[Snapshot]]) -> str:
        """Return the running method, or that with the newest cycle."""
        running = self.run.run.progress.method if self.run is not None else ""
        if self.run is not None and not self.run.over and running in rings:
            return running
        return max(rings, key=lambda label: rings[label][-1].cycle)

    @property
    def shown(self) -> int:
        """Number of the cycle shown."""
        return min(max(self.position, self.first), self.last) if self.position else self.last

    @property
    def has_states(self) -> bool:
        """True if the run has states to show."""
        return bool(self._rings)

    # --- plots ------------------------------------------------------------------------------------

    def fields(self) -> CycledFields | None:
        """Return the truth and observations of the run at the cycle shown."""
        return self._fields(self._lead) if self._lead else None

    def preview_fields(self) -> CycledFields | None:
        """Return the truth and observations of the preview."""
        return None if self.preview is None else self.preview.fields

    def _fields(self, label: str) -> CycledFields | None:
        """Return the states of a method up to the cycle shown, if the recorder keeps any."""
        if label not in self._made and self.run is not None:
            ring = self._rings.get(label, [])
            kept = [s for s in ring if s.cycle <= self.shown] if self.position else ring
            if kept:
                self._made[label] = CycledFields(self.run.cycled_system, kept)
        return self._made.get(label)

    def estimate_plot(
        self, label: str, scores: MethodScores, display: DisplayState
    ) -> FieldPlot | None:
        """Plot a method, or return ``None`` if there is no state to show."""
        fields = self._fields(label)
        if fields is None or self.run is None:
            return None
        cycle = fields.snapshots[-1].cycle
        error = float(self.run.run.recorders[label].series["rmse_analysis"][0, cycle - 1])
        behind = f"cycle {cycle}" if cycle != self.shown else ""
        note = score_note(scores.status, error, behind or progress_note(scores))
        if shows_density(fields.system, display):
            return density_plot(label, note, fields, display, self._beside(label, fields))
        return cycled_estimate_plot(label, note, fields, display)

    def _beside(self, label: str, fields: CycledFields) -> Beside:
        """Return the reference posterior at the cycle shown of a method, and the climate."""
        return Beside(self._reference(label, fields), climate_of(fields.system))

    def _reference(self, label: str, fields: CycledFields) -> np.ndarray | None:
        """Return members of the reference, those that the run keeps or the last ones."""
        if label == REFERENCE or self.run is None:
            return None
        cycle, recorder = fields.snapshots[-1].cycle, self.run.run.recorders[label]
        if recorder.reference is not None:
            members = recorder.reference.at(cycle)[0]
            return members.numpy() if members.isfinite().all() else None
        ring = self._rings.get(REFERENCE, [])
        return next((s.analysis.numpy() for s in ring if s.cycle == cycle), None)

    def gallery(self, label: str, display: DisplayState, members: int) -> list[FieldPlot]:
        """Plot the truth, the mean and the first members of a method at the cycle shown.

        Of a method that keeps latents the first member comes first, before, during and after the
        analysis.
        """
        fields = self._fields(label)
        if fields is None:
            return []
        count, views = len(fields.snapshots[-1].analysis), []
        if fields.shows(replace(display, view=LATENT)):
            first = replace(display, member=1)
            views = [(f"{view.capitalize()} of member 1", replace(first, view=view))
                     for view in STAGES]
            views.append(("Analysis of member 1", replace(first, view="sample")))
        first_number, most = (2, members - 2) if views else (1, members)
        numbers = range(first_number, min(count, most) + 1)
        views.append(("Mean", replace(display, view="mean")))
        views += [(f"Member {number}", replace(display, view="sample", member=number))
                  for number in numbers]
        truth = replace(cycled_truth_plot(fields, display), note="")
        return [truth, *(cycled_estimate_plot(t, "", fields, state) for t, state in views)]

    def recorders(self) -> Mapping[str, Recorder]:
        """Return the recorders of the methods that have begun."""
        return {} if self.run is None or self.cleared else self.run.run.recorders

    def curves(self) -> dict[str, CycleCurves]:
        """Return the curves of every method so far, by label."""
        found = {label: cycle_curves(known) for label, known in self.recorders().items()}
        return {label: curves for label, curves in found.items() if curves is not None}

    def ranks(self) -> dict[str, RankHistogram]:
        """Return the rank histogram of every ensemble so far, by label."""
        return {label: rank_histogram(known) for label, known in self.recorders().items()}

    @property
    def extent(self) -> tuple[int, int]:
        """Cycles of the run and of its burn-in; 0 without a run."""
        for known in self.recorders().values():
            return known.schedule.cycles, known.schedule.burn_in
        return 0, 0
