"""Twin experiments as made parts: from texts, or from a user's own objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import InputError
from ..methods import Filter, Method, Problem
from ..observations import NetworkDesign, ObservingNetwork
from ..observations.cells import is_constant
from ..priors import Prior
from ..priors.denoisers.augmented import AugmentedPrior
from ..priors.denoisers.composed import lengthen, lengthen_augmented
from ..priors.loading import load_augmented
from ..systems import SYSTEMS, System
from .config import REFERENCE, Config, leading_states
from .config_file import load_config
from .description import describe
from .device import choose_device
from .from_config import design, make_methods, realise, schedule_of
from .memory import check_cycles, check_window
from .nature import Truths
from .parts.deferred_prior import (
    DeferredPrior,
    check_prior,
    text_of_pending,
)
from .parts.kinds import checked_parts
from .schedule import Schedule
from .truth import check_source
from .truth_file import NormalStart, starting_states

WINDOW = 9
"""States in a window where neither a truth nor a prior says how many."""

Source = Config | Mapping[str, Any] | str | Path
"""A description of an experiment: a config, its plain data, or a YAML or JSON file of it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Experiment:
    """The made parts of a twin experiment, checked against each other.

    Every random choice has its own stream of ``seed``, so that changing the mask, say, leaves the
    truth and the noise of the other instruments as they were.

    Args:
        system: forecast model, and source of the truth unless one is given.
        network: operators, where and when they look, and their noise; see
            :func:`dalab.observations.network`.
        methods: inference methods by label; one or several methods get the names of their classes.
            In a cycled experiment the one labelled ``reference``, if there is one, runs first, and
            the others are scored against its analyses.
        prior: distribution of windows, of which longer ones are composed, or the text that names
            it; the one that ships for the system, or the Gaussian of its climate, by default. One
            that has to be estimated from the climate is made when it is first needed.
        truth: name of a source, path of a NetCDF or Zarr file, a true window ``(time, *shape)``, or
            a state ``shape`` from which the system runs; normalised.
        window: states in the window, at least those of the prior; those of the truth or the prior
            by default.
        background: standard deviation of the error of a background on step 0; none if ``None``.
        background_kind: ``perturbed``, ``forecast`` or ``previous``, see :class:`dalab.Config`.
        schedule: times of a cycled experiment; a single window if ``None``.
        repeats: independent truths of a cycled experiment.
        start: states from which the members of a cycled experiment are drawn, one without return
            for each, normalised, ``(states, *shape)``, the path of a file of them, or white noise
            ``normal:mean=0,std=1``; about the background or of the climate by default.
        process_noise: standard deviation of what the truth of a cycled experiment takes at every
            interval, white, normalised.
        shocks: jumps of that truth, ``PROBABILITY:SIZE``, see
            :class:`dalab.experiments.shocks.Shocks`.
        model_error: ``told`` if the filters know the covariance of the model's error.
        members: posterior samples per method.
        seed: seed of every random choice.
        device: where the methods compute.
        config: the texts that the parts were made of; described from the parts by default.

    Attributes:
        own: fields whose parts no text can make again, such as a user's own system.

    Raises:
        InputError: for the first part that cannot work: the value, its bound and the remedy.
    """

    system: System
    network: NetworkDesign
    methods: Mapping[str, Method]
    prior: Prior = DeferredPrior()  # type: ignore[assignment]  # "auto" where a method uses one
    truth: str | Path | Tensor = "model"
    window: int = None  # type: ignore[assignment]  # filled in
    background: float | None = None
    background_kind: str = "perturbed"
    schedule: Schedule | None = None
    repeats: int = 1
    start: str | Path | Tensor = ""
    process_noise: float = 0.0
    shocks: str = ""
    model_error: str = "untold"
    members: int = 8
    seed: int = 0
    device: torch.device | str = "auto"
    config: Config = None  # type: ignore[assignment]  # filled in
    own: frozenset[str] = field(default=frozenset(), init=False)

    def __post_init__(self) -> None:
        for name, value in checked_parts(vars(self)).items():
            self._fill(name, value)
        if self.reference_label:
            self._fill("methods", {REFERENCE: self.methods[REFERENCE], **self.methods})
        if vars(self)["prior"] is None and self._needs_prior():
            self._fill("prior", "auto")
        if self.window is None:
            self._fill("window", self._natural_window())
        if self.config is None:
            config, own = describe(self)
            self._fill("config", config)
            self._fill("own", own)
        self._check()
        self._fill("device", choose_device(self.device))

    def _fill(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _natural_window(self) -> int:
        truth, state = self.truth, self.system.shape
        if isinstance(truth, Tensor) and truth.ndim == 1 + len(state):
            return len(truth) - self.leads
        if text_of_pending(self) or self.prior is None or self.prior.window[0] == 1:
            return WINDOW
        return self.prior.window[0]

    def _needs_prior(self) -> bool:
        """True unless it is a cycled experiment of methods that use none."""
        return self.schedule is None or uses_prior(self.methods)

    def _check(self) -> None:
        """Everything that can be checked before any work is done."""
        if self.schedule is None:
            check_source(self.truth, self.system, self.window + self.leads)
            check_window(self.system, self.window, self.device)
        else:
            self._check_cycles()
        self.observing  # noqa: B018  # raises what is wrong with the network
        self._check_methods()
        check_prior(self)  # last: it may take time to load

    def _check_methods(self) -> None:
        """Refuse methods that cannot work on the system, with the network, or in the memory."""
        place = choose_device(self.device)
        nothing = torch.empty(0, device=place)
        planned = Problem(self.system, None, self.observing, nothing)  # type: ignore[arg-type]
        planned = replace(planned, cycled=self.schedule is not None)
        for method in self.methods.values():
            method.check(planned, method.size(self.members) * self.repeats)

    def _check_cycles(self) -> None:
        check_cycles(self.cycling.cycles, self.repeats)
        self.truths.check()
        self.states_of_start  # noqa: B018  # raises what is wrong with them
        if self.model_error == "told":
            self.truths.simulated(1, torch.float64)
        for label, method in self.methods.items():
            if not method.cycles:
                raise InputError(
                    "method", label, "cannot be cycled", "Leave it out, or use a single window."
                )
            if not isinstance(method, Filter) and self.members < 2:
                raise InputError(
                    "members", self.members, f"must be at least 2 for {label} in a sliding window, "
                    "whose background errs as much as they differ", "Use 8.",
                )

    @classmethod
    def of(cls, source: Experiment | Source) -> Experiment:
        """The experiment that a config describes: the only place where texts become objects.

        Args:
            source: a config, its plain data, or a YAML or JSON file of it, such as the ``run.json``
                of an earlier run. An experiment is returned as it is.

        Raises:
            InputError: for a text that describes nothing, or parts that do not fit each other.
        """
        if isinstance(source, Experiment):
            return source
        config = as_config(source)
        system = SYSTEMS.make(config.system)
        if config.cycles is None:
            check_source(config.truth, system, config.window)
        network, methods = design(config, system), make_methods(config)
        choose_device(config.device)
        planned = schedule_of(config)
        needed = planned is None or uses_prior(methods)
        return cls(
            config=config, system=system, network=network, methods=methods,
            prior=config.prior if needed else None,  # type: ignore[arg-type]
            schedule=planned, repeats=config.repeats, start=config.start,
            process_noise=config.process_noise, shocks=config.shocks,
            model_error=config.model_error, truth=config.truth, window=config.window,
            background=config.background, background_kind=config.background_kind,
            members=config.members, seed=config.seed, device=config.device,
        )

    # --- parts that follow from the others --------------------------------------------------------

    @property
    def reference_label(self) -> str:
        """Label of the reference of a cycled experiment; empty without one."""
        return REFERENCE if self.schedule is not None and REFERENCE in self.methods else ""

    @property
    def cycling(self) -> Schedule:
        """Times of a cycled experiment.

        Raises:
            InputError: for a single window.
        """
        if self.schedule is None:
            raise InputError("cycles", None, "must be given here", "Use cycles=1000.")
        return self.schedule

    @property
    def leads(self) -> int:
        """States of the truth before the window, see :func:`leading_states`."""
        return leading_states(self.background, self.background_kind)

    @cached_property
    def truths(self) -> Truths:
        """The truths of a cycled experiment."""
        return Truths(
            source=self.truth, model=self.system, repeats=self.repeats, shocks=self.shocks,
            intervals=self.cycling.cycles * self.cycling.interval, seed=self.seed,
            process_noise=self.process_noise, law=self._law_of_truths,
        )

    @property
    def _law_of_truths(self) -> NormalStart | None:
        given = self.states_of_start
        return given if isinstance(given, NormalStart) and given.truth else None

    @cached_property
    def states_of_start(self) -> Tensor | NormalStart | None:
        """States from which the members of a cycled experiment are drawn, or their law, if given.

        Raises:
            InputError: if they cannot be read, do not fit the system, or are too few.
        """
        members = max(method.size(self.members) for method in self.methods.values())
        return starting_states(self.start, self.system, members, self.background)

    @cached_property
    def observing(self) -> ObservingNetwork:
        """The network on the grid of the system, its random masks drawn.

        Its steps are those of the window; in a cycled experiment they are cycles, which see the
        pattern of the masks again and again, or one step if it is always the same.
        """
        if self.schedule is None:
            return realise(self.network, self.system, self.window, self.seed)
        always = replace(self.network, interval=1)
        network = realise(always, self.system, self.window, self.seed)
        same = all(is_constant(i.mask) for i in network.instruments)
        return network.at(0) if same else network

    @cached_property
    def prior_of_window(self) -> Prior:
        """The prior, composed of overlapping windows where the window is longer than its own."""
        if not uses_prior(self.methods) or self.prior is None:
            return self.prior
        return lengthen(self.prior, self.window)

    @cached_property
    def augmented(self) -> AugmentedPrior | None:
        """The augmented prior, where a method needs it."""
        if not any(method.uses_augmented for method in self.methods.values()):
            return None
        return load_augmented(self.config.prior, self.system, self.config.operators)

    @cached_property
    def augmented_of_window(self) -> AugmentedPrior | None:
        """The augmented prior, composed as :attr:`prior_of_window`."""
        return self.augmented and lengthen_augmented(self.augmented, self.window)

    @property
    def notice(self) -> str:
        """Remark to be read before a run; empty if there is none."""
        blind = self.schedule is not None and self.schedule.is_blind
        if blind or self.observing.size == 0:
            return "There are no observations: every method estimates from its prior alone."
        return ""

    # --- what people see --------------------------------------------------------------------------

    def __repr__(self) -> str:
        return f"Experiment.of({self.config!r})" if not self.own else f"<{self}>"

    def __str__(self) -> str:
        own = f" (own objects: {', '.join(sorted(self.own))})" if self.own else ""
        return f"Experiment with {self.config.system}: {', '.join(self.methods)}{own}"

    def _repr_html_(self) -> str:
        return f"<p>{self}</p>{self.config._repr_html_()}"


def as_config(source: Source) -> Config:
    """The config that a description holds.

    Raises:
        InputError: for a file that cannot be read, or fields that are unknown or out of bounds.
    """
    if isinstance(source, Config):
        return source
    if isinstance(source, Mapping):
        return Config.from_dict(source)
    if isinstance(source, str | Path):
        return load_config(source)
    raise InputError(
        "experiment", type(source).__name__,
        "must be an Experiment, a Config, a mapping of its fields, or the path of a file",
        "Use dalab.Config(...).",
    )


def uses_prior(methods: Mapping[str, Method]) -> bool:
    """True if any method uses the prior of the windows."""
    return any(method.uses_prior for method in methods.values())
