"""Priors around denoisers that were trained elsewhere: azula's, in diffusers' style, velocities.

Their noise levels are matched to those of dalab by :mod:`dalab.priors.denoisers.matching`, their
windows are laid out as they want them, and their errors are measured as those of dalab's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from azula.denoise import Denoiser
from torch import Tensor

from ...errors import InputError
from ...random import stream
from ..base import Prior
from ..covariance import SpectralCovariance
from ..gaussian import GaussianPrior
from .calibration import ErrorTable
from .levels import map_windows
from .matching import match

CALIBRATION = 64
"""Windows on which the errors are measured, at most: as many as for the bundled priors."""


@dataclass(frozen=True)
class Adapter:
    """Layout in which a denoiser wants windows: a permutation of their numbers, noise stays white.

    Args:
        to_model: map of windows ``(batch, time, lev, y, x)`` to the layout of the denoiser.
        to_window: its inverse.
    """

    to_model: Callable[[Tensor], Tensor]
    to_window: Callable[[Tensor], Tensor]

    @classmethod
    def of(cls, name: str | Adapter, window: tuple[int, ...]) -> Adapter:
        """Make the adapter of a name.

        Args:
            name: ``window``, as in dalab; ``channels``, ``(batch, time x lev, y, x)``; ``flat``,
                ``(batch, numbers)``; an adapter stands for itself.
            window: shape of a window.

        Raises:
            InputError: for another name.
        """
        if isinstance(name, Adapter):
            return name
        shapes = {
            "window": window, "channels": (window[0] * window[1], *window[2:]),
            "flat": (math.prod(window),),
        }
        if name not in shapes:
            raise InputError(
                "adapter", name, f"must be one of {', '.join(shapes)}",
                "Give an Adapter of your own for another layout.",
            )
        shape = shapes[name]
        return cls(lambda x: x.reshape(-1, *shape), lambda x: x.reshape(-1, *window))


class DenoiserPrior(Prior):
    """A prior around a denoiser that was trained elsewhere.

    Its climate, and the axes along which errors are tabulated, are those of the Gaussian that fits
    the windows. Above the highest noise level of the denoiser that Gaussian denoises; below the
    lowest one, the denoiser is used at its lowest.

    Args:
        denoiser: an azula ``Denoiser``; a ``VelocityField`` of an interpolant; with ``scheduler``,
            a model ``(x_t, step)`` in diffusers' style. It is put into evaluation mode.
        windows: normalised windows of zero mean, ``(count, time, lev, y, x)``, that the denoiser
            was not trained on, else the error covariance is too small.
        name: how the registry calls it.
        scheduler: noise schedule of such a model: ``alphas_cumprod`` and
            ``config.prediction_type``, one of epsilon, v_prediction and sample.
        adapter: layout in which the denoiser wants windows; ``window``, ``channels`` for
            ``(batch, time x lev, y, x)``, ``flat``, or an :class:`Adapter`.
        flow_levels: see :class:`Prior`; ``None`` until the denoiser's Jacobian is known to be good.
        seed: of the noise with which the errors are measured.

    Raises:
        InputError: for windows that :meth:`GaussianPrior.fit` refuses, or a denoiser, a scheduler
            or an adapter of another kind.
    """

    def __init__(
        self,
        denoiser: Denoiser | Callable[..., Any],
        windows: Tensor,
        name: str = "denoiser",
        *,
        scheduler: Any = None,
        adapter: str | Adapter = "window",
        flow_levels: tuple[float, float] | None = None,
        seed: int = 0,
    ) -> None:
        matched = match(denoiser, scheduler)
        gaussian = GaussianPrior.fit(windows, name)
        super().__init__(name, gaussian.window)
        self.adapter = Adapter.of(adapter, self.window)
        self.gaussian, self.denoiser, self.flow_levels = gaussian, matched, flow_levels
        self.errors = ErrorTable(self.window)
        self.eval()
        self._check_shape(windows[:1])
        self._measure(windows, seed)

    def denoise(self, x: Tensor, sigma: Tensor | float) -> Tensor:
        return map_windows(self._denoise_each, x, sigma, self.window)

    def _denoise_each(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Denoise windows that share a noise level together, others one by one."""
        levels = sigma.tolist()
        if len(set(levels)) == 1:
            return self._denoise_at(x, levels[0])
        pairs = zip(x.split(1), levels, strict=True)
        return torch.cat([self._denoise_at(window, level) for window, level in pairs])

    def _denoise_at(self, x: Tensor, sigma: float) -> Tensor:
        if sigma > self.denoiser.highest:
            return self.gaussian.denoise(x, sigma)
        level = max(sigma, self.denoiser.lowest)
        return self.adapter.to_window(self.denoiser(self.adapter.to_model(x), level))

    def error_covariance(self, sigma: float) -> SpectralCovariance:
        return self.errors.covariance(self.gaussian, sigma)

    @property
    def climatological_covariance(self) -> SpectralCovariance:
        return self.gaussian.climatological_covariance

    @torch.no_grad()
    def _check_shape(self, windows: Tensor) -> None:
        """Raise :class:`InputError` unless the denoiser keeps the shape of windows."""
        try:
            found = self._denoise_at(windows, self.denoiser.lowest).shape
        except (RuntimeError, ValueError) as error:
            raise self._unfit(str(error)) from error
        if found != windows.shape:
            raise self._unfit(f"it gives {tuple(found)}")

    def _unfit(self, why: str) -> InputError:
        return InputError(
            "denoiser", type(self.denoiser.model).__name__,
            f"must denoise windows of shape {self.window} ({why})",
            "Choose the adapter for the layout that it wants.",
        )

    @torch.no_grad()
    def _measure(self, windows: Tensor, seed: int) -> None:
        """Tabulate the errors on windows from the whole set."""
        count = min(CALIBRATION, len(windows))
        chosen = windows[torch.linspace(0, len(windows) - 1, count).round().long()]
        generator = stream(seed, "calibration")
        self.errors.measure(self.gaussian, self.denoise, chosen, generator)
