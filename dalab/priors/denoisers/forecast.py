r"""Backgrounds as observations of the whole window, propagated by the flow.

A background is a noisy state of step 0. Propagated by the solver M, it is a noisy view of every
later step too,

.. math::
    c_0 = x_b , \qquad c_k = M^k W x_b , \qquad c_k = A_k x_k + e_k , \qquad
    E[e e^T] = \Sigma ,

where W x_b is the least-squares estimate of the state, for noise would stir the flow. W, A_k and
Sigma are small matrices per ring of equal wavenumber and per error of the background, found in
closed form on training windows. A holds the losses on the way, Sigma the growth of the errors and
their correlations between steps. Given these, c is one more linear observation of the window,
homogeneous and hence exact to condition on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..covariance import HomogeneousObservation, to_spectrum
from .levels import error_scale
from .rings import LogTable, RingModule, apply, moments, regress
from .smoother import LIMIT

FLOOR = 1e-2
"""Lower bound of the error variance of any combination of steps, relative to the background's:
errors of neighbouring steps are nearly the same, and their tiny differences badly known."""

STEEPEST = 4.0
"""Bound of the entries of A, which are meaningless where the flow has hardly any variance."""

Trajectory = Callable[[Tensor, int], Tensor]
"""Map of states ``(batch, lev, y, x)`` and a length to windows ``(batch, length, lev, y, x)``."""


class Forecast(RingModule):
    """Map from backgrounds to observations of whole windows; of no use until it is fitted.

    Args:
        window: shape of a window, (time, lev, y, x).
        trajectory: the solver's, from first states.
        levels: standard deviations of the background error, increasing.
    """

    def __init__(
        self, window: Sequence[int], trajectory: Trajectory, levels: Sequence[float]
    ) -> None:
        super().__init__(window)
        self.trajectory = trajectory
        time, lev = self.fields = tuple(window[:2])
        self.gains = LogTable(levels, (self.count, lev, lev))
        self.views = LogTable(levels, (time, self.count, lev, lev))
        self.errors = LogTable(levels, (self.count, time * lev, time * lev))

    @property
    def fitted(self) -> bool:
        """True if there is anything in the tables."""
        return bool(self.errors.values.any())

    def forward(self, background: Tensor, std: float) -> HomogeneousObservation:
        """Turn a background into an observation of the window.

        Args:
            background: state of step 0, ``(lev, y, x)``.
            std: standard deviation of its error, white.
        """
        level = torch.tensor([float(std)], device=background.device)
        A, error = (matrices[0] for matrices in self.view(level))
        w, V = torch.linalg.eigh(error)
        whiten = (V * w.rsqrt()[:, None]) @ V.mT
        propagated = to_spectrum(self.propagate(background[None], level)).squeeze(0)
        values = torch.einsum("lkcd,dlk->clk", whiten[self.rings].to(propagated), propagated)
        return HomogeneousObservation((whiten @ A)[self.rings].to(propagated), values)

    def view(self, stds: Tensor) -> tuple[Tensor, Tensor]:
        """A of all steps, and the covariance Sigma of e: each ``(batch, rings, c, c)``, float64.

        Args:
            stds: standard deviations of the background error, ``(batch,)``.
        """
        steps = self.views(stds).double().permute(0, 2, 3, 4, 1)
        A = torch.diag_embed(steps).permute(0, 1, 4, 2, 5, 3).flatten(-2).flatten(-3, -2)
        variance = stds.double()[:, None, None] ** 2
        error = self.errors(stds).double() * error_scale(stds.double())[:, None, None, None] ** 2
        w, V = torch.linalg.eigh(error)
        return A, (V * torch.maximum(w, FLOOR * variance)[..., None, :]) @ V.mT

    def propagate(self, backgrounds: Tensor, stds: Tensor) -> Tensor:
        """Propagate backgrounds to every step, ``(batch, time, lev, y, x)``.

        Args:
            backgrounds: states of step 0, ``(batch, lev, y, x)``.
            stds: standard deviations of their errors, ``(batch,)``.
        """
        return self._propagate(backgrounds, self.gains(stds))

    def _propagate(self, backgrounds: Tensor, gains: Tensor) -> Tensor:
        start = apply(gains, backgrounds, self.rings).clamp(-LIMIT, LIMIT)
        later = self.trajectory(start, self.fields[0])[:, 1:]
        return torch.cat([backgrounds[:, None], later], 1)

    def fit_level(self, level: int, clean: Tensor, noise: Tensor) -> None:
        """Find the matrices of one background error by least squares.

        Args:
            level: index of the error's standard deviation.
            clean: windows, ``(count, time, lev, y, x)``.
            noise: standard normal fields, ``(count, lev, y, x)``.
        """
        std = float(self.errors.levels[level])
        background = clean[:, 0] + std * noise
        gains = regress(clean[:, 0], background, self.rings)
        self.gains.values[level] = gains
        propagated = self._propagate(background, gains[None])
        error = torch.empty_like(propagated)
        for k in range(self.fields[0]):
            A = regress(propagated[:, k], clean[:, k], self.rings).clamp(-STEEPEST, STEEPEST)
            self.views.values[level, k] = A
            error[:, k] = propagated[:, k] - apply(A[None], clean[:, k], self.rings)
        # divided by the scale of a denoiser's error, so that they change little between levels
        scale = error_scale(self.errors.levels[level]) ** 2
        self.errors.values[level] = moments(error.flatten(1, 2), self.rings) / scale
