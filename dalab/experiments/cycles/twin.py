"""The twin of a cycled experiment: truths and observations, made one time after the other.

Everything random at a cycle comes from streams of that cycle, so that a run goes on from the true
state alone. Truths ``(repeats, *shape)`` are independent and advance together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from ...methods import Background, Problem
from ...observations import ObservingNetwork
from ...priors.covariance import SpectralCovariance
from ...random import MemberStreams, TimeStreams, stream
from ..experiment import Experiment
from ..model_error import model_error_covariance
from ..nature import Nature
from ..truth_file import NormalStart

SMALL = 4096
"""Numbers in a state up to which everything is in double precision."""


@dataclass(frozen=True)
class Moment:
    """The twin at one time.

    Args:
        cycle: number of the analysis, from 1; 0 is the start.
        truth: true states, normalised, ``(repeats, *shape)``; no method sees them.
        network: the observing network of this time; ``None`` where there are no observations.
        data: its observations, ``(repeats, size)``.
        shock: sizes of the shocks that the truths took since the time before, added up,
            ``(repeats,)``; ``None`` for truths without shocks.
    """

    cycle: int
    truth: Tensor
    network: ObservingNetwork | None = None
    data: Tensor | None = None
    shock: Tensor | None = None


class CycledTwin:
    """Truths, observations and initial ensembles of a cycled experiment.

    Args:
        experiment: an experiment with cycles.
    """

    def __init__(self, experiment: Experiment) -> None:
        self.experiment, self.system = experiment, experiment.system
        self.schedule, self.repeats = experiment.cycling, experiment.repeats
        self.seed, self.device = experiment.seed, torch.device(str(experiment.device))
        small = torch.Size(self.system.shape).numel() <= SMALL and self.device.type != "mps"
        self.dtype = torch.float64 if small else torch.float32

    @cached_property
    def nature(self) -> Nature:
        """Source of the truths."""
        return self.experiment.truths.nature(self.dtype, self.device)

    def _stream(self, *labels: object) -> torch.Generator:
        return stream(self.seed, "cycles", *labels)

    # --- truth and observations -------------------------------------------------------------------

    def start(self) -> Tensor:
        """State of nature at time 0."""
        return self.nature.start(self._stream("truth", "state"))

    def advance(self, nature: Tensor, cycle: int) -> Tensor:
        """State of nature at a cycle, from that at the cycle before."""
        streams = self._stream("truth", cycle)
        return self.nature.advance(nature, self.schedule.interval, streams)

    def observe(self, nature: Tensor, cycle: int) -> Moment:
        """Truth and observations at a cycle."""
        truth = self.nature.truth(nature)
        shock = self.shock_sizes(cycle).sum(0) if self.experiment.shocks else None
        moment = Moment(cycle, truth, shock=shock)
        if not (cycle and self.schedule.is_observed(cycle)):
            return moment
        network = self.network(cycle)
        if not network.size:
            return moment
        data = self._noisy(network, truth, cycle)
        return replace(moment, network=network, data=data)

    def shock_sizes(self, cycle: int) -> Tensor:
        """Sizes of the shocks of the truths at every interval that ends with a cycle.

        Args:
            cycle: number of the analysis, from 1; before the first there is no interval.

        Returns:
            0 where there is none, ``(intervals, repeats)``.
        """
        intervals = self.schedule.interval if cycle else 0
        return self.nature.shock_sizes(intervals, self._stream("truth", cycle))

    def _noisy(self, network: ObservingNetwork, truth: Tensor, cycle: int) -> Tensor:
        clean = network.split(network.apply(truth[:, None]))
        pieces = []
        for number, (instrument, values) in enumerate(
            zip(network.instruments, clean, strict=True)
        ):
            count = self.repeats * instrument.size
            noise = instrument.noise.sample(count, self._stream("noise", cycle, number))
            pieces.append(values + instrument.std * noise.to(values).reshape(values.shape))
        return torch.cat(pieces, -1)

    def network(self, cycle: int) -> ObservingNetwork:
        """The network of a cycle."""
        whole = self.experiment.observing
        return self._network_of((cycle - 1) % whole.steps)

    @cached_property
    def _networks(self) -> dict[int, ObservingNetwork]:
        return {}

    def _network_of(self, step: int) -> ObservingNetwork:
        if step not in self._networks:
            whole = self.experiment.observing
            self._networks[step] = whole.at(step) if whole.steps > 1 else whole
        return self._networks[step]

    # --- the methods' side ------------------------------------------------------------------------

    def problem(self, nature: Tensor) -> Problem:
        """The problem at the start, before any observation: network of the first analysis."""
        network = self.network(1)
        return Problem(
            system=self.system, prior=self.experiment.prior_of_window, network=network,
            data=torch.zeros(self.repeats, network.size, dtype=self.dtype, device=self.device),
            background=self.background(nature), augmented=self.experiment.augmented_of_window,
            cycled=True, model_error=self.model_error,
        )

    @cached_property
    def model_error(self) -> SpectralCovariance | None:
        """Covariance of the model's error in an interval, if the methods are told."""
        made = self.experiment
        if made.model_error == "untold":
            return None
        found = model_error_covariance(made.truths, made.seed)
        matrices = found.matrices.to(self.device, self.dtype.to_complex())
        return SpectralCovariance(matrices, found.window)

    def background(self, nature: Tensor) -> Background | None:
        """The background at the start, one per repeat, ``(repeats, *shape)``."""
        std = self.experiment.background
        if std is None:
            return None
        truth = self.nature.truth(nature)
        noise = torch.randn(truth.shape, generator=self._stream("background"), dtype=self.dtype)
        return Background(truth + std * noise.to(truth), std)

    def ensemble(self, nature: Tensor, members: int, label: str) -> Tensor:
        """Initial members ``(repeats, members, *shape)``.

        They are given, about the truth, or of the climate. A single member starts from the mean of
        those given, the background itself, or the mean of the climate.
        """
        background, given = self.background(nature), self.experiment.states_of_start
        shape = (self.repeats, members, *self.system.shape)
        if isinstance(given, NormalStart):
            return self._normal(given, members)
        if given is not None:
            return self._drawn(given.to(self.device, self.dtype), members)
        if members == 1:
            mean = torch.zeros(shape, dtype=self.dtype, device=self.device)
            return mean if background is None else background.state[:, None]
        if background is None:
            return self._climate(members)
        noise = torch.randn(shape, generator=self._stream(label, "start"), dtype=self.dtype)
        centre = background.state if self.experiment.background_kind == "perturbed" else None
        middle = self.nature.truth(nature) if centre is None else centre
        return middle[:, None] + background.std * noise.to(middle)

    def _drawn(self, states: Tensor, members: int) -> Tensor:
        """Members of every repeat, drawn from given states without return."""
        if members == 1:
            return states.mean(0).expand(self.repeats, 1, *states.shape[1:]).clone()
        source = self._stream("start")
        drawn = [torch.randperm(len(states), generator=source)[:members]
                 for _ in range(self.repeats)]
        return states[torch.stack(drawn).to(states.device)]

    def _normal(self, start: NormalStart, members: int) -> Tensor:
        """Members of every repeat, white noise about one value; a single member is that value."""
        noise = start.draw((self.repeats, members, *self.system.shape), self._stream("start"))
        states = self.system.normalised(noise if members > 1 else 0 * noise + start.mean)
        return states.to(self.device, self.dtype)

    def _climate(self, members: int) -> Tensor:
        states = self.system.sample_climate(self.repeats * members, self._stream("climate"))
        return states.to(self.device, self.dtype).unflatten(0, (self.repeats, members))

    def streams(self, label: str, cycle: int, members: int) -> MemberStreams:
        """Randomness of a method at a cycle."""
        return TimeStreams(self._stream(label, cycle), members, self.device, self.dtype)


Observe = Callable[[Tensor, int], Moment]
