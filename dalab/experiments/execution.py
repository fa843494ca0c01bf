"""Execution of an experiment as a generator of frames, without threads.

:class:`Execution` generates frames and remembers what they hold: the consumer may stop at any time,
and the results so far are valid.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Any, cast

import torch
import xarray as xr
from torch import Tensor

from ..interruption import Interrupted, interruptible
from ..methods import Method, Step
from ..notes import listen
from ..random import stream
from ..runtime import leave_a_core
from .experiment import Experiment, Source
from .progress import (
    Frame,
    MethodScores,
    Progress,
    complete,
    is_complete,
    live_rmse,
    live_rmse_sample,
    live_spread,
)
from .results.store import assemble, score_estimate
from .service.limits import check_memory
from .timing.clock import Clock
from .timing.measured import cheapest_first, run_times
from .twin import Twin, prepare

DIVERGED = 1e4
"""Magnitude of a diverged estimate, in climatological standard deviations."""

Frames = Generator[Frame, None, None]
Steps = Generator[Step, None, None]


class Execution:
    """A window experiment in progress, and what it shares with a cycled one.

    Args:
        source: an experiment, or what :meth:`Experiment.of` makes one from.

    Raises:
        InputError: if the experiment cannot work.

    Preparations, of the truth, of a method and of its start in cycles, are interrupted once
    ``unwanted`` returns True.
    """

    def __init__(self, source: Experiment | Source) -> None:
        self.unwanted: Callable[[], bool] = lambda: self._ended
        self.experiment = Experiment.of(source)
        check_memory(self.experiment)
        self.methods = self.experiment.methods
        self.twin: Twin | None = None
        self.scores = {label: MethodScores() for label in self.methods}
        self.estimates: dict[str, Tensor] = {}
        self.order = cheapest_first(self.experiment)
        expected = partial(run_times().expected, self.experiment)
        self._clock = Clock(self.order, expected, self._begun)
        self._summaries: dict[str, xr.Dataset] = {}
        self._warnings: dict[str, str] = {}
        self._lock, self._ended = threading.Lock(), False

    def _begun(self, label: str) -> float:
        """Share of a method that an earlier run has done."""
        return 0.0

    @property
    def progress(self) -> Progress:
        """Progress now."""
        return self._clock.progress()

    def frames(self) -> Frames:
        """Run all methods, the cheapest first; yield after each step of each method.

        Raises:
            InputError: if the truth cannot be made. Errors inside a method are not raised but
                become its status.
        """
        self._clock.start()
        self.twin = self.prepare()
        for label in self.order:
            if self._ended:
                return
            self._clock.begin(label)
            with closing(self._run_method(label, self.methods[label], self.twin)) as steps:
                for step in listen(steps, self._clock.note):
                    progress, scores = self._clock.take(step), self.scores[label]
                    yield Frame(
                        label, step, scores.rmse_steps, scores.rmse_sample_steps, progress,
                        scores.spread_steps,
                    )
            self._measure(label)

    def _measure(self, label: str) -> None:
        """Let later runs know how long a method has taken, all of which ran here."""
        if is_complete(self.scores[label].status) and not self._begun(label):
            run_times().add(self.experiment, label, self._clock.seconds)

    def prepare(self) -> Twin:
        """Make the truth and the problem, once; the first part of :meth:`frames`.

        Raises:
            InputError: if the truth cannot be made.
            Interrupted: if it is not wanted any more.
        """
        leave_a_core()
        if self.twin is None:
            with interruptible(self.unwanted):
                self.twin = self._prepare()
        return self.twin

    def _prepare(self) -> Twin:
        """Make the truth and the problem."""
        return prepare(self.experiment)

    def _run_method(self, label: str, method: Method, twin: Twin) -> Steps:
        """Run a method until it is complete or fails, and set its status."""
        self._mark(label, "running")
        try:
            with closing(self._recorded_steps(label, method, twin)) as steps:
                yield from steps
        except Interrupted:
            raise
        except Exception as error:  # the other methods still run
            self._mark(label, f"failed: {_reason(error, self.experiment.members, twin.device)}")
        else:
            if self.scores[label].status == "running":
                self._complete(label, twin)

    def _recorded_steps(self, label: str, method: Method, twin: Twin) -> Steps:
        """Yield the steps of a method once they are recorded; mark it failed if it diverges."""
        with closing(self._steps(label, method, twin)) as steps:
            for step in steps:
                if not step.estimate.abs().max() < DIVERGED:  # true of NaN too
                    self._mark(label, f"failed: diverged at step {step.done} of {step.total}")
                    return
                self._warnings[label] = step.warning or self._warnings.get(label, "")
                self._record(label, step, twin)
                yield step

    def _steps(self, label: str, method: Method, twin: Twin) -> Steps:
        """Yield the steps of a method, copied to the CPU; record its peak memory."""
        peak = PeakMemory(twin.device)
        made = self.experiment
        generator = stream(made.seed, "method", type(method).__name__)
        with interruptible(self.unwanted):
            steps = method.run(twin.problem, made.members, generator, twin.device)
        with closing(cast(Steps, steps)):
            for step in steps:
                self._update(label, peak_memory_mb=peak.highest)
                yield replace(step, estimate=step.estimate.detach().to("cpu", copy=True))

    def _record(self, label: str, step: Step, twin: Twin) -> None:
        self._update(
            label, step.estimate,
            rmse_steps=live_rmse(step.estimate.mean(0, dtype=torch.float64), twin.truth),
            rmse_sample_steps=live_rmse_sample(step.estimate, twin.truth),
            spread_steps=live_spread(step.estimate), fraction=step.fraction,
            network_evaluations=step.evaluations, seconds=step.seconds,
            members=len(step.estimate),
        )

    def _update(self, label: str, estimate: Tensor | None = None, **changes: Any) -> None:
        with self._lock:
            if self._ended:
                return
            self.scores[label] = replace(self.scores[label], **changes)
            if estimate is not None:
                self.estimates[label] = estimate

    def _mark(self, label: str, status: str) -> None:
        self._update(label, status=status)

    def _complete(self, label: str, twin: Twin) -> None:
        if label not in self.estimates:
            return self._mark(label, "failed: it returned no estimate")
        summary = self._summary(label, twin)
        self._update(
            label, status=complete(self._warnings[label]), crps=float(summary["crps"]),
            spread_skill=float(summary["spread_skill"]),
        )

    def _summary(self, label: str, twin: Twin) -> xr.Dataset:
        """Compute all scores of the present estimate of a method."""
        if label not in self._summaries:
            self._summaries[label] = score_estimate(twin, self.estimates[label])
        return self._summaries[label]

    def end(self) -> None:
        """Stop recording; unfinished methods count as cancelled."""
        with self._lock:
            self._ended = True
            self._clock.stop()
            for label, scores in self.scores.items():
                if scores.status in ("waiting", "running"):
                    self.scores[label] = replace(scores, status="cancelled")

    def result(self) -> xr.DataTree:
        """Return the result so far; call :meth:`end` first."""
        twin = self.twin
        estimates = {k: self.estimates[k] for k in self.methods if k in self.estimates}
        summaries = {} if twin is None else {k: self._summary(k, twin) for k in estimates}
        return assemble(self.experiment, twin, self.scores, estimates, summaries)


def _reason(error: Exception, members: int, device: torch.device) -> str:
    """Describe in one line why a method failed."""
    text = " ".join(str(error).split())
    memory = isinstance(error, MemoryError | torch.OutOfMemoryError)
    if memory or "can't allocate memory" in text or "out of memory" in text:
        return (
            f"out of memory with {members} members on {device}; use fewer members or a "
            "smaller grid"
        )
    return text if text and isinstance(error, ValueError) else f"{type(error).__name__}: {text}"


MIB = 2**20


class PeakMemory:
    """Peak memory of torch on a GPU since its creation [MiB]; NaN on other devices.

    The memory of the process would say nothing of one method: others leave theirs to it.

    Args:
        device: device of the method.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)

    @property
    def highest(self) -> float:
        """Peak so far [MiB]."""
        if self.device.type != "cuda":
            return math.nan
        return torch.cuda.max_memory_allocated(self.device) / MIB
