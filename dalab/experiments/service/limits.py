"""Limits of time, size and number of runs.

There are no limits unless whoever serves the lab sets them: on the command line, or as
``DALAB_MAX_RUNS``, ``DALAB_MAX_WAITING``, ``DALAB_MAX_SECONDS`` and ``DALAB_MAX_SIZE``.
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass

from ...errors import InputError
from ...methods import Method
from ...methods.diffusion.guided import Guided
from ...methods.diffusion.sampler import Diffusion
from ...priors.base import Prior
from ...systems import SYSTEMS
from ..config import Config
from ..device import choose_device
from ..experiment import Experiment
from ..memory import WINDOWS, free_bytes, gigabytes
from ..parts.deferred_prior import text_of_pending

PREFIX = "DALAB_MAX_"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Upper bounds, infinite by default.

    Args:
        runs: runs of one session, waiting or running.
        waiting: waiting runs of all sessions.
        seconds: run time after waiting [s]; results up to the limit are kept.
        size: size of all estimates of a run: grid x layers x window x members x methods.
    """

    runs: float = math.inf
    waiting: float = math.inf
    seconds: float = math.inf
    size: float = math.inf

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if not value > 0:
                raise InputError(f"limit of {name}", value, "must be above 0", "Leave it out.")

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] = os.environ) -> Limits:
        """Read the limits from the environment.

        Raises:
            InputError: for one that is not a number above 0.
        """
        names = [field.name for field in dataclasses.fields(cls)]
        given = {name: environment.get(PREFIX + name.upper(), "") for name in names}
        return cls(**{name: _number(name, text) for name, text in given.items() if text})

    def check(self, experiment: Experiment) -> None:
        """Refuse an experiment, valid in itself, that is larger than ``size``.

        Raises:
            InputError: naming the members that would fit.
        """
        self._check(window_size(experiment) * len(experiment.methods), experiment.members)

    def check_config(self, config: Config) -> None:
        """Refuse an experiment that is larger than ``size``, before any part of it is made.

        Raises:
            InputError: naming the members that would fit; for an unknown system.
        """
        if self.size < math.inf:
            grid = math.prod(SYSTEMS.make(config.system).shape)
            self._check(grid * config.window * len(config.methods), config.members)

    def exceeded_by(self, config: Config) -> bool:
        """Return True for an experiment that :meth:`check_config` refuses."""
        try:
            self.check_config(config)
        except InputError:
            return True
        return False

    def _check(self, each: int, wanted: int) -> None:
        if wanted * each <= self.size:
            return
        members = int(self.size // each)
        remedy = f"Use {members} members" if members else "Use a smaller grid"
        raise InputError(
            "grid x window x members x methods", wanted * each,
            f"must be at most {self.size:.0f} here", f"{remedy}, or fewer methods.",
        )

    def time_limit_message(self, elapsed: float) -> str | None:
        """Return the error message if a run exceeds the time limit, else ``None``."""
        if elapsed <= self.seconds:
            return None
        return str(InputError(
            "seconds of a run", round(elapsed), f"must be at most {self.seconds:g} here",
            "The results so far are kept; use fewer members, steps or methods.",
        ))


def window_size(experiment: Experiment) -> int:
    """Compute the size of one member of an estimate: grid x layers x window."""
    return experiment.window * math.prod(experiment.system.shape)


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(
            PREFIX + name.upper(), text, "must be a number above 0", "Unset it for no limit."
        ) from None


SAMPLED, GUIDED = 60, 240
"""Windows in memory per member with a network, and with gradients of a network."""


def check_memory(experiment: Experiment) -> None:
    """Refuse an experiment that cannot fit into the memory of its device.

    Raises:
        InputError: naming the members that would fit.
    """
    each = member_bytes(experiment)
    free = free_bytes(choose_device(experiment.device))
    if experiment.members * each <= free:
        return
    members = free // each
    remedy = f"Use at most {members} members" if members else "Use a smaller grid"
    raise InputError(
        "members", experiment.members,
        f"need about {gigabytes(experiment.members * each)} of memory, "
        f"and {gigabytes(free)} are free", f"{remedy}, or fewer methods.",
    )


def member_bytes(experiment: Experiment) -> int:
    """Estimate the memory per member [bytes]: the largest method, and the results of all."""
    methods = experiment.methods.values()
    prior = None if text_of_pending(experiment) else experiment.prior
    work = max(_windows(method, prior) for method in methods)
    return 4 * window_size(experiment) * (work + len(methods))


def _windows(method: Method, prior: Prior | None) -> int:
    if prior is None:
        return WINDOWS
    if next(prior.parameters(), None) is None or not isinstance(method, Diffusion):
        return WINDOWS
    return GUIDED if isinstance(method, Guided) else SAMPLED
