r"""The analytic space-time Gaussian prior: zero training.

The climatological covariance of windows is one Hermitian matrix per wavenumber,
C(k) = V diag(w) V^H. At noise level s the denoiser and its error covariance are exactly

.. math::
    D(x) = F^{-1} V \, \mathrm{diag} \frac{w}{w + s^2} \, V^H F x , \qquad
    \mathrm{Cov}[x \mid x_s] = F^{-1} V \, \mathrm{diag} \frac{w s^2}{w + s^2} \, V^H F .
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import InputError
from .base import Prior
from .covariance import SpectralCovariance, estimate, product, to_spectrum, to_window


class GaussianPrior(Prior):
    """A zero-mean, statistically homogeneous Gaussian over windows.

    Args:
        matrices: C(k), complex ``(ny, nx//2 + 1, c, c)``.
        window: shape of a window, (time, lev, ny, nx) with time x lev = c.
        name: how the registry calls it.
    """

    flow_levels = None
    eigenvalues: Tensor
    eigenvectors: Tensor

    def __init__(self, matrices: Tensor, window: tuple[int, ...], name: str = "gaussian") -> None:
        super().__init__(name, window)
        w, V = torch.linalg.eigh(matrices)
        self.register_buffer("eigenvalues", w.clamp(min=1e-12))
        self.register_buffer("eigenvectors", torch.view_as_real(V))

    @classmethod
    def fit(
        cls, windows: Tensor, name: str = "gaussian", *, mirror: bool = False
    ) -> GaussianPrior:
        """Estimate the prior from windows, averaging over all shifts of the periodic grid.

        Args:
            windows: normalised windows of zero mean, ``(count, time, lev, y, x)``, at least as many
                as a window has fields; the prior computes in their precision.
            name: how the registry calls it.
            mirror: whether -q(x, -y) is a state of the system whenever q is, as for two-layer flow
                on a beta plane; the estimate then averages over both.

        Raises:
            InputError: for windows of another shape or type, too few of them, or values that are
                not finite.
        """
        check_windows(windows)
        window = tuple(windows.shape[1:])
        return cls(estimate(windows, mirror=mirror), window, name).to(windows.dtype)

    def denoise(self, x: Tensor, sigma: Tensor | float) -> Tensor:
        w, V = self.eigenvalues.permute(2, 0, 1), torch.view_as_complex(self.eigenvectors)
        if isinstance(sigma, Tensor) and sigma.ndim:
            sigma = sigma.flatten(-4, -3)
        modes = product(V.mH, to_spectrum(x))
        return to_window(product(V, w / (w + sigma**2) * modes), self.window)

    def error_covariance(self, sigma: float) -> SpectralCovariance:
        w = self.eigenvalues
        return self.covariance(w * sigma**2 / (w + sigma**2))

    @property
    def climatological_covariance(self) -> SpectralCovariance:
        return self.covariance(self.eigenvalues)

    def matrices(self) -> Tensor:
        """C(k) in double precision, positive definite whatever the precision of the prior."""
        V = torch.view_as_complex(self.eigenvectors).to(torch.complex128)
        return (V * self.eigenvalues.double()[..., None, :]) @ V.mH

    def covariance(self, eigenvalues: Tensor) -> SpectralCovariance:
        """The covariance with other eigenvalues ``(ny, nx//2 + 1, c)`` on the same eigenvectors."""
        V = torch.view_as_complex(self.eigenvectors)
        matrices = (V * eigenvalues[..., None, :]) @ V.mH
        root = (V * eigenvalues.sqrt()[..., None, :]) @ V.mH
        return SpectralCovariance(matrices, self.window, root)


def marginal(prior: GaussianPrior) -> GaussianPrior:
    """The Gaussian of single states of a stationary climate, from that of its windows.

    Args:
        prior: of windows; the covariances of their states are averaged.
    """
    time, lev, *grid = prior.window
    blocks = prior.matrices().unflatten(-1, (time, lev)).unflatten(-3, (time, lev))
    mean = torch.diagonal(blocks, dim1=-4, dim2=-2).mean(-1)
    found = GaussianPrior(mean, (1, lev, *grid), prior.name)
    return found.to(prior.eigenvalues.device, prior.eigenvalues.dtype)


def check_windows(windows: Tensor) -> None:
    """Raise unless the covariance of windows can be estimated from ``windows``.

    Raises:
        InputError: for another shape or type, too few windows, or values that are not finite.
    """
    if windows.ndim != 5 or not windows.is_floating_point():
        raise InputError(
            "windows", f"{tuple(windows.shape)} of {windows.dtype}",
            "must be floating-point numbers of shape (count, time, lev, y, x)",
            "Stack normalised windows; a ring is a grid of 1 x nx cells.",
        )
    fields = windows.shape[1] * windows.shape[2]
    if len(windows) < fields:
        raise InputError(
            "number of windows", len(windows),
            f"must be at least {fields}, the fields (time x lev) of a window",
            "Use more windows, or shorter ones.",
        )
    wrong = int((~torch.isfinite(windows)).sum())
    if wrong:
        raise InputError(
            "windows", f"{wrong} values that are not finite", "must be finite everywhere",
            "Leave out the windows with missing values.",
        )
