r"""Measured error covariance of a denoiser per wavenumber, on which guidance relies.

For the Gaussian prior the error covariance at noise level s has the eigenvalues
w s^2 / (w + s^2). A trained denoiser errs less: on held-out windows, its error e is
projected on the same eigenvectors, z = V^H F e, and the mean of |z|^2 over windows and rings of
equal wavenumber is divided by the analytic value. The table holds these ratios. By the law of
total covariance the product is the average of Cov[x | x_s].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ..covariance import SpectralCovariance, product, to_spectrum
from ..denoisers.rings import LogTable, ring_index, ring_sums
from ..gaussian import GaussianPrior

LEVELS = tuple(torch.logspace(-2, 1.9030899869919435, 14, dtype=torch.float64).tolist())
"""Noise levels of the tables: 14 from 0.01 to 80, evenly spaced in the logarithm."""


class ErrorTable(nn.Module):
    """Measured over analytic error variance, per noise level, ring and eigenvector; 1 at first.

    Args:
        window: shape of a window, (time, lev, y, x).
        levels: noise levels, increasing.
    """

    rings: Tensor

    def __init__(self, window: Sequence[int], levels: Sequence[float] = LEVELS) -> None:
        super().__init__()
        time, lev, ny, nx = window
        rings = ring_index(ny, nx)
        self.register_buffer("rings", rings, persistent=False)
        self.ratios = LogTable(levels, (int(rings.max()) + 1, time * lev))
        self.ratios.values.fill_(1.0)

    def covariance(self, gaussian: GaussianPrior, sigma: float) -> SpectralCovariance:
        """Average covariance of the window given a noisy one, never above sigma^2 or climate."""
        return gaussian.covariance(self.eigenvalues(gaussian, sigma))

    def eigenvalues(self, gaussian: GaussianPrior, sigma: float) -> Tensor:
        """Eigenvalues of that covariance, ``(ny, nx//2 + 1, c)``."""
        w = gaussian.eigenvalues
        ratio = self.ratios(torch.tensor([float(sigma)], device=w.device))[0][self.rings]
        found = torch.minimum(ratio.to(w) * w * sigma**2 / (w + sigma**2), w)
        return found.clamp(max=sigma**2)

    def measure(
        self,
        gaussian: GaussianPrior,
        denoise: Callable[[Tensor, float], Tensor],
        windows: Tensor,
        generator: torch.Generator,
        batch: int = 8,
    ) -> None:
        """Measure the errors of a denoiser and fill the table.

        Args:
            gaussian: the prior whose eigenvectors are used.
            denoise: the denoiser.
            windows: held out, ``(count, time, lev, y, x)``.
            generator: of the noise.
            batch: windows per pass.
        """
        for index, sigma in enumerate(self.ratios.levels.tolist()):
            squares = torch.zeros_like(gaussian.eigenvalues, dtype=torch.float64)
            for part in windows.split(batch):
                noise = torch.randn(part.shape, generator=generator).to(part)
                error = denoise(part + sigma * noise, sigma) - part
                squares += _modes(gaussian, error).double()
            self.ratios.values[index] = self._ratio(gaussian, squares / len(windows), sigma)

    def _ratio(self, gaussian: GaussianPrior, squares: Tensor, sigma: float) -> Tensor:
        w = gaussian.eigenvalues.double()
        measured, analytic = (
            ring_sums(z.permute(2, 0, 1), gaussian.window[-1]).mT
            for z in (squares, w * sigma**2 / (w + sigma**2))
        )
        return (measured / analytic).to(self.ratios.values)


def _modes(gaussian: GaussianPrior, error: Tensor) -> Tensor:
    """Sum over windows of |V^H F e|^2, ``(ny, nx/2 + 1, c)``."""
    V = torch.view_as_complex(gaussian.eigenvectors)
    z = product(V.mH, to_spectrum(error))
    return (z.real**2 + z.imag**2).sum(0).permute(1, 2, 0)
