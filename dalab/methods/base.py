"""Contract of the inference methods: the problem that they are given, the steps that they yield."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import param
import torch
from torch import Tensor

from ..errors import InputError
from ..observations import ObservingNetwork
from ..options import checked_options
from ..priors.base import Prior
from ..priors.covariance import SpectralCovariance
from ..priors.denoisers.augmented import AugmentedPrior, selection
from ..random import MemberStreams
from ..registry import kebab
from ..systems.base import System


@dataclass(frozen=True)
class Background:
    """Background: an estimate of step 0 made before the observations, with white error.

    Args:
        state: normalised, ``(lev, y, x)``.
        std: assumed standard deviation of its error.
    """

    state: Tensor
    std: float

    def __post_init__(self) -> None:
        if not self.std > 0:
            raise InputError("background std", self.std, "must be above 0", "Use 0.1.")


@dataclass(frozen=True)
class Problem:
    """Problem of a method: all that it may know, which excludes the truth.

    Args:
        system: the forecast model, possibly imperfect.
        prior: distribution of windows; ``None`` if no method asks for one.
        network: the observing network.
        data: observation vector of the network, ``(size,)``.
        background: estimate of step 0, if there is one.
        augmented: distribution of augmented windows, for the methods that use one.
        cycled: true in a cycled experiment, whose forecasts hold what earlier analyses learnt.
        model_error: covariance of the error that the forecast model makes in one interval, if the
            methods are told.
        first_guess: one window of every member, its forecast made before the newest observations,
            ``(members, time, lev, y, x)``, for methods that start from it.
    """

    system: System
    prior: Prior
    network: ObservingNetwork
    data: Tensor
    background: Background | None = None
    augmented: AugmentedPrior | None = None
    cycled: bool = False
    model_error: SpectralCovariance | None = None
    first_guess: Tensor | None = None

    @property
    def window(self) -> tuple[int, ...]:
        """Shape of the window that is estimated, (time, lev, y, x).

        It is that of the prior, which may be about augmented states, unless the methods use none.
        """
        steps = self.network.steps
        if self.prior is not None and self.prior.window[0] == steps:
            return self.prior.window
        return (steps, *self.system.shape)

    def to(self, device: torch.device | str) -> Problem:
        """Copy of the problem with its tensors on ``device``."""
        if self.data.device == torch.device(device):
            return self
        background = self.background
        if background is not None:
            background = replace(background, state=background.state.to(device))
        prior, augmented = copy.deepcopy((self.prior, self.augmented))  # shared between runs
        guess = None if self.first_guess is None else self.first_guess.to(device)
        return replace(
            self, prior=prior and prior.to(device), data=self.data.to(device), first_guess=guess,
            background=background, augmented=augmented and augmented.to(device),
        )

    def check_augmented(self) -> None:
        """Raise unless every observation is a selection of channels of the augmented prior.

        Raises:
            InputError: if there is no augmented prior, or it lacks an observed operator.
        """
        if self.augmented is None:
            raise InputError(
                "augmented prior", None, "must be there for this method",
                "Give the problem one, or choose a method that needs none.",
            )
        for instrument in self.network.instruments:
            selection(instrument, self.augmented.channels)


@dataclass(frozen=True)
class Step:
    """Step of a method: its current estimate and progress.

    Args:
        estimate: current estimate of the window, normalised, ``(members, time, lev, y, x)``.
        done: steps finished.
        total: steps in all.
        evaluations: evaluations of the prior's denoiser so far, per member.
        seconds: time spent in the method so far.
        note: progress in the method's own terms ("sigma 0.31", "day 3").
        warning: reason not to trust the estimate, such as a solver that did not converge.
    """

    estimate: Tensor
    done: int
    total: int
    evaluations: int = 0
    seconds: float = 0.0
    note: str = ""
    warning: str = ""

    @property
    def fraction(self) -> float:
        """Share of the work done, from 0 to 1."""
        return self.done / self.total

    @property
    def spread(self) -> Tensor:
        """Standard deviation over members, ``(time, lev, y, x)``; zero for one member."""
        if len(self.estimate) < 2:
            return torch.zeros_like(self.estimate[0])
        return self.estimate.std(dim=0)


class Method(param.Parameterized):
    """Inference of a window from its observations.

    A subclass has to write :meth:`iterate` only, and declares its hyper-parameters as bounded,
    documented ``param`` parameters. It holds no threads, widgets or global random state; closing
    the generator is the cancel.

    Attributes:
        family: title of the family that it is listed under.
        uses_model: true if the forecast model is used.
        coupled: true if a member's result depends on the other members, as in ensemble filters.
        uses_prior: true if it needs the prior of the windows, or its climatological covariance.
        uses_augmented: true if it needs ``Problem.augmented``.
        cycles: true if it can be cycled, as a filter or in a sliding window.

    Raises:
        InputError: for an option out of its bounds.
    """

    family: ClassVar[str] = "Others"
    uses_model: ClassVar[bool] = False
    coupled: ClassVar[bool] = False
    uses_prior: ClassVar[bool] = True
    uses_augmented: ClassVar[bool] = False
    cycles: ClassVar[bool] = True

    def __init__(self, **values: Any) -> None:
        super().__init__(**checked_options(kebab(type(self).__name__), type(self), values))

    def run(
        self,
        problem: Problem,
        members: int,
        generator: torch.Generator,
        device: torch.device | str = "cpu",
    ) -> Iterator[Step]:
        """Yield :class:`Step` after :class:`Step`; the last one holds the result.

        Args:
            problem: the problem, all that the method may know.
            members: number of posterior samples.
            generator: only its seed is used, to derive one stream per member.
            device: device to compute on.

        Raises:
            InputError: if ``members`` is below 1, the method cannot work on the problem, or an
                augmented prior is needed and missing or lacks an operator; before any work. While
                running, if :meth:`iterate` yields something else than steps with finite estimates
                of the right shape.
        """
        if members < 1:
            raise InputError("members", members, "must be at least 1", "Use 8.")
        if self.uses_augmented:
            problem.check_augmented()
        problem = problem.to(device)
        streams = MemberStreams(
            generator.initial_seed(), self.size(members), device, problem.data.dtype
        )
        shape = (self.size(members), *problem.window)
        chosen = self.prepare(problem)
        chosen.check(problem, len(streams))
        return self._timed(self._checked(chosen.iterate(problem, streams), shape))

    def prepare(self, problem: Problem) -> Self:
        """The method with the options that it takes for a problem; by default itself."""
        return self

    @property
    def effort(self) -> float:
        """Work that the options ask for, such as sampling steps; the time of a run goes with it."""
        return 1.0

    @property
    def uses_first_guess(self) -> bool:
        """True if it starts from ``Problem.first_guess``, which a sliding window makes."""
        return False

    def check(self, problem: Problem, members: int) -> None:
        """Raise if the method cannot work on a problem; called before any work, and by experiments.

        Args:
            problem: the problem, perhaps without its prior and its data.
            members: number of members that the method runs.

        Raises:
            InputError: by default never.
        """

    def size(self, members: int) -> int:
        """Number of members that the method runs when ``members`` samples are wanted."""
        return members

    def iterate(self, problem: Problem, streams: MemberStreams) -> Iterator[Step]:
        """Yield steps; their ``seconds`` are filled in by :meth:`run`.

        Args:
            problem: the problem, its tensors on the device to compute on.
            streams: randomness, one stream per member.

        Yields:
            Steps whose estimates are whole windows, ``(len(streams), *problem.window)``.
        """
        raise NotImplementedError

    def _checked(self, steps: Iterator[Step], shape: tuple[int, ...]) -> Iterator[Step]:
        """Pass on the steps of :meth:`iterate` that keep its contract; refuse others."""
        name = type(self).__name__
        if not isinstance(steps, Iterable):
            raise _not_a_step(name, steps)
        first = True
        for step in steps:
            if not (isinstance(step, Step) and isinstance(step.estimate, Tensor)):
                raise _not_a_step(name, step)
            if tuple(step.estimate.shape) != shape:
                raise _wrong_shape(name, tuple(step.estimate.shape), shape)
            if first and not step.estimate.isfinite().all():
                raise InputError(
                    f"first estimate of {name}", "NaN or infinity", "must be finite",
                    "Check the first step of iterate for divisions by zero.",
                )
            first = False
            yield step

    @staticmethod
    def _timed(steps: Iterator[Step]) -> Iterator[Step]:
        spent = 0.0
        while True:
            start = time.perf_counter()
            with torch.no_grad():
                step = next(steps, None)
            spent += time.perf_counter() - start
            if step is None:
                return
            yield replace(step, seconds=spent)


def _not_a_step(name: str, found: object) -> InputError:
    return InputError(
        f"iterate of {name}", type(found).__name__, "must yield Step objects with a tensor",
        "Write: yield Step(estimate, done, total).",
    )


def _wrong_shape(name: str, found: tuple[int, ...], wanted: tuple[int, ...]) -> InputError:
    return InputError(
        f"shape of an estimate of {name}", found,
        f"must be (members, time, lev, y, x) = {wanted}", "Yield the whole window of every member.",
    )
