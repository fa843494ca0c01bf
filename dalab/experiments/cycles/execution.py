"""Execution of a cycled experiment as a generator of frames, method after method."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ...interruption import interruptible
from ...methods import Method, Step
from ...methods.filtering import Filter
from ...methods.sliding_window import SlidingWindow
from ..execution import DIVERGED, Execution, Frames, PeakMemory
from ..experiment import Experiment, Source
from ..progress import complete
from .checkpoint import Checkpoints
from .driver import Carried, Cycle, Driver
from .kept import KeptStates
from .recorder import Recorder, check_burn_in
from .reference import ReferencePosterior
from .result import MEAN_SCORES, MEANS, assemble_cycles
from .twin import CycledTwin

FRAMES, CHECKPOINTS = 0.05, 5.0
"""Seconds from one frame, and one checkpoint, to the next."""


Earlier = tuple[Carried, dict[str, Any]]
"""State of a method, and its scores as plain data, from which it goes on."""


class CycledExecution(Execution):
    """A cycled experiment in progress.

    Args:
        source: an experiment with cycles, or what :meth:`Experiment.of` makes one from.
        folder: of checkpoints and kept states; a run that finds those of the same experiment there
            goes on from them.
        earlier: an execution of the same experiment with fewer cycles, to go on from.

    Raises:
        InputError: if the experiment cannot work, or the folder holds another one.
    """

    twin: CycledTwin | None  # type: ignore[assignment]

    def __init__(
        self, source: Experiment | Source, folder: str | Path | None = None,
        earlier: CycledExecution | None = None,
    ) -> None:
        super().__init__(source)
        made = self.experiment
        self.schedule = made.cycling
        self.filters = {label: as_filter(m, made.window) for label, m in self.methods.items()}
        self.checkpoints = None if folder is None else Checkpoints(folder, made.config)
        store = None if self.checkpoints is None else self.checkpoints.folder / "states.zarr"
        self.kept = KeptStates(self.schedule, store)
        self.reference = self._find_reference(earlier)
        self.recorders: dict[str, Recorder] = {}
        self.carried: dict[str, Carried] = {}
        self._peaks: dict[str, PeakMemory] = {}
        self._earlier = {label: self._find(label, earlier) for label in self.methods}

    def frames(self) -> Frames:
        if self.checkpoints is None:
            yield from super().frames()
            return
        with self.checkpoints.locked():
            for label in self.methods:  # they may have changed since
                self._earlier[label] = self._find(label) or self._earlier[label]
            yield from super().frames()

    def _prepare(self) -> CycledTwin:  # type: ignore[override]
        return CycledTwin(self.experiment)

    def _recorded_steps(  # type: ignore[override]
        self, label: str, method: Method, twin: CycledTwin
    ) -> Generator[Step, None, None]:
        """Record all cycles of a method; yield a step now and then."""
        with interruptible(self.unwanted):
            driver = Driver(twin, self.filters[label], label, self.experiment.members)
        recorder = Recorder(
            self.experiment.system, self.schedule, self.experiment.repeats, driver.members,
            None if label == self.experiment.reference_label else self.reference,
        )
        carried = self._resume(label, recorder) or self._begin(driver)
        self.recorders[label] = recorder
        peak = self._peaks[label] = PeakMemory(twin.device)
        pace = _Pace()
        try:
            with closing(driver.cycles(carried)) as cycles:
                for found in cycles:
                    if not found.analysis.abs().max() < DIVERGED:  # true of NaN too
                        cycle = found.moment.cycle
                        return self._mark(label, f"failed: diverged at cycle {cycle}")
                    if not self._take(label, recorder, found):
                        return
                    carried = found.carried
                    last = found.moment.cycle == self.schedule.cycles
                    if pace.is_due("frame", FRAMES) or last:
                        self._score(label, recorder, peak)
                        yield self._step(found, recorder)
                    if pace.is_due("checkpoint", CHECKPOINTS):
                        self._save(label, carried, recorder)
        finally:
            if carried is not None:
                self.carried[label] = carried
                self._save(label, carried, recorder)

    def _find_reference(self, earlier: CycledExecution | None) -> ReferencePosterior | None:
        """The reference posterior, with what an earlier run or the folder holds of it.

        Raises:
            InputError: if it does not fit into memory.
        """
        if not self.experiment.reference_label:
            return None
        checkpoints = self.checkpoints
        folder = None if checkpoints is None else checkpoints.folder / "reference.zarr"
        found = ReferencePosterior(self.experiment, folder)
        if earlier is not None and earlier.reference is not None:
            found.take(earlier.reference)
        return found

    def _find(self, label: str, earlier: CycledExecution | None = None) -> Earlier | None:
        """State and scores of a method from which it can go on; ``None`` if there are none.

        Raises:
            InputError: if they belong to a run with another burn-in, or cannot be read.
        """
        found = None if self.checkpoints is None else self.checkpoints.load(label)
        if found is None and earlier is not None and label in earlier.carried:
            found = earlier.carried[label], earlier.recorders[label].to_dict()
        if found is not None:
            check_burn_in(found[1], self.schedule)
        return found

    def _begun(self, label: str) -> float:
        found = self._earlier[label]
        return 0.0 if found is None else found[0].cycle / self.schedule.cycles

    def _resume(self, label: str, recorder: Recorder) -> Carried | None:
        """The state from which a method goes on, its scores being loaded; ``None`` at first."""
        found = self._earlier[label]
        if found is None:
            return None
        recorder.load(found[1])
        return found[0]

    def _begin(self, driver: Driver) -> Carried:
        with interruptible(self.unwanted):
            return driver.begin()

    def _take(self, label: str, recorder: Recorder, found: Cycle) -> bool:
        """Record a cycle; return False if the run has ended, which goes on before this cycle."""
        scored = recorder.score(found)  # takes time, in which the run may be ended
        with self._lock:
            if not self._ended:
                recorder.record(found, scored)
                if self.reference is not None and label == self.experiment.reference_label:
                    found = self.reference.add(found)
                self.kept.add(label, found)
            return not self._ended

    def _save(self, label: str, carried: Carried, recorder: Recorder) -> None:
        if self.checkpoints is not None and carried.cycle == recorder.cycle:
            self.checkpoints.save(label, carried, recorder)

    # --- scores -----------------------------------------------------------------------------------

    def _score(self, label: str, recorder: Recorder, peak: PeakMemory) -> None:
        def series(name: str) -> np.ndarray:
            return recorder.series[name][:, : recorder.cycle].mean(0)

        self._update(
            label, rmse_steps=series("rmse_analysis"), rmse_sample_steps=series("rmse_sample"),
            spread_steps=series("spread_analysis"), members=recorder.members,
            fraction=recorder.cycle / self.schedule.cycles, seconds=recorder.seconds,
            peak_memory_mb=peak.highest, burn_in=self.schedule.burn_in,
            further=recorder.further_means(),
        )

    def _step(self, found: Cycle, recorder: Recorder) -> Step:
        estimate = recorder.ring[-1].analysis[:, None]
        cycle, total = found.moment.cycle, self.schedule.cycles
        spread = recorder.series["spread_analysis"][:, cycle - 1].mean()
        return Step(estimate, cycle, total, seconds=recorder.seconds,
                    note=f"cycle {cycle} of {total}, spread {spread:.3g}")

    def _complete(self, label: str, twin: Any) -> None:
        recorder = self.recorders[label]
        self._score(label, recorder, self._peaks[label])
        self._update(label, status=complete(recorder.warning), **mean_scores(recorder))

    def end(self) -> None:
        """Stop recording; methods that have begun are scored by the cycles that there are."""
        super().end()
        with self._lock:
            for label, recorder in self.recorders.items():
                if self.scores[label].status == "cancelled":
                    self.scores[label] = replace(self.scores[label], **mean_scores(recorder))

    def result(self) -> xr.DataTree:
        recorders = {k: self.recorders[k] for k in self.methods if k in self.recorders}
        return assemble_cycles(self.experiment, self.scores, recorders, self.kept)


def mean_scores(recorder: Recorder) -> dict[str, Any]:
    """Means over the cycles after the burn-in as :class:`MethodScores` names them, with errors."""
    found = {"spread_skill": recorder.spread_skill}
    for name in ("rmse_mean", "rmse_forecast", "crps", "spread", "coverage"):
        found[name], found[f"{name}_err"] = recorder.mean(MEANS[name])
    return {name: found[name] for name in MEAN_SCORES} | {"further": recorder.further_scores()}


class _Pace:
    """Events that are due after some time."""

    def __init__(self) -> None:
        self._last: dict[str, float] = {}

    def is_due(self, event: str, seconds: float) -> bool:
        """True the first time, and again when so many seconds have passed."""
        now = time.perf_counter()
        if now - self._last.get(event, 0.0) < seconds:
            return False
        self._last[event] = now
        return True


def as_filter(method: Method, window: int) -> Filter:
    """The filter that a method is, or its sliding window."""
    return method if isinstance(method, Filter) else SlidingWindow(method, window)
