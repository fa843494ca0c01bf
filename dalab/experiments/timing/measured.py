"""Measured run times, in this process and in a file of the user, and what others will take.

What is kept of a run is by how much a method took longer than its guess
(:mod:`dalab.experiments.timing.guesses`). Such factors are taken over from the run that is most
alike: of the same method, system, prior, device and kind of experiment, with the same options if
there is one, and of the closest length. A method that has not been measured is taken to be as much
slower than its guess as the others on this machine.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from ...files import cache_folder, replacing
from ..experiment import Experiment
from .guesses import guess

FILE = "run-times.json"
FORMAT = "dalab-run-times-1"

MOST, BYTES = 400, 2**20
"""Measurements kept, and size of a file that is read at most."""

CHANGE = 0.2
"""Relative change of a factor from which on the file is written again."""

SURE = 5.0
"""Seconds that have to be measured before what is not is thought to be slower, or faster, too."""


@dataclass(frozen=True)
class Case:
    """All that run times depend on, besides the amount of work.

    Args:
        method: name of the method.
        system: name of the system.
        prior: text of the prior; empty for methods that use none.
        device: type of the device.
        kind: ``window`` or ``cycles``.
    """

    method: str
    system: str
    prior: str
    device: str
    kind: str


@dataclass(frozen=True)
class Measurement:
    """A measured run time.

    Args:
        case: what was measured.
        text: text of the method, with its options.
        guess: guessed run time [s].
        factor: measured run time over the guess.
        when: time of the measurement, since 1970 [s].
    """

    case: Case
    text: str
    guess: float
    factor: float
    when: float

    @property
    def key(self) -> tuple[Any, ...]:
        """Identity: measurements of the same work replace each other."""
        return (self.case, self.text, round(math.log2(self.guess)))


class RunTimes:
    """Measured run times, safe to use from any thread.

    Args:
        path: file that they are read from and kept in; ``None`` for none. A file that cannot be
            read or written is ignored.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._known = {} if path is None else _read(path)

    def expected(self, experiment: Experiment, label: str) -> float:
        """Time that a method of an experiment is expected to take [s]."""
        guessed, case, text = _about(experiment, label)
        with self._lock:
            known = list(self._known.values())
        alike = [one for one in known if one.case == case]
        if alike:
            closest = min(alike, key=lambda one: (
                one.text != text, abs(math.log(one.guess / guessed)), -one.when
            ))
            return guessed * closest.factor
        return guessed * _overall_factor([one for one in known if one.case.device == case.device])

    def add(self, experiment: Experiment, label: str, seconds: float) -> None:
        """Take in that all steps of a method have taken some time [s]."""
        guessed, case, text = _about(experiment, label)
        found = Measurement(case, text, guessed, max(seconds, 1e-4) / guessed, time.time())
        with self._lock:
            before = self._known.get(found.key)
            if before is not None and found.factor > before.factor:  # the machine may be busy now
                found = replace(found, factor=math.sqrt(before.factor * found.factor))
            self._known[found.key] = found
            if before is None or abs(math.log(found.factor / before.factor)) > CHANGE:
                self._save()

    def _save(self) -> None:
        """Write the file, with what other processes have added to it."""
        if self.path is None:
            return
        self._known = _newest([*_read(self.path).values(), *self._known.values()])
        rows = [asdict(one) for one in self._known.values()]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(self.path) as partial:
                partial.write_text(json.dumps({"format": FORMAT, "measured": rows}))
        except OSError:  # a full or read-only disk costs the memory of it only
            pass


@cache
def run_times() -> RunTimes:
    """The run times that this process shares."""
    folder = cache_folder()
    return RunTimes(None if folder is None else folder / FILE)


def cheapest_first(experiment: Experiment) -> tuple[str, ...]:
    """Labels of the methods, those first that are expected to take the least time.

    The reference of a cycled experiment comes before all others, which are scored against it.
    """
    known, reference = run_times(), experiment.reference_label
    return tuple(sorted(
        experiment.methods,
        key=lambda label: (label != reference, known.expected(experiment, label)),
    ))


def _about(experiment: Experiment, label: str) -> tuple[float, Case, str]:
    """Guess, case and text of a method."""
    config, method = experiment.config, experiment.methods[label]
    text = dict(zip(experiment.methods, config.method_texts, strict=True))[label]
    prior = str(config.prior) if method.uses_prior else ""  # its text: it may yet have to be made
    kind = "window" if experiment.schedule is None else "cycles"
    case = Case(
        text.partition(":")[0][:100], config.system.partition(":")[0][:100], prior[:100],
        str(experiment.device).partition(":")[0], kind,
    )
    return guess(experiment, label), case, text[:200]


def _overall_factor(known: list[Measurement]) -> float:
    """The factor of all measurements taken together, close to 1 where they are few."""
    guessed = sum(one.guess for one in known)
    return (SURE + sum(one.guess * one.factor for one in known)) / (SURE + guessed)


def _newest(found: list[Measurement]) -> dict[tuple[Any, ...], Measurement]:
    """The newest measurement of every case and amount of work, the oldest of all left out."""
    latest = sorted(found, key=lambda one: one.when)
    by_key = {one.key: one for one in latest}
    return dict(list(by_key.items())[-MOST:])


def _read(path: Path) -> dict[tuple[Any, ...], Measurement]:
    """The measurements in a file; none if it is missing, too large or not ours."""
    try:
        if not path.is_file() or path.stat().st_size > BYTES:
            return {}
        content = json.loads(path.read_text(encoding="utf-8"))
        rows = content["measured"] if content["format"] == FORMAT else []
        return _newest(list(_measurements(rows)))
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return {}


def _measurements(rows: list[dict[str, Any]]) -> Iterator[Measurement]:
    for row in rows:
        one = Measurement(**{**row, "case": Case(**row["case"])})
        numbers = (one.guess, one.factor, one.when)
        if all(math.isfinite(float(number)) and number > 0 for number in numbers):
            yield one
