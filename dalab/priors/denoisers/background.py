r"""Denoiser of a trained prior for windows with a known background of step 0.

The solver propagates the background through the window (:mod:`dalab.priors.denoisers.forecast`),
which makes it a noisy view c = A x + e of every step. The smoother's estimate S of the noisy window
is conditioned on that view, ring by ring, and a network corrects the result,

.. math::
    S_b = S + K (c - A S) , \qquad
    D_b(x, \sigma) = S_b + \frac{\sigma_b}{\sqrt{1 + \sigma_b^2}} \,
        N_\theta(\text{features}, \log \sigma, \log \mathrm{std}) , \qquad
    \sigma_b^{-2} = \sigma^{-2} + \mathrm{std}^{-2} .

N starts as the network without a background, which is right where the noise is small. The errors of
D_b are tabulated as one covariance per ring, noise level and error of the background. By
Tweedie's formula its Jacobian is the covariance of single windows given both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import torch
from torch import Tensor

from ..covariance import SpectralCovariance
from ..gaussian import GaussianPrior
from .forecast import Forecast
from .levels import broadcast_level, error_scale, joint_level
from .rings import LogTable, RingModule, apply, interpolate, moments
from .smoother import TwoFilterSmoother
from .unet import UNet

STDS = (0.025, 0.05, 0.1, 0.2, 0.4)
"""Standard deviations of the background error in the tables."""

HORIZON = 10.0
"""Noise of a window, relative to the background's error, beyond which it holds no information."""

FLOW_LEVELS = (0.05, 1.0)
"""See :class:`Prior`: a background reduces the remaining error, and with it both levels."""

N_FEATURES = 7
"""Features per field: those of :meth:`ResidualPrior.features`, and two more."""


class Core(Protocol):
    """The trained prior to which the part for backgrounds belongs."""

    name: str
    window: tuple[int, ...]
    gaussian: GaussianPrior
    smoother: TwoFilterSmoother | None
    forecast: Forecast | None
    background_conditional: BackgroundConditional | None

    def fast(self, x: Tensor) -> AbstractContextManager:
        """Context in which the network computes in its fast precision."""


class BackgroundConditional(RingModule):
    """Part of a trained prior that makes use of a background.

    Args:
        window: shape of a window, (time, lev, y, x).
        network: the correction, a function of the noise levels of window and background too.
        levels: noise levels of the tables, increasing.
    """

    stds: Tensor

    def __init__(self, window: Sequence[int], network: UNet, levels: Sequence[float]) -> None:
        super().__init__(window)
        fields = window[0] * window[1]
        self.network = network
        self.register_buffer("stds", torch.tensor(STDS, dtype=torch.float64), persistent=False)
        self.start = LogTable(levels, (self.count, fields, fields))
        self.errors = LogTable(levels, (len(STDS), self.count, fields, fields))

    def estimate(
        self, core: Core, x: Tensor, sigma: Tensor, propagated: Tensor, std: Tensor
    ) -> Tensor:
        """Estimate E[window | noisy window, background].

        Args:
            core: the prior that this belongs to.
            x: noisy windows, ``(batch, time, lev, y, x)``.
            sigma: their noise levels, ``(batch,)``.
            propagated: the backgrounds at every step, shaped like ``x``.
            std: standard deviations of the backgrounds' errors, ``(batch,)``.
        """
        start, features, scale = self.features(core, x, sigma, propagated, std)
        with core.fast(x):
            correction = self.network(features.flatten(1, 2), torch.stack([sigma, std], -1))
        return start + scale * correction.to(x).view_as(x)

    def features(
        self, core: Core, x: Tensor, sigma: Tensor, propagated: Tensor, std: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Estimate to start from, features for the network, and scale of its output.

        The features are those of a prior without a background, then how the smoother's estimate
        and the propagated background differ from the start.
        """
        smoother, forecast = flow_parts(core)
        level, error = broadcast_level(sigma, x), broadcast_level(std, x)
        gaussian = core.gaussian.denoise(x, level)
        smoothed, filtered = smoother(x, sigma, gaussian)
        maps = self.maps(forecast, sigma, std).to(x)
        both = torch.cat([smoothed.flatten(1, 2), propagated.flatten(1, 2)], 1)
        start = apply(maps, both, self.rings).view_as(x)
        others = (torch.stack([gaussian, *filtered, smoothed]) - start) / error_scale(level)
        features = [start, (x - start) / level, *others, (propagated - start) / error_scale(error)]
        return start, torch.cat(features, -3), error_scale(joint_level(level, error))

    def maps(self, forecast: Forecast, sigma: Tensor, std: Tensor) -> Tensor:
        """Maps (I - K A, K) from both estimates to the start, ``(batch, rings, c, 2 c)``."""
        A, noise = forecast.view(std)
        P = self.start(sigma).double()
        seen = A @ P
        K = torch.linalg.solve(seen @ A.mT + noise, seen).mT
        return torch.cat([torch.eye(K.shape[-1]).to(K) - K @ A, K], -1)

    def fit_level(self, level: int, x: Tensor, clean: Tensor, smoothed: Tensor) -> None:
        """Tabulate the error of the smoother at one noise level.

        Args:
            level: index of the noise level.
            x: noisy windows, ``(count, time, lev, y, x)``; not used.
            clean: the windows.
            smoothed: the smoother's answers.
        """
        self.start.values[level] = moments((smoothed - clean).flatten(1, 2), self.rings)

    def measure(
        self, core: Core, windows: Tensor, generator: torch.Generator, batch: int = 8
    ) -> None:
        """Tabulate the remaining error on held-out windows.

        Args:
            core: the prior that this belongs to.
            windows: ``(count, time, lev, y, x)``.
            generator: of noise and backgrounds.
            batch: windows per pass.
        """
        _, forecast = flow_parts(core)
        for j, std in enumerate(STDS):
            stds = windows.new_full((len(windows),), std)
            normal = torch.randn(windows[:, 0].shape, generator=generator).to(windows)
            propagated = forecast.propagate(windows[:, 0] + std * normal, stds)
            for i, sigma in enumerate(self.errors.levels.tolist()):
                noise = torch.randn(windows.shape, generator=generator).to(windows)
                given = (windows + sigma * noise, torch.full_like(stds, sigma), propagated, stds)
                passes = zip(*(part.split(batch) for part in given), strict=True)
                error = torch.cat([self.estimate(core, *some) for some in passes]) - windows
                measured = moments(error.flatten(1, 2), self.rings)
                self.errors.values[i, j] = measured / _variance(sigma, std)

    def covariance(self, sigma: float, std: float, window: Sequence[int]) -> SpectralCovariance:
        """Average covariance of windows given a noisy one and a background.

        Args:
            sigma: noise level of the window.
            std: standard deviation of the background's error.
            window: shape of a window.
        """
        device = self.stds.device
        at_level = self.errors(torch.tensor([float(sigma)], device=device))[0]
        per_ring = interpolate(at_level, self.stds, torch.tensor([float(std)], device=device))[0]
        w, V = torch.linalg.eigh(per_ring.double() * _variance(sigma, std))
        w, kind = w.clamp(min=0, max=sigma**2)[..., None, :], per_ring.dtype.to_complex()
        matrices, root = (((V * scale) @ V.mT)[self.rings].to(kind) for scale in (w, w.sqrt()))
        return SpectralCovariance(matrices, window, root)




def background_conditional_loss(
    core: Core, network: Callable[..., Tensor], clean: Tensor, noise: Tensor,
    sigma: Tensor, backgrounds: Tensor, std: Tensor,
) -> Tensor:
    """Mean of |D_b - x|^2 (1 + sigma_b^2) / sigma_b^2.

    Args:
        core: the prior whose part for backgrounds is trained.
        network: the network of that part, possibly compiled.
        clean: windows, ``(batch, time, lev, y, x)``.
        noise: standard normal numbers, same shape.
        sigma: noise levels, ``(batch,)``.
        backgrounds: standard normal numbers, ``(batch, lev, y, x)``.
        std: standard deviations of the backgrounds' errors, ``(batch,)``.
    """
    noisy = clean + broadcast_level(sigma, clean) * noise
    with torch.no_grad():
        states = clean[:, 0] + broadcast_level(std, backgrounds) * backgrounds
        propagated = flow_parts(core)[1].propagate(states, std)
        part = conditional_part(core)
        start, features, scale = part.features(core, noisy, sigma, propagated, std)
        wanted = (clean - start) / scale
    with core.fast(clean):
        correction = network(features.flatten(1, 2), torch.stack([sigma, std], -1))
    return (correction.to(clean).view_as(wanted) - wanted).square().mean()


def flow_parts(core: Core) -> tuple[TwoFilterSmoother, Forecast]:
    """Smoother and forecast of a trained prior, which its part for backgrounds needs."""
    assert core.smoother is not None and core.forecast is not None
    return core.smoother, core.forecast


def conditional_part(core: Core) -> BackgroundConditional:
    """Part of a trained prior for backgrounds."""
    assert core.background_conditional is not None
    return core.background_conditional


def widen_network(network: UNet, start: UNet, frames: int) -> None:
    """Copy a network into one with more features and noise levels, in place.

    The additional inputs have no weight at first.

    Args:
        network: the new one.
        start: the network to copy; the same but for its inputs and noise levels.
        frames: steps of a window, whose features lie one after the other.
    """
    values, others = network.state_dict(), start.state_dict()
    few, many = (len(state["gate.bias"]) // frames for state in (others, values))
    known = (torch.arange(frames)[:, None] * many + torch.arange(few)).flatten()
    for name, value in others.items():
        new = values[name]
        if new.shape == value.shape:
            new.copy_(value)
            continue
        new.zero_()
        if name.startswith("gate"):
            new[known] = value
        elif name.startswith("embedding"):
            new[:, : value.shape[1]] = value
        else:
            new[:, known] = value


def _variance(sigma: float, std: float) -> float:
    """Scale of the tabulated errors, so that they change little between levels."""
    window, background = torch.tensor([sigma, std], dtype=torch.float64)
    return float(error_scale(joint_level(window, background))) ** 2
