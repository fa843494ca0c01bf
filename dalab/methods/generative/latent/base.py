"""Base class of the filters whose analysis is done in a latent space."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Self

import param
import torch
from torch import Tensor

from ....errors import InputError
from ....observations import ObservingNetwork
from ....random import MemberStreams
from ...base import Problem
from ...ensemble.base import EnsembleFilter, inflate
from .learning import Recipe, learn, most
from .space import LatentSpace

Decode = Callable[[Tensor], Tensor]
"""Members of latent states."""


class LatentFilter(EnsembleFilter):
    """Filter that encodes its forecasts, analyses them as a few numbers, and decodes these.

    The space is learnt from the climate of the forecast model before the first analysis, and kept
    in a file: a second run begins at once. What no latent state decodes to is lost at every
    analysis unless ``remainder`` is kept: then it belongs to what the latent states of each member
    decode to, before the update and after it. A subclass writes :meth:`update`.

    Attributes:
        coupled_space: true if observations are encoded, too.
    """

    coupled_space: ClassVar[bool] = False

    space = param.Selector(
        default="pod", objects=["pod", "autoencoder"],
        doc="latent space: principal components (POD), or an autoencoder",
    )
    latent_size = param.Integer(
        None, bounds=(1, 100_000),
        doc="numbers of a latent state; auto: by explained for POD, a sixteenth of a state on a "
        "plane and all of another one for an autoencoder, which has as many for every patch",
    )
    explained = param.Number(
        0.99, bounds=(0.0, 1.0), inclusive_bounds=(False, True),
        doc="share of the variance of the climate that the components of POD explain",
    )
    states = param.Integer(
        None, bounds=(16, 100_000),
        doc="states of the climate, a fifth of them to judge the space; auto: 1024 to 8192 by the "
        "size of a state",
    )
    width = param.Integer(64, bounds=(4, 1024), doc="channels of the networks of an autoencoder")
    iterations = param.Integer(
        2000, bounds=(1, 1_000_000), doc="steps of the training of an autoencoder"
    )
    learning_seed = param.Integer(
        0, bounds=(0, 2**31 - 1), doc="seed of the states, the networks and their training"
    )
    remainder = param.Boolean(
        True, doc="keep of every forecast what its latent state does not decode to"
    )
    inflation = param.Number(
        1.0, bounds=(1.0, 2.0), step=0.01, doc="factor on the latent anomalies of the forecast"
    )

    _space: LatentSpace | None = None

    def recipe(self) -> Recipe:
        """Options of the latent space."""
        return Recipe(
            self.space, self.latent_size, self.explained, self.states, self.width, self.iterations,
            self.learning_seed,
        )

    def check(self, problem: Problem, members: int) -> None:
        """Raise before any work if the space cannot be learnt.

        Raises:
            InputError: if more latent numbers are wanted than there can be, or the sites of coupled
                spaces move.
        """
        super().check(problem, members)
        self._check_space(problem)

    def _check_space(self, problem: Problem) -> None:
        bound = most(self.recipe(), problem.system.shape)
        if self.latent_size is not None and self.latent_size > bound:
            raise InputError(
                "latent size", self.latent_size, f"must be at most {bound}, for states of shape "
                f"{tuple(problem.system.shape)}", "Use fewer, or learn from more states.",
            )
        if self.coupled_space:
            network_of_all_steps(problem.network)

    def prepare(self, problem: Problem) -> Self:
        self._check_space(problem)
        network = network_of_all_steps(problem.network) if self.coupled_space else None
        if network is not None and not network.size:
            return self  # there will be no analysis
        chosen = type(self)(**self.param.values())
        chosen._space = learn(problem.system, network, self.recipe())
        return chosen

    @property
    def learnt_space(self) -> LatentSpace:
        """The latent space.

        Raises:
            InputError: before :meth:`prepare`.
        """
        if self._space is None:
            raise InputError(
                "latent space", None, "must be learnt before an analysis",
                "Call prepare with the problem.",
            )
        return self._space

    def analysis(
        self, ensemble: Tensor, network: ObservingNetwork, data: Tensor, streams: MemberStreams
    ) -> Tensor:
        space = self.learnt_space
        z = space.encode(ensemble)
        rest = ensemble - space.decode(z) if self.remainder else torch.zeros_like(ensemble)
        z = inflate(z[..., None, None, :], self.inflation)

        def decode(z: Tensor) -> Tensor:
            return space.decode(z[..., 0, 0, :]) + rest

        return decode(self.update(z, decode, network, data, streams))

    def update(
        self, z: Tensor, decode: Decode, network: ObservingNetwork, data: Tensor,
        streams: MemberStreams,
    ) -> Tensor:
        """Update latent forecasts.

        Args:
            z: latent forecasts ``(..., N, 1, 1, L)``.
            decode: makes members ``(..., N, lev, y, x)`` of such latent states.
            network: network of one step.
            data: its observations, ``(..., size)``.
            streams: randomness, one stream per member.

        Returns:
            The latent analysis, same shape as ``z``.
        """
        raise NotImplementedError


def network_of_all_steps(network: ObservingNetwork) -> ObservingNetwork:
    """The network of every step that has observations; one without any if there is none.

    Raises:
        InputError: if it is not the same at all of them.
    """
    steps = [network.at(k) for k in range(network.steps)]
    seen = [one for one in steps if one.size]
    for one in seen[1:]:
        pairs = zip(seen[0].instruments, one.instruments, strict=True)
        if not all(torch.equal(a.mask, b.mask) for a, b in pairs):
            raise InputError(
                "observed cells", "others from step to step", "must be the same whenever there are "
                "observations: their encoder is trained for these sites",
                "Use a mask that stays, such as random or stride, or another method.",
            )
    return seen[0] if seen else steps[0]
