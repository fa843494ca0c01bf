r"""Base class of priors: a denoiser over windows, its error covariance, and draws.

Priors are azula denoisers. Methods work in the variance-exploding form, x_s = x + s e with noise
level s; a schedule with signal scale a and noise scale b is the same thing with x_s = x_t / a and
s = b / a.
"""

from __future__ import annotations

import abc
import math

import torch
from azula.denoise import Denoiser, DiracPosterior
from azula.noise import VESchedule
from torch import Tensor

from ..errors import InputError
from ..random import MemberStreams
from ..systems.base import System
from .covariance import HomogeneousObservation, SpectralCovariance


class Prior(Denoiser, abc.ABC):
    """A distribution over normalised windows ``(time, lev, y, x)``, of zero mean.

    A subclass defines :meth:`denoise` and :attr:`climatological_covariance`, and
    :meth:`error_covariance` if it knows a sharper one::

        class Mine(Prior):
            def __init__(self, network, covariance):
                super().__init__("mine", covariance.window)
                self.network, self.covariance = network, covariance

            def denoise(self, x, sigma):
                return self.network(x, sigma)

            @property
            def climatological_covariance(self):
                return self.covariance

    Args:
        name: how the registry calls it.
        window: shape of a window.
        schedule: noise schedule by which azula's parts address the noise level.
    """

    horizon: float = math.inf
    """Noise level beyond which a noisy window holds hardly any new information; finite for priors
    that are conditioned on a background."""

    flow_levels: tuple[float, float] | None = (0.2, 5.0)
    """Noise levels between which the denoiser's Jacobian describes single windows better than the
    average error covariance, by enough to be worth its backpropagations; ``None`` if it never does.
    Above them windows hardly have a flow, below them errors are smaller than a posterior's spread.
    """

    def __init__(
        self, name: str, window: tuple[int, ...], schedule: VESchedule | None = None
    ) -> None:
        super().__init__()
        self.name, self.window = name, tuple(window)
        self.schedule = schedule or VESchedule(sigma_min=1e-3, sigma_max=1e3)

    @abc.abstractmethod
    def denoise(self, x: Tensor, sigma: Tensor | float) -> Tensor:
        """Estimate E[window | noisy window].

        Args:
            x: window plus noise, ``(..., time, lev, y, x)``.
            sigma: standard deviation of the noise; a scalar, or one for every window, shaped to
                broadcast with ``x``.
        """

    def error_covariance(self, sigma: float) -> SpectralCovariance:
        """Average covariance of the window given a noisy window of noise level ``sigma``.

        By default that of a Gaussian with the climatological covariance: an upper bound for every
        denoiser that is the conditional mean, exact where the climate is Gaussian. Methods that
        rely on it are then too cautious; :class:`~dalab.priors.denoisers.calibration.ErrorTable`
        measures the errors of a denoiser.
        """
        return self.climatological_covariance.denoising_error(sigma)

    @property
    @abc.abstractmethod
    def climatological_covariance(self) -> SpectralCovariance:
        """Covariance of a window before any observation; its mean is zero."""

    def background_observation(self, state: Tensor, std: float) -> HomogeneousObservation:
        """The background as an observation of the window: here, of step 0 alone.

        Args:
            state: the background, ``(lev, y, x)``.
            std: standard deviation of its error, white.
        """
        return HomogeneousObservation.of_first(state, std, self.window[0])

    def conditioned_on(self, state: Tensor, std: float) -> Prior | None:
        """Condition the prior on a background; ``None`` if it has no denoiser for that.

        Args:
            state: the background, ``(lev, y, x)``.
            std: standard deviation of its error, white.
        """
        return None

    def forward(self, x_t: Tensor, t: Tensor, **kwargs: object) -> DiracPosterior:
        """Denoise at schedule time ``t``, a scalar: azula's interface."""
        alpha, sigma = self.schedule(t)
        return DiracPosterior(mean=self.denoise(x_t / alpha, sigma / alpha))

    def time(self, sigma: float) -> Tensor:
        """Schedule time of noise level ``sigma``."""
        low, high = self.schedule.sigma_min, self.schedule.sigma_max
        ratio = torch.log(torch.tensor(sigma / low, dtype=torch.float64))
        return ratio / torch.log(torch.tensor(high / low, dtype=torch.float64))

    def sample_climatology(self, streams: MemberStreams) -> Tensor:
        """Draw Gaussians with the climatological covariance, ``(members, time, lev, y, x)``."""
        return self.climatological_covariance.sample(streams.normal(self.window))

    def check(self, system: System, steps: int) -> None:
        """Raise unless the prior is about windows of ``steps`` states of ``system``.

        Raises:
            InputError: naming both shapes.
        """
        check_windows(self.name, self.window, system, steps)


def check_windows(name: str, window: tuple[int, ...], system: System, steps: int) -> None:
    """Raise unless windows of a prior are those of ``steps`` states of a system.

    Args:
        name: of the prior.
        window: shape of its windows, (time, lev, y, x).
        system: the system.
        steps: states.

    Raises:
        InputError: naming both shapes.
    """
    wanted = (steps, *system.shape)
    if window != wanted:
        raise InputError(
            f"prior {name}", window,
            f"must be about windows of shape {wanted} for {system.name}",
            "Choose the prior made for this system, or a window of its length.",
        )
