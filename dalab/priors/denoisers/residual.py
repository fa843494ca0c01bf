r"""The trained prior: an analytic estimate plus the correction of a network.

The denoiser starts from an estimate S that costs no training, and a network corrects it,

.. math::
    D(x, \sigma) = S(x, \sigma) + \frac{\sigma}{\sqrt{1 + \sigma^2}} \,
        N_\theta(\text{features}, \log \sigma) .

S is the two-filter smoother of :mod:`dalab.priors.denoisers.smoother` where the system has a cheap
propagator, else the answer of the Gaussian prior. The last layer of N starts at zero, so that
training can only add. Where there is a smoother, a last linear coupling between
neighbouring frames (:mod:`dalab.priors.denoisers.coupling`) can correct the result once more.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..base import Prior
from ..covariance import HomogeneousObservation, SpectralCovariance
from ..gaussian import GaussianPrior
from .background import (
    FLOW_LEVELS,
    HORIZON,
    STDS,
    BackgroundConditional,
    conditional_part,
    flow_parts,
)
from .calibration import ErrorTable
from .coupling import FrameCoupling
from .forecast import Forecast
from .levels import broadcast_level, error_scale, map_windows
from .smoother import TwoFilterSmoother
from .unet import UNet


class ResidualPrior(Prior):
    """A learned distribution over windows.

    Args:
        name: how the registry calls it.
        gaussian: the analytic prior it starts from.
        network: the correction.
        smoother: estimate that uses the flow, if the system allows.
        coupling: the last correction, between neighbouring frames.
        errors: calibrated error covariance; that of the Gaussian prior until it is measured.
        forecast: observation of the whole window by a background, if the system allows.
        autocast: whether the network may compute in bfloat16 on hardware made for it.
        flow_levels: see :class:`Prior`.
        background_conditional: the part that makes use of a background, if it was trained.
    """

    def __init__(
        self,
        name: str,
        gaussian: GaussianPrior,
        network: UNet,
        smoother: TwoFilterSmoother | None = None,
        coupling: FrameCoupling | None = None,
        errors: ErrorTable | None = None,
        forecast: Forecast | None = None,
        autocast: bool = True,
        flow_levels: tuple[float, float] | None = (0.2, 5.0),
        background_conditional: BackgroundConditional | None = None,
    ) -> None:
        super().__init__(name, gaussian.window)
        self.gaussian, self.smoother = gaussian, smoother
        self.network, self.coupling = network, coupling
        self.errors = errors or ErrorTable(gaussian.window)
        self.forecast, self.autocast = forecast, autocast
        self.background_conditional = background_conditional
        self.flow_levels = flow_levels

    def denoise(self, x: Tensor, sigma: Tensor | float) -> Tensor:
        return map_windows(self.estimate, x, sigma, self.window)

    def estimate(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Estimate E[window | noisy window], each window with its own noise level.

        Args:
            x: ``(batch, time, lev, y, x)``.
            sigma: ``(batch,)``.
        """
        start, features = self.features(x, sigma)
        with self.fast(x):
            correction = self.network(features.flatten(1, 2), sigma)
        denoised = start + error_scale(broadcast_level(sigma, x)) * correction.to(x).view_as(x)
        return denoised if self.coupling is None else self.coupling(x, sigma, denoised)

    def features(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """Estimate to start from, and features for the network, all of order one.

        The features are the start, the noise it leaves, and how its ingredients differ from it:
        ``(batch, time, lev, y, x)`` and ``(batch, time, channels x lev, y, x)``.
        """
        level = broadcast_level(sigma, x)
        gaussian = self.gaussian.denoise(x, level)
        if self.smoother is None:
            return gaussian, torch.cat([gaussian, (x - gaussian) / level], -3)
        start, propagated = self.smoother(x, sigma, gaussian)
        other = (torch.stack([gaussian, *propagated]) - start) / error_scale(level)
        return start, torch.cat([start, (x - start) / level, *other], -3)

    def fast(self, x: Tensor) -> torch.autocast:
        """bfloat16 where it is allowed and the hardware is made for it; never for float64."""
        wanted = self.autocast and x.dtype == torch.float32 and has_bfloat16(x.device)
        return torch.autocast(x.device.type, dtype=torch.bfloat16, enabled=wanted)

    def background_observation(self, state: Tensor, std: float) -> HomogeneousObservation:
        if self.forecast is None or not self.forecast.fitted:
            return super().background_observation(state, std)
        return self.forecast(state, std)

    def conditioned_on(self, state: Tensor, std: float) -> Prior | None:
        known = self.background_conditional is not None and STDS[0] <= std <= STDS[-1]
        return BackgroundConditionalPrior(self, state, std) if known else None

    def error_covariance(self, sigma: float) -> SpectralCovariance:
        return self.errors.covariance(self.gaussian, sigma)

    @property
    def climatological_covariance(self) -> SpectralCovariance:
        return self.gaussian.climatological_covariance


def correction_loss(
    prior: ResidualPrior, network: Callable[..., Tensor], clean: Tensor, noise: Tensor,
    sigma: Tensor,
) -> Tensor:
    """Mean of |D - x|^2 (1 + sigma^2) / sigma^2, the loss of the network's correction.

    Args:
        prior: the prior whose network is trained.
        network: that network, possibly compiled.
        clean: windows, ``(batch, time, lev, y, x)``.
        noise: standard normal numbers, same shape.
        sigma: noise levels, ``(batch,)``.
    """
    level = broadcast_level(sigma, clean)
    with torch.no_grad():
        start, features = prior.features(clean + level * noise, sigma)
        wanted = (clean - start) / error_scale(level)
    with prior.fast(clean):
        correction = network(features.flatten(1, 2), sigma)
    return (correction.to(clean).view_as(wanted) - wanted).square().mean()


def has_bfloat16(device: torch.device) -> bool:
    """True if ``device`` multiplies bfloat16 matrices faster than float32 ones."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    found = getattr(torch.cpu, "get_capabilities", dict)()
    return device.type == "cpu" and bool(found.get("avx512_bf16") or found.get("amx_bf16"))


class BackgroundConditionalPrior(Prior):
    """A trained prior conditioned on one background.

    Args:
        core: the trained prior, with a :class:`BackgroundConditional`.
        state: the background, ``(lev, y, x)``.
        std: standard deviation of its error, white.
    """

    def __init__(self, core: ResidualPrior, state: Tensor, std: float) -> None:
        super().__init__(core.name, core.window)
        self.core, self.std = core, std
        self.horizon = HORIZON * std
        self.flow_levels = FLOW_LEVELS if core.flow_levels else None
        _, forecast = flow_parts(core)
        self.propagated = forecast.propagate(state[None], state.new_full((1,), std))

    def denoise(self, x: Tensor, sigma: Tensor | float) -> Tensor:
        return map_windows(self._estimate, x, sigma, self.window)

    def _estimate(self, x: Tensor, sigma: Tensor) -> Tensor:
        propagated, std = self.propagated.expand_as(x), torch.full_like(sigma, self.std)
        return conditional_part(self.core).estimate(self.core, x, sigma, propagated, std)

    def error_covariance(self, sigma: float) -> SpectralCovariance:
        return conditional_part(self.core).covariance(sigma, self.std, self.window)

    @property
    def climatological_covariance(self) -> SpectralCovariance:
        return self.error_covariance(float("inf"))
