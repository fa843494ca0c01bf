"""The contract of every inference method: what it may know, and what it yields."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import param
import torch
from torch import Tensor

from ..errors import InputError
from ..observations import ObservingNetwork
from ..priors.base import Prior
from ..priors.denoisers.augmented import AugmentedPrior, selection
from ..random import MemberStreams
from ..systems.base import System


@dataclass(frozen=True)
class Background:
    """An estimate of step 0 made before the window's observations, with white error.

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
    """All that a method may know. The truth is not here.

    Args:
        system: the forecast model, possibly imperfect.
        prior: distribution of windows.
        network: what is observed.
        data: observation vector of the network, ``(size,)``.
        background: estimate of step 0, if there is one.
        augmented: distribution of augmented windows, for the methods that use one.
    """

    system: System
    prior: Prior
    network: ObservingNetwork
    data: Tensor
    background: Background | None = None
    augmented: AugmentedPrior | None = None

    @property
    def window(self) -> tuple[int, ...]:
        """Shape of the window that is estimated, (time, lev, y, x)."""
        return self.prior.window

    def to(self, device: torch.device | str) -> Problem:
        """The same problem with its tensors on ``device``."""
        if self.data.device == torch.device(device):
            return self
        background = self.background
        if background is not None:
            background = replace(background, state=background.state.to(device))
        prior, augmented = copy.deepcopy((self.prior, self.augmented))  # shared between runs
        return replace(
            self, prior=prior.to(device), data=self.data.to(device), background=background,
            augmented=augmented and augmented.to(device),
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
    """One step of a method, seen from outside.

    Args:
        estimate: current estimate of the window, normalised, ``(members, time, lev, y, x)``.
        done: steps finished.
        total: steps in all.
        evaluations: evaluations of the prior's denoiser so far, per member.
        seconds: time spent in the method so far.
        note: where it stands, in the method's own terms ("sigma 0.31", "day 3").
    """

    estimate: Tensor
    done: int
    total: int
    evaluations: int = 0
    seconds: float = 0.0
    note: str = ""

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
    """A way to infer a window from its observations.

    A subclass declares its hyper-parameters as bounded, documented ``param`` parameters and writes
    :meth:`iterate`. It holds no threads, widgets or global random state; closing the generator is
    the cancel.

    Attributes:
        uses_model: whether the forecast model is used.
        coupled: whether a member's result depends on the other members, as in ensemble filters.
        uses_augmented: whether it needs ``Problem.augmented``.
    """

    uses_model: ClassVar[bool] = False
    coupled: ClassVar[bool] = False
    uses_augmented: ClassVar[bool] = False

    def run(
        self,
        problem: Problem,
        members: int,
        generator: torch.Generator,
        device: torch.device | str = "cpu",
    ) -> Iterator[Step]:
        """Yield :class:`Step` after :class:`Step`; the last one holds the result.

        Args:
            problem: what may be known.
            members: posterior samples wanted.
            generator: only its seed is used, to derive one stream per member.
            device: where to compute.

        Raises:
            InputError: if ``members`` is below 1, or an augmented prior is needed and missing or
                lacks an operator; before any work.
        """
        if members < 1:
            raise InputError("members", members, "must be at least 1", "Use 8.")
        if self.uses_augmented:
            problem.check_augmented()
        problem = problem.to(device)
        streams = MemberStreams(
            generator.initial_seed(), self.size(members), device, problem.data.dtype
        )
        return self._timed(self.iterate(problem, streams))

    def size(self, members: int) -> int:
        """Members the method really runs when ``members`` samples are wanted."""
        return members

    def iterate(self, problem: Problem, streams: MemberStreams) -> Iterator[Step]:
        """The method itself: yields steps whose ``seconds`` are filled in by :meth:`run`."""
        raise NotImplementedError

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
